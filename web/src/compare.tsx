/** Who is preferred to whom: the only page that names models, and only to reviewers. */

import type { JSX } from "preact";
import { get, type Schema } from "./net";
import { count, useLoaded } from "./parts";

export function Compare({ project, reviewer }: { project: Schema<"Project">; reviewer: boolean }): JSX.Element {
  return (
    <main class="page">
      <h1>Compare</h1>
      {project.mode === "compare" ? (
        <>
          <p>
            Two answers side by side, without names: 1 the left is better, 2 the right, 3 equally good, 4 both are bad.
          </p>
          <p>
            <a class="button send" href={`#/p/${project.slug}/rank`}>
              Start to compare
            </a>
          </p>
        </>
      ) : (
        <p class="soft">This project ranks lists; each list counts below as the pairs that it decides.</p>
      )}
      {reviewer && <Results slug={project.slug} />}
    </main>
  );
}

function Results({ slug }: { slug: string }): JSX.Element {
  const told = useLoaded(() => get("/api/v1/projects/{p}/comparison", { p: slug }), slug);
  const now = told.value;
  if (!now) return <p role="status">{told.fault ? told.fault.message : "One moment …"}</p>;
  if (now.pairs.length === 0) {
    return (
      <p class="soft">
        {now.n === 0
          ? "Nothing has been compared yet."
          : "No prompt was answered by two different models so far, so there is nobody to compare."}
      </p>
    );
  }
  return (
    <section>
      <h2>Who is preferred</h2>
      <p class="soft">From {count(now.n)} {now.n === 1 ? "judgement" : "judgements"}. A tie counts half. The bar shows where the true rate may lie.</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Who is preferred">
        <table class="pairs">
          <thead>
            <tr>
              {["this one", "against", "wins", "ties", "losses", "win rate", "0 – 50 – 100 %"].map((title) => (
                <th scope="col">{title}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {now.pairs.map((one) => (
              <tr>
                <th scope="row">{one.a}</th>
                <th scope="row">{one.b}</th>
                <td>{count(one.wins)}</td>
                <td>{count(one.ties)}</td>
                <td>{count(one.losses)}</td>
                <td>
                  <strong>{percent(one.win_rate)}</strong>{" "}
                  <span class="soft">
                    [{percent(one.low)}, {percent(one.high)}]
                  </span>
                </td>
                <td>
                  <svg class="range" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">
                    <line x1="50" x2="50" y1="0" y2="10" />
                    <rect x={one.low * 100} width={Math.max(1, (one.high - one.low) * 100)} y="3" height="4" />
                    <rect class="point" x={one.win_rate * 100 - 0.7} width="1.4" y="0" height="10" />
                  </svg>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

const percent = (value: number): string => `${(value * 100).toFixed(1)} %`;

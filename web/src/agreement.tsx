/** How far people agree, who works how, and where a reviewer's decision helps. */

import type { JSX } from "preact";
import { get, type Schema } from "./net";
import { count, Figure, Pending, share, tally, two, useLoaded } from "./parts";

export function Agreement({ slug }: { slug: string }): JSX.Element {
  const told = useLoaded(() => get("/api/v1/projects/{p}/agreement", { p: slug }), slug);
  const now = told.value;
  if (!now) return <Pending of={told} />;
  return (
    <main class="page wide">
      <h1>Agreement</h1>
      <p class="big">
        Krippendorff’s alpha <Figure of={now.alpha} />
        {now.alpha && <span class="soft"> from {count(now.alpha.n)} comparisons</span>}
      </p>
      <p class="soft">1: people agree fully; 0: as if by chance. In brackets: where the true figure may lie.</p>
      <Annotators of={now.annotators} />
      {now.matrix.length > 1 && <Matrix of={now} />}
      <Hardest of={now.hardest} slug={slug} />
      {now.skipped.length > 0 && <Skipped of={now.skipped} slug={slug} />}
      {now.tags.length > 0 && (
        <section>
          <h2>By tag</h2>
          <ul>
            {now.tags.map((one) => (
              <li>
                {one.tag}: <Figure of={one.alpha} />
              </li>
            ))}
          </ul>
        </section>
      )}
    </main>
  );
}

const COLUMNS: readonly (readonly [string, string])[] = [
  ["annotator", "a pseudonym"],
  ["worth a look", "signs, not verdicts: screening, not misconduct"],
  ["n", "answers, skips left out"],
  ["agreement", "with the others on the same tasks"],
  ["gold", "certain pairs of gold tasks respected"],
  ["attention", "checks of attention passed"],
  ["self", "pairs of repeated tasks ordered as before"],
  ["first is best", "how often the best was the one shown first"],
  ["ties", "share of pairs tied"],
  ["seconds", "median active seconds a task"],
];

function Annotators({ of }: { of: readonly Schema<"AnnotatorLine">[] }): JSX.Element {
  if (of.length === 0) return <p>Nobody has answered yet.</p>;
  return (
    <section>
      <h2>Annotators</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="Annotators">
        <table class="figures">
          <thead>
            <tr>
              {COLUMNS.map(([name]) => (
                <th scope="col">
                  {name}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {of.map((one) => (
              <tr>
                <th scope="row">{one.name}</th>
                <td class="flags">
                  {one.flags.length === 0 ? (
                    <span class="soft">–</span>
                  ) : (
                    one.flags.map((flag) => (
                      <span class="flag">
                        ⚑ {flag.name} <span class="soft">{flag.why}</span>
                      </span>
                    ))
                  )}
                </td>
                <td>{count(one.judgements)}</td>
                <td>{two(one.agreement)}</td>
                <td>{tally(one.gold)}</td>
                <td>{tally(one.attention)}</td>
                <td>{tally(one.self)}</td>
                <td>{share(one.first_share)}</td>
                <td>{share(one.tie_share)}</td>
                <td>{one.median_seconds === null ? "–" : Math.round(one.median_seconds)}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <p class="soft">A flag is a sign that something may be worth a look. It screens; it accuses nobody.</p>
      <details>
        <summary>What the columns say</summary>
        <ul>
          {COLUMNS.map(([name, why]) => (
            <li>
              <strong>{name}</strong>: {why}
            </li>
          ))}
        </ul>
      </details>
    </section>
  );
}

function Matrix({ of }: { of: Schema<"Agreement"> }): JSX.Element {
  return (
    <section>
      <h2>Each two of them</h2>
      <p class="soft">Kendall’s tau on the tasks that both judged: 1 the same order, −1 the reverse.</p>
      <div class="scroll" tabIndex={0} role="region" aria-label="Agreement of each two annotators">
        <table class="matrix">
          <thead>
            <tr>
              <td />
              {of.annotators.map((one) => (
                <th scope="col">{one.name}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {of.matrix.map((row, i) => (
              <tr>
                <th scope="row">{of.annotators[i]?.name}</th>
                {row.map((value, j) => (
                  <td class={i === j || value === null ? "" : value < 0.2 ? "low" : value > 0.6 ? "high" : ""}>
                    {i === j ? "·" : two(value)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Hardest({ of, slug }: { of: readonly Schema<"Hard">[]; slug: string }): JSX.Element {
  return (
    <section>
      <h2>Hardest prompts</h2>
      {of.length === 0 ? (
        <p class="soft">No task has been judged differently by two people.</p>
      ) : (
        <ol class="hardest">
          {of.map((one) => (
            <li>
              <a href={`#/p/${slug}/task/${one.task}`}>{one.prompt || one.prompt_id}</a>{" "}
              <span class="soft">{share(one.disagreement)} of pairs contradict each other</span>
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function Skipped({ of, slug }: { of: readonly Schema<"Skipped">[]; slug: string }): JSX.Element {
  return (
    <section>
      <h2>Skipped</h2>
      <ul>
        {of.map((one) => (
          <li>
            <a href={`#/p/${slug}/task/${one.task}`}>{one.prompt}</a>{" "}
            <span class="soft">
              {one.by}: {one.reason}
            </span>
          </li>
        ))}
      </ul>
    </section>
  );
}

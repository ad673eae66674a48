/** Where the loop stands, how far the people are, and what to do next. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Add, TakeOut } from "./material";
import { get, post, type Schema } from "./net";
import { count, Empty, Outcome, Pending, useDeed, useLoaded } from "./parts";
import { marked } from "./prose";

const STATES = {
  done: "✓ done",
  working: "▸ at work",
  waiting: "○ waiting",
  damaged: "✕ damaged",
  unknown: "– not known here",
} as const;

export function Overview({ project, me }: { project: Schema<"Project">; me: Schema<"Me"> }): JSX.Element {
  const told = useLoaded(() => get("/api/v1/projects/{p}/overview", { p: project.slug }), project.slug);
  const now = told.value;
  if (!now) return <Pending of={told} />;
  const left = Math.max(0, now.total - now.done);
  const verb = project.mode === "compare" ? "compare" : "rank";
  return (
    <main class="page">
      <h1>{project.title}</h1>
      <section class="card pad next">
        <div class="grow">
          <p class="big">
            <strong>{count(now.done)}</strong> of {count(now.total)} {now.total === 1 ? "judgement" : "judgements"}
          </p>
          <progress max={Math.max(1, now.total)} value={now.done} aria-label="Judgements done" />
          {now.total === 0 ? (
            <p>There are no tasks yet.{me.role === "admin" ? " Add some below." : " They will appear here."}</p>
          ) : (
            <p class="soft">
              {left === 0 ? "Everything is judged" : `${count(left)} left`}
              {project.overlap > 1 && `; each task is judged by ${project.overlap} people`}
            </p>
          )}
        </div>
        {left > 0 && (
          <a class="button send" href={`#/p/${project.slug}/rank`}>
            Start to {verb}
          </a>
        )}
      </section>
      {now.advice.length > 0 && me.role !== "annotator" && (
        <section>
          <h2>What to do next</h2>
          <ol class="advice">
            {now.advice.map((one) => (
              <li>{marked(one)}</li>
            ))}
          </ol>
        </section>
      )}
      {now.loop.some((node) => node.name !== "rankings" && node.state !== "unknown") && <Loop of={now.loop} />}
      {now.per_day.length > 0 && <Days of={now.per_day} />}
      {me.role === "admin" && <Add slug={project.slug} done={told.again} />}
      {me.role === "admin" && <TakeOut slug={project.slug} />}
    </main>
  );
}

/** What the tasks came from and what becomes of them; of tasks that came from a file nothing of it is known. */
function Loop({ of }: { of: readonly Schema<"Node">[] }): JSX.Element {
  return (
    <section>
      <h2>The loop</h2>
      <ol class="loop">
        {of.map((node) => (
          <li class={`node ${node.state}`}>
            <span class="name">{node.name}</span>
            <span class="many">{node.count === null ? " " : count(node.count)}</span>
            {(node.count === null || node.state !== "unknown") && (
              <span class="state">{STATES[node.state]}</span>
            )}
            {node.note && <span class="soft">{node.note}</span>}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** One bar a day; the table below says the same in numbers. */
function Days({ of }: { of: readonly Schema<"Day">[] }): JSX.Element {
  const most = Math.max(...of.map((day) => day.count), 1);
  const wide = 100 / Math.max(of.length, 14);
  return (
    <section>
      <h2>Judgements a day</h2>
      <svg class="days" viewBox="0 0 100 30" preserveAspectRatio="none" aria-hidden="true">
        {of.map((day, i) => (
          <rect
            x={i * wide + wide * 0.1}
            y={30 - (28 * day.count) / most}
            width={wide * 0.8}
            height={(28 * day.count) / most}
          />
        ))}
      </svg>
      <p class="soft between">
        <span>{of[0]!.day}</span>
        <span>most on one day: {count(most)}</span>
        {of.length > 1 && <span>{of.at(-1)!.day}</span>}
      </p>
      <details>
        <summary>In numbers</summary>
        <div class="scroll" tabIndex={0} role="region" aria-label="Judgements a day">
          <table class="slim">
            <thead>
              <tr>
                <th scope="col">day (UTC)</th>
                <th scope="col">judgements</th>
              </tr>
            </thead>
            <tbody>
              {[...of].reverse().map((day) => (
                <tr>
                  <td>{day.day}</td>
                  <td>{count(day.count)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </details>
    </section>
  );
}

/** All projects of whoever asks. */
export function Projects({ me, changed }: { me: Schema<"Me">; changed: () => void }): JSX.Element {
  const told = useLoaded(() => get("/api/v1/projects"), "projects");
  const again = (): void => {
    told.again();
    changed();
  };
  if (!told.value) return <Pending of={told} />;
  if (told.value.length === 0 && me.role !== "admin") {
    return (
      <Empty title="No project yet">
        <p>Whoever invited you has not given you a project yet. Come back a little later.</p>
      </Empty>
    );
  }
  return (
    <main class="page">
      <h1>Projects</h1>
      <ul class="projects">
        {told.value.map((one) => (
          <li class="card pad" key={one.slug}>
            <a href={`#/p/${one.slug}`}>{one.title}</a>
            <progress max={Math.max(1, one.total)} value={one.done} aria-label={`${one.title}: judgements done`} />
            <span class="soft">
              {one.total === 0 ? "no tasks yet" : `${count(one.done)} of ${count(one.total)}`}
            </span>
          </li>
        ))}
      </ul>
      {me.role === "admin" && <NewProject done={again} first={told.value.length === 0} />}
    </main>
  );
}

const MODES = {
  order: "Rank a list, best first",
  "best-worst": "Name the best and the worst",
  compare: "Compare two, blind",
} as const;

function NewProject({ done, first }: { done: () => void; first: boolean }): JSX.Element {
  const [title, setTitle] = useState("");
  const [mode, setMode] = useState<keyof typeof MODES>("order");
  const [overlap, setOverlap] = useState(1);
  const [partial, setPartial] = useState(false);
  const deed = useDeed();
  const slug = title.toLowerCase().normalize("NFKD").replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
  const make = async (): Promise<string> => {
    const asked = { aspects: [], difference: false, gold_share: 0, repeat_share: 0, attention_share: 0 };
    await post("/api/v1/projects", {}, {
      ...asked, slug, title, overlap, mode, partial_allowed: partial, lease_minutes: 30,
    });
    setTitle("");
    done();
    return "Made.";
  };
  return (
    <details class="write" open={first}>
      <summary>New project</summary>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          deed.run(make);
        }}
      >
        <label>
          Title
          <input value={title} maxLength={80} required onInput={(event) => setTitle(event.currentTarget.value)} />
        </label>
        <label>
          People are asked to
          <select value={mode} onChange={(event) => setMode(event.currentTarget.value as keyof typeof MODES)}>
            {Object.entries(MODES).map(([value, words]) => (
              <option value={value}>{words}</option>
            ))}
          </select>
        </label>
        <label>
          People for each task
          <input
            type="number"
            min={1}
            max={100}
            value={overlap}
            onInput={(event) => setOverlap(event.currentTarget.valueAsNumber || 1)}
          />
        </label>
        <label class="check">
          <input type="checkbox" checked={partial} onChange={(event) => setPartial(event.currentTarget.checked)} />
          <span>Some answers may stay unranked</span>
        </label>
        <button type="submit" disabled={deed.busy || !slug}>
          Make it
        </button>
      </form>
      <Outcome of={deed} />
    </details>
  );
}

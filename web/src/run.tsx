/** One run, live: where it stands, its numbers, its alarms, and what the policy says. */

import { Fragment, type JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Chart } from "./chart";
import { useLive, type Live } from "./live";
import { get, type Schema } from "./net";
import { count, Pending, useLoaded } from "./parts";
import { duration, figure, merged } from "./plot";
import { address, STATES, State, Verdict } from "./runs";
import { Alarms, Samples } from "./samples";
import { pursued, traced, type Drawn } from "./traces";

/** Stretches of steps that are asked for, and steps that are held before they are asked for anew. */
const [WIDTH, MOST] = [300, 700];
const API = "/api/v1/runs";

export function Run({ name, wish }: { name: string; wish: string }): JSX.Element {
  const at: Record<string, string> = { run: name, width: String(WIDTH), ...(wish && { stage: wish }) };
  const told = useLoaded(() => get("/api/v1/runs/{run}/curves", at), `${name}/${wish}`);
  const first = useLoaded(() => get("/api/v1/runs/{run}", { run: name }), name);
  const [now, setNow] = useState<{ from: Schema<"Curves">; curves: Schema<"Curves"> } | null>(null);
  const [view, setView] = useState<Schema<"RunView"> | null>(null);
  const begun = told.value;
  const curves = now && now.from === begun ? now.curves : begun;
  useEffect(() => setView(null), [name]);
  const query = new URLSearchParams({ since: begun?.mark ?? "", ...(wish && { stage: wish }) });
  const from = begun === null ? null : `${API}/${encodeURIComponent(name)}/live?${query.toString()}`;
  const hear = (news: Schema<"RunNews">): void => {
    setView(news.run);
    if (!begun || !curves) return;
    const more = news.afresh ? null : merged(curves, news.points, MOST);
    if (more === null) told.again();
    else if (more !== curves) setNow({ from: begun, curves: more });
  };
  const live = useLive(from, hear, first.again);
  const seen = view ?? first.value;
  if (first.fault?.status === 404 || !seen) return <Pending of={first} />;
  if (!curves) return <Pending of={told} />;
  return <Shown run={seen} curves={curves} live={live} wish={wish} />;
}

interface OfShown {
  run: Schema<"RunView">;
  curves: Schema<"Curves">;
  live: Live;
  wish: string;
}

function Shown({ run, curves, live, wish }: OfShown): JSX.Element {
  const stage = run.stages.find((one) => one.name === curves.stage);
  return (
    <main class="page wide run">
      <header>
        <p>
          <a href="#/runs">‹ Runs</a>
        </p>
        <h1>{run.name}</h1>
        <p class="standing">
          <State of={run.state} />
          {stage && <Pace name={stage.name} step={curves.steps.at(-1) ?? 0} latest={curves.latest} />}
          <span class={live === "lost" ? "bad" : "soft"} role="status">
            {live === "live" ? "⟳ live" : live === "lost" ? "the server is not answering; trying again" : ""}
          </span>
        </p>
      </header>
      <Gate run={run} />
      <Alarms of={curves.alarms} />
      <Stages run={run} wish={wish} shown={curves.stage} />
      {curves.stage === null ? (
        <section>
          <p class="soft">No stage has numbers to show yet. They appear here by themselves.</p>
          <Notes of={curves.notes} />
        </section>
      ) : (
        <Numbers curves={curves} />
      )}
      {curves.stage !== null && (
        <Samples run={run.name} stage={curves.stage} live={stage?.state === "at work"} />
      )}
      <Made run={run} curves={curves} />
    </main>
  );
}

function Notes({ of }: { of: string[] }): JSX.Element {
  return (
    <>
      {of.map((one) => (
        <p class="warn" key={one}>
          ⚠ {one}
        </p>
      ))}
    </>
  );
}

interface OfPace {
  name: string;
  step: number;
  latest: Record<string, number>;
}

function Pace({ name, step, latest }: OfPace): JSX.Element {
  const { seconds, tokens_per_second: speed, memory_mb: memory } = latest;
  return (
    <>
      <span>
        {name} <strong>step {count(step)}</strong>
      </span>
      {seconds !== undefined && step > 0 && <span>{duration(seconds / step)} a step</span>}
      {speed !== undefined && <span>{figure(speed)} tokens/s</span>}
      {memory !== undefined && <span>{memory > 2048 ? `${(memory / 1024).toFixed(1)} GB` : `${figure(memory)} MB`}</span>}
    </>
  );
}

function Gate({ run }: { run: Schema<"RunView"> }): JSX.Element | null {
  if (run.go === null && !run.report) return null;
  return (
    <section class="card pad verdict-of">
      <p class="big grow">
        {run.go === null ? "A report of an earlier gate is here." : "The gate says "}
        {run.go !== null && (
          <strong>
            <Verdict go={run.go} />
          </strong>
        )}
      </p>
      {run.report && (
        <a href={`${API}/${encodeURIComponent(run.name)}/report`} target="_blank" rel="noopener noreferrer">
          Open the report
        </a>
      )}
      {run.because.length > 0 && (
        <details>
          <summary>Because</summary>
          <ul>
            {run.because.map((one) => (
              <li>{one}</li>
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

function Stages({ run, wish, shown }: { run: Schema<"RunView">; wish: string; shown: string | null }): JSX.Element {
  return (
    <section>
      <h2>Stages</h2>
      <ol class="plain stages">
        {folded(run.stages).map((one) => (
          <li class={`node ${one.state === "at work" ? "working" : one.state}`} key={one.name}>
            <span class="name">
              {run.learning.includes(one.name) ? (
                <a href={address(run.name, one.name)} aria-current={one.name === shown ? "page" : undefined}>
                  {one.name}
                </a>
              ) : (
                one.name
              )}
            </span>
            <span class="state">
              {STATES[one.state]} {one.parts > 1 && `${one.done}/${one.parts}`}
            </span>
            <span class="soft">{duration(one.seconds)}</span>
          </li>
        ))}
      </ol>
      {wish && wish !== run.following && (
        <p class="soft">
          These are the numbers of {wish}.{" "}
          <a href={address(run.name)}>{run.state === "at work" ? "Follow what is being made" : `Back to ${run.following}`}</a>
        </p>
      )}
    </section>
  );
}

/** Stages of one kind that have no numbers of their own stand as one. */
function folded(stages: readonly Schema<"RunStage">[]): (Schema<"RunStage"> & { parts: number; done: number })[] {
  const groups = Map.groupBy(stages, (one) => (one.step === null ? one.name.split("/")[0]! : one.name));
  return [...groups].map(([name, all]) => {
    const state = (["at work", "stopped", "waiting"] as const).find((word) => all.some((one) => one.state === word));
    const seconds = all.every((one) => one.seconds === null) ? null : all.reduce((sum, one) => sum + (one.seconds ?? 0), 0);
    const done = all.filter((one) => one.state === "done").length;
    return { name, state: state ?? "done", seconds, step: all[0]!.step, parts: all.length, done };
  });
}

/** All charts of a stage, read at one place together. */
function Numbers({ curves }: { curves: Schema<"Curves"> }): JSX.Element {
  const [at, read] = useState<number | null>(null);
  const marks = useMemo(() => curves.alarms.map((one) => one.step), [curves.alarms]);
  const charts = useMemo(() => traced(curves), [curves]);
  const pursuit = useMemo(() => pursued(curves.looks), [curves.looks]);
  const peak = useMemo(() => (curves.peak === null ? [] : [curves.peak]), [curves.peak]);
  const [root, readRoot] = useState<number | null>(null);
  const erring = curves.charts.some((chart) => chart.lines.some((line) => line.error));
  const moving = charts.filter((one) => !one.steady);
  const against = pursuit && (
    <Chart
      title="Proxy and gold"
      unit="by √KL"
      about="Where gold falls while proxy rises, the policy learns the scorer's faults."
      traces={pursuit}
      axis="√KL"
      marks={peak}
      at={root}
      read={readRoot}
    />
  );
  return (
    <section>
      <h2>
        Numbers of {curves.stage} <span class="soft">by step</span>
      </h2>
      <Notes of={curves.notes} />
      {curves.outcome.length > 0 && <p>{curves.outcome.join(" ")}</p>}
      <div class="charts">
        {moving.map(({ chart, traces }, i) => (
          <Fragment key={chart.title}>
            <Chart
              title={chart.title}
              unit={chart.unit}
              about={chart.about}
              traces={traces}
              axis="step"
              marks={marks}
              at={at}
              read={read}
            />
            {i === 0 && against}
          </Fragment>
        ))}
        {moving.length === 0 && against}
      </div>
      <Steady of={charts.filter((one) => one.steady)} />
      <p class="soft">
        {curves.exact ? "Every step is drawn." : "Each point is the mean of a stretch of steps; the band is its least and most."}
        {erring && " The band around KL is its standard error."} Arrow keys read a chart in focus.
        {curves.alarms.length > 0 && " Upright lines are alarms."}
      </p>
    </section>
  );
}

/** What has never changed needs no chart: a line of figures, until it does. */
function Steady({ of }: { of: readonly Drawn[] }): JSX.Element | null {
  const figures = of.flatMap(({ chart, traces }) =>
    traces.map((one) => `${chart.title}${traces.length > 1 ? ` (${one.label})` : ""} ${figure(one.latest)}`),
  );
  return figures.length === 0 ? null : <p class="soft">Unchanged so far: {figures.join(" · ")}.</p>;
}

function Made({ run, curves }: { run: Schema<"RunView">; curves: Schema<"Curves"> }): JSX.Element {
  const rows = Object.entries(curves.latest).sort(([a], [b]) => a.localeCompare(b));
  return (
    <section class="two">
      <details>
        <summary>Latest numbers</summary>
        <Pairs of={rows.map(([name, value]) => [name, figure(value)])} label="Latest numbers" />
      </details>
      <details>
        <summary>How it was made</summary>
        <Pairs of={Object.entries(run.made)} label="How it was made" />
      </details>
    </section>
  );
}

function Pairs({ of, label }: { of: readonly (readonly [string, string])[]; label: string }): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label={label}>
      <table>
        <tbody>
          {of.map(([name, value]) => (
            <tr>
              <th scope="row">{name}</th>
              <td>{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

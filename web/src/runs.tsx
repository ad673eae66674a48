/** The runs of the folder that this server shows. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { get, type Schema } from "./net";
import { count, Empty, Pending, useLoaded } from "./parts";
import { duration } from "./plot";

const PAUSE = 5000;
export const STATES = {
  done: "✓ done",
  "at work": "● at work",
  stopped: "■ stopped",
  waiting: "○ waiting",
} as const;

export const address = (run: string, stage = ""): string =>
  `#/runs/${encodeURIComponent(run)}${stage && `/${encodeURIComponent(stage)}`}`;

export function State({ of }: { of: keyof typeof STATES }): JSX.Element {
  return <span class={`state ${of === "at work" ? "working" : of}`}>{STATES[of]}</span>;
}

export function Verdict({ go }: { go: boolean | null }): JSX.Element {
  if (go === null) return <span class="soft">–</span>;
  return go ? <span class="good">✓ go</span> : <span class="bad">✕ no-go</span>;
}

/** How long ago, in words. */
export function ago(seconds: number): string {
  const past = Date.now() / 1000 - seconds;
  return past < 5 ? "just now" : `${duration(past)} ago`;
}

export function Runs(): JSX.Element {
  const told = useLoaded(() => get("/api/v1/runs"), "runs");
  useEffect(() => {
    const timer = setInterval(() => document.hidden || told.again(), PAUSE);
    return () => clearInterval(timer);
  }, []);
  if (!told.value) return <Pending of={told} />;
  if (told.value.folder === null) {
    return (
      <Empty title="No runs here">
        <p>
          This server shows no runs. <code>concord web --runs DIR</code> serves those of a folder.
        </p>
      </Empty>
    );
  }
  return (
    <main class="page wide">
      <h1>
        Runs <span class="soft">in {told.value.folder}</span>
      </h1>
      {told.value.runs.length === 0 ? (
        <p>
          There is no run in this folder yet. <code>concord run recipe.yaml</code> begins one; it appears here by itself.
        </p>
      ) : (
        <Table of={told.value.runs} />
      )}
      {told.fault && <p role="alert">{told.fault.message}</p>}
    </main>
  );
}

function Table({ of }: { of: readonly Schema<"RunLine">[] }): JSX.Element {
  return (
    <div class="scroll" tabIndex={0} role="region" aria-label="Runs">
      <table class="runs">
        <thead>
          <tr>
            {["run", "state", "alarms", "gate", "stage", "step", "time", "last change"].map((title) => (
              <th scope="col">{title}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {of.map((one) => (
            <tr key={one.name}>
              <th scope="row">
                <a href={address(one.name)}>{one.name}</a>
              </th>
              <td>
                <State of={one.state} />
              </td>
              <td>{one.alarms ? <span class="warn">⚠ {one.alarms}</span> : "–"}</td>
              <td>
                <Verdict go={one.go} />
              </td>
              <td>{one.stage ?? "–"}</td>
              <td>{one.step === null ? "–" : count(one.step)}</td>
              <td>{one.seconds ? duration(one.seconds) : "–"}</td>
              <td>{ago(one.changed)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What a policy said: then and now, and where an alarm was raised. All of it is text of strangers. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { get, type Schema } from "./net";
import { useLoaded } from "./parts";
import { figure } from "./plot";
import { Said } from "./prose";

const PAUSE = 15_000;
/** What a run did when an alarm was raised. */
const DONE: Readonly<Record<string, string>> = {
  warn: "the run went on",
  stop: "the run was stopped",
  "roll-back": "the run went back to an earlier step",
};

/** Score, length and whether it was cut off, as far as they were noted down. */
function Facts({ of }: { of: Schema<"Sampled"> }): JSX.Element {
  const told = [
    of.score !== null && `score ${figure(of.score)}`,
    of.length !== null && `${of.length} tokens`,
    of.cut && "✂ cut off",
  ].filter(Boolean);
  return <p class="soft facts">{told.join(" · ") || " "}</p>;
}

function Prompt({ of }: { of: Schema<"Sampled">["prompt"] }): JSX.Element {
  return (
    <>
      {of.map((turn) => (
        <div class="turn">
          {of.length > 1 && <span class="role">{turn.role}</span>}
          <Said text={turn.content} />
        </div>
      ))}
    </>
  );
}

/** The alarms, the latest first, each with answers of its moment. */
export function Alarms({ of }: { of: readonly Schema<"RunAlarm">[] }): JSX.Element | null {
  if (of.length === 0) return null;
  return (
    <section class="alarms">
      <h2>
        ⚠ {of.length} {of.length === 1 ? "alarm" : "alarms"}
      </h2>
      <ul class="plain">
        {[...of].reverse().map((one) => (
          <li class="card pad alarm">
            <details>
              <summary>
                <strong>{one.rule}</strong> at step {figure(one.step)}: {figure(one.value)}
                {one.limit !== null && `, limit ${figure(one.limit)}`}
                {one.action && ` · ${DONE[one.action] ?? one.action}`}
                {one.first !== null && one.first !== one.step && ` · since step ${figure(one.first)}`}{" "}
                <span class="soft">{one.note}</span>
              </summary>
              {one.samples.length === 0 ? (
                <p class="soft">No answers were written down with it.</p>
              ) : (
                <ul class="plain three">
                  {one.samples.map((said) => (
                    <li>
                      <div class="soft">
                        <Prompt of={said.prompt} />
                      </div>
                      <Said text={said.text} />
                      <Facts of={said} />
                    </li>
                  ))}
                </ul>
              )}
            </details>
          </li>
        ))}
      </ul>
      <p class="soft">An alarm is a sign that something is worth a look; it is no verdict.</p>
    </section>
  );
}

/** The same prompts at the beginning of a stage and now. */
export function Samples({ run, stage, live }: { run: string; stage: string; live: boolean }): JSX.Element | null {
  const told = useLoaded(() => get("/api/v1/runs/{run}/samples", { run, stage }), `${run}/${stage}`);
  useEffect(() => {
    if (!live) return;
    const timer = setInterval(() => document.hidden || told.again(), PAUSE);
    return () => clearInterval(timer);
  }, [run, stage, live]);
  const now = told.value;
  if (!now || now.round === null) return null;
  return (
    <section>
      <h2>
        Before and now <span class="soft">round {figure(now.round)}</span>
      </h2>
      <ol class="plain pairs-said">
        {now.pairs.map((one) => (
          <li class="card pad">
            <div>
              <h3>Prompt</h3>
              <Prompt of={one.now.prompt} />
            </div>
            <div>
              <h3>
                Before <span class="soft">{one.round !== null && `round ${one.round}`}</span>
              </h3>
              {one.before === null ? (
                <p class="soft">Nothing alike was asked earlier.</p>
              ) : (
                <>
                  {!one.same && (
                    <details>
                      <summary class="soft">to a prompt that is alike</summary>
                      <Prompt of={one.before.prompt} />
                    </details>
                  )}
                  <Said text={one.before.text} />
                  <Facts of={one.before} />
                </>
              )}
            </div>
            <div>
              <h3>Now</h3>
              <Said text={one.now.text} />
              <Facts of={one.now} />
            </div>
          </li>
        ))}
      </ol>
    </section>
  );
}

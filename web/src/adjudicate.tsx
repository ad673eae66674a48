/** A reviewer looks at all that was said of one task, blind, and decides. */

import type { JSX } from "preact";
import { useEffect, useReducer, useState } from "preact/hooks";
import { Board, Strip } from "./board";
import { forget, keep, kept } from "./kept";
import { meaning } from "./keys";
import { get, post, unique, type Schema } from "./net";
import { Outcome, Pending, useDeed, useLoaded } from "./parts";
import { signs } from "./prose";
import { answer, begin, missing, placed, resume, type Rules, type State } from "./ranking";
import { reduce } from "./reduce";

const REASONS = {
  ambiguous: "the prompt is ambiguous",
  "guideline gap": "the guideline is silent",
  slip: "somebody slipped",
  taste: "a real difference of taste",
} as const;
type Reason = keyof typeof REASONS;

interface OfTask {
  project: Schema<"Project">;
  who: number;
  task: string;
}

export function Adjudicate({ project, who, task }: OfTask): JSX.Element {
  const told = useLoaded(
    () => get("/api/v1/projects/{p}/tasks/{task}", { p: project.slug, task }),
    `${project.slug}/${task}`,
  );
  if (!told.value) return <Pending of={told} />;
  const shown = told.value.task.task;
  return <Decide key={shown} project={project} who={who} number={task} told={told.value} again={told.again} />;
}

interface Given {
  project: Schema<"Project">;
  who: number;
  number: string;
  told: Schema<"Opinions">;
  again: () => void;
}

/** A decision that was begun. */
interface Begun {
  readonly state: State;
  readonly reason: Reason | null;
  readonly comment: string;
}

function Decide({ project, who, number, told, again }: Given): JSX.Element {
  const ids = told.task.candidates.map((one) => one.id);
  const rules: Rules = { mode: "order", partial: project.partial_allowed, difference: false, aspects: [] };
  const name = `decision:${who}:${project.slug}/${number}`;
  const [left] = useState(() => kept<Begun>(localStorage, name));
  const [state, act] = useReducer(reduce, left ? resume(rules, ids, left.state) : begin(rules, ids));
  const [reason, setReason] = useState<Reason | null>(left?.reason ?? null);
  const [comment, setComment] = useState(left?.comment ?? "");
  useEffect(() => {
    const begun: Begun = { state, reason, comment };
    if (placed(state).length || state.allBad || reason || comment) keep(localStorage, name, begun);
    else forget(localStorage, name);
  }, [state, reason, comment]);
  const deed = useDeed();
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      if (event.target instanceof HTMLElement && event.target.matches("input, textarea, select, button, a")) return;
      const said = meaning(event, state);
      if (said === null || typeof said === "string" || said.do === "open") return;
      event.preventDefault();
      act(said);
    };
    document.addEventListener("keydown", press);
    return () => document.removeEventListener("keydown", press);
  }, [state]);
  const lacking = missing(state) ?? (reason === null ? "Say why the others differed." : null);
  const decide = async (): Promise<string> => {
    const said = answer(state);
    await post("/api/v1/projects/{p}/tasks/{task}/adjudicate", { p: project.slug, task: number }, {
      key: unique(),
      tiers: said.tiers.map((tier) => [...tier]),
      all_bad: said.all_bad,
      reason: reason!,
      comment: comment.trim() || null,
    });
    forget(localStorage, name);
    again();
    return "Decided. It stands beside the other answers and replaces none.";
  };
  return (
    <main class="page wide">
      <p>
        <a href={`#/p/${project.slug}/agreement`}>‹ Agreement</a>
      </p>
      <h1>Task {number}</h1>
      <section class="prompt open">
        {told.task.prompt.messages.map((turn) => (
          <div class="turn">
            <span class="role">{turn.role}</span>
            <p class="said" dir="auto">
              {signs(turn.content)}
            </p>
          </div>
        ))}
      </section>
      <Said of={told.judgements} ids={ids} />
      <h2>Your decision</h2>
      <Board state={state} candidates={told.task.candidates} act={act} edits={false} />
      <div class="card pad decide">
        <Strip state={state} act={act} />
        <div class="verdict" role="group" aria-label="Why the others differed">
          <span class="soft">Why the others differed</span>
          {(Object.entries(REASONS) as [Reason, string][]).map(([value, words]) => (
            <button type="button" aria-pressed={reason === value} onClick={() => setReason(value)}>
              {words}
            </button>
          ))}
        </div>
        <label>
          Comment
          <input value={comment} maxLength={5000} onInput={(event) => setComment(event.currentTarget.value)} />
        </label>
        <p>
          <button type="button" class="send" disabled={lacking !== null || deed.busy} onClick={() => deed.run(decide)}>
            Decide
          </button>{" "}
          <span class="soft">{lacking}</span>
        </p>
        <Outcome of={deed} />
      </div>
    </main>
  );
}

function Said({ of, ids }: { of: readonly Schema<"Opinion">[]; ids: readonly string[] }): JSX.Element {
  const name = (id: string): string => String(ids.indexOf(id) + 1);
  const shown = (one: Schema<"Opinion">): string =>
    one.skip !== null
      ? `skipped: ${one.skip}`
      : [one.tiers.map((tier) => tier.map(name).join(" = ")).join(" › "), one.all_bad ? "all bad" : ""]
          .filter(Boolean)
          .join(", ");
  return (
    <section>
      <h2>What was said</h2>
      <div class="scroll" tabIndex={0} role="region" aria-label="What was said">
        <table>
          <thead>
            <tr>
              {["by", "order", "seconds", "kind", "comment"].map((title) => (
                <th scope="col">{title}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {of.map((one) => (
              <tr>
                <th scope="row">{one.by}</th>
                <td class="order">{shown(one)}</td>
                <td>{one.active_seconds === null ? "–" : Math.round(one.active_seconds)}</td>
                <td>
                  {one.kind}
                  {one.reason && `: ${one.reason}`}
                </td>
                <td>{one.comment ?? ""}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

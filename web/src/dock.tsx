/** The dock below the candidates: the order so far, and everything that can be done, by key and by hand. */

import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { spoken, Strip } from "./board";
import type { Desk } from "./desk";
import type { Meaning } from "./keys";
import { missing, REASONS, type State } from "./ranking";
import type { Action } from "./reduce";

interface OfDock {
  desk: Desk;
  state: State;
  act: (action: Action) => void;
  carryOut: (said: Meaning) => void;
}

export function Dock({ desk, state, act, carryOut }: OfDock): JSX.Element {
  const lacking = missing(state);
  const key = (name: string, said: Meaning, words: string, on = false): JSX.Element => (
    <button
      type="button"
      class={on ? "key on" : "key"}
      aria-pressed={on ? true : undefined}
      onClick={() => {
        desk.alive(true, true);
        carryOut(said);
      }}
    >
      <kbd>{name}</kbd> {words}
    </button>
  );
  return (
    <footer class="dock">
      {state.panel === "skip" && <Skip state={state} act={act} />}
      {(state.panel === "comment" || state.comment) && <Comment state={state} act={act} />}
      {state.mode === "compare" ? <Verdict state={state} act={act} /> : <Strip state={state} act={act} />}
      <p class={desk.notice ? "notice" : "hidden"} role="status" aria-live="polite">
        {desk.notice || spoken(state)}
      </p>
      <div class="bottom">
      <div class="keys" role="toolbar" aria-label="What to do">
        {state.mode === "order" && key("=", { do: "tie" }, "tie", state.joining)}
        {key("⌫", { do: "back" }, "take back")}
        {state.mode !== "compare" && key("0", { do: "bad" }, "all bad", state.allBad)}
        {state.mode === "best-worst" && key("b", { do: "pick", end: "best" }, "best", state.pick === "best")}
        {state.mode === "best-worst" && key("w", { do: "pick", end: "worst" }, "worst", state.pick === "worst")}
        {state.rules.aspects.length > 0 &&
          key("a", { do: "open", panel: "aspects" }, "marks", state.panel === "aspects")}
        {key("d", { do: "difference" }, "differences", state.difference)}
        {key("c", { do: "open", panel: "comment" }, "comment", state.panel === "comment")}
        {key("s", { do: "open", panel: "skip" }, "skip", state.panel === "skip")}
        {key("u", "undo", "undo")}
        {key("g", "guideline", "guide")}
        {key("?", "help", "help")}
      </div>
        <button
          type="button"
          class={lacking === null ? "send" : "send not-yet"}
          aria-disabled={lacking !== null}
          title={lacking ?? "Enter"}
          onClick={() => desk.send()}
        >
          <kbd>⏎</kbd> {state.skip !== null || state.panel === "skip" ? "Skip" : desk.hand?.revises ? "Change" : "Send"}
        </button>
      </div>
    </footer>
  );
}

const VERDICTS = ["A is better", "B is better", "equally good", "both are bad"];

function Verdict({ state, act }: Pick<OfDock, "state" | "act">): JSX.Element {
  const [first, second] = state.tiers;
  const said = state.allBad ? 4 : !first ? 0 : !second ? 3 : first[0] === state.ids[0] ? 1 : 2;
  return (
    <div class="verdict" role="group" aria-label="Which is better?">
      {VERDICTS.map((words, i) => (
        <button type="button" aria-pressed={said === i + 1} onClick={() => act({ do: "digit", digit: i + 1 })}>
          <kbd>{i + 1}</kbd> {words}
        </button>
      ))}
    </div>
  );
}

function Skip({ state, act }: Pick<OfDock, "state" | "act">): JSX.Element {
  const own = state.skip !== null && !REASONS.some((reason) => reason === state.skip);
  return (
    <div class="panel" role="group" aria-label="Why skip this?">
      <span>Why skip this?</span>
      {REASONS.map((reason, i) => (
        <button type="button" aria-pressed={state.skip === reason} onClick={() => act({ do: "skip", reason })}>
          <kbd>{i + 1}</kbd> {reason}
        </button>
      ))}
      <input
        aria-label="Another reason"
        placeholder="another reason"
        maxLength={500}
        value={own ? (state.skip ?? "") : ""}
        onInput={(event) => act({ do: "skip", reason: event.currentTarget.value || null })}
      />
      <button type="button" class="small" onClick={() => act({ do: "close" })}>
        <kbd>Esc</kbd> back
      </button>
    </div>
  );
}

function Comment({ state, act }: Pick<OfDock, "state" | "act">): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  useLayoutEffect(() => {
    if (state.panel === "comment") field.current?.focus(); // before the next key can come
  }, [state.panel]);
  return (
    <div class="panel">
      <input
        ref={field}
        class="grow"
        aria-label="Comment; Enter or Escape when done"
        placeholder="Comment on this task. Enter or Escape when done."
        maxLength={5000}
        value={state.comment}
        onInput={(event) => act({ do: "comment", text: event.currentTarget.value })}
      />
    </div>
  );
}

/** The page on which people rank: the prompt pinned, the candidates, and the dock with the order and the keys. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { Board, spoken, Strip } from "./board";
import { Desk } from "./desk";
import { Guide } from "./guideline";
import { HELP, HELP_TO_COMPARE, meaning, type Meaning } from "./keys";
import type { Schema } from "./net";
import type { Outbox } from "./outbox";
import { Empty } from "./parts";
import { missing, REASONS, type State } from "./ranking";
import type { Action } from "./reduce";

interface Given {
  readonly project: Schema<"Project">;
  readonly outbox: Outbox;
  readonly progressed: (progress: Schema<"Progress"> | null) => void;
}

export function Rank({ project, outbox, progressed }: Given): JSX.Element {
  const [, changed] = useReducer((n: number) => n + 1, 0);
  const desk = useRef<Desk>(null);
  const [side, setSide] = useState<"help" | "guideline" | null>(null);
  desk.current ??= new Desk(project, outbox, () => changed(null));
  const at = desk.current;

  useEffect(() => {
    void at.open();
    const keep = (): void => at.keepDraft();
    window.addEventListener("pagehide", keep);
    return () => {
      window.removeEventListener("pagehide", keep);
      at.close();
    };
  }, [at]);
  useEffect(() => progressed(at.progress), [at.progress]);
  useKeys(at, side, setSide);
  usePaintTime(at.hand?.task.task);

  const hand = at.hand;
  if (!hand) return <Waiting desk={at} project={project} />;
  const act = (action: Action): void => {
    at.alive(true, true);
    at.act(action);
  };
  return (
    <main class="rank" onMouseDown={keepFocus}>
      {side && <Side kind={side} project={project} close={() => setSide(null)} />}
      <Prompt key={hand.task.task} messages={hand.task.prompt.messages} />
      <Board key={`b${hand.task.task}`} state={hand.state} candidates={hand.task.candidates} act={act} />
      <Dock desk={at} state={hand.state} act={act} carryOut={(said) => carryOut(at, said, side, setSide)} />
    </main>
  );
}

/** A button that was clicked does not keep the focus: Enter still sends. */
function keepFocus(event: MouseEvent): void {
  if (event.target instanceof Element && event.target.closest("button")) event.preventDefault();
}

type SetSide = (side: "help" | "guideline" | null) => void;

function carryOut(desk: Desk, said: Meaning, side: "help" | "guideline" | null, setSide: SetSide): void {
  if (said === "send") desk.send();
  else if (said === "undo") void desk.undo();
  else if (said === "help" || said === "guideline") setSide(side === said ? null : said);
  else if (said === "down" || said === "up") scroll(said === "down" ? 1 : -1);
  else if (said.do === "close" && side) setSide(null);
  else if (said.do === "close" && desk.hand?.revises && !desk.hand.state.panel && !desk.hand.state.zoom) desk.leave();
  else desk.act(said);
}

function scroll(way: number): void {
  const body = document.querySelector(".card.focused .body");
  body?.scrollBy({ top: way * body.clientHeight * 0.6 });
}

/** One listener for the whole page. Fields keep their keys; a button in focus keeps Enter and space. */
function useKeys(desk: Desk, side: "help" | "guideline" | null, setSide: SetSide): void {
  useEffect(() => {
    const press = (event: KeyboardEvent): void => {
      const state = desk.hand?.state;
      const target = event.target instanceof HTMLElement ? event.target : document.body;
      if (event.isComposing) return;
      if (!state) return event.key === "u" && !event.ctrlKey && !event.metaKey ? void desk.undo() : undefined;
      desk.alive(true, true);
      if (target.matches("input, textarea, select")) {
        const done = event.key === "Escape" || (event.key === "Enter" && (target.matches("input") || event.ctrlKey));
        if (!done) return;
        target.blur();
        event.preventDefault();
        if (event.key === "Escape" || state.panel !== "skip") return desk.act({ do: "close" });
      }
      if (target.matches("button, a, summary") && (event.key === "Enter" || event.key === " ")) return;
      const said = meaning(event, state);
      if (said === null || (event.repeat && said !== "down" && said !== "up")) return;
      event.preventDefault();
      if (said === "send") performance.mark("concord:enter", { startTime: event.timeStamp });
      carryOut(desk, said, side, setSide);
    };
    const life = (): void => desk.alive(false, document.visibilityState === "visible" && document.hasFocus());
    const signs = ["pointermove", "pointerdown", "wheel", "focus", "blur"];
    document.addEventListener("keydown", press);
    document.addEventListener("visibilitychange", life);
    signs.forEach((sign) => window.addEventListener(sign, life, { passive: true }));
    return () => {
      document.removeEventListener("keydown", press);
      document.removeEventListener("visibilitychange", life);
      signs.forEach((sign) => window.removeEventListener(sign, life));
    };
  }, [desk, side]);
}

/** From the key that sends to the next task on the screen, for whoever measures. */
function usePaintTime(task: string | undefined): void {
  useLayoutEffect(() => {
    if (!task || !performance.getEntriesByName("concord:enter").length) return;
    requestAnimationFrame(() => {
      const painted = new MessageChannel();
      painted.port1.onmessage = () => {
        if (performance.getEntriesByName("concord:enter").length) performance.measure("concord:next", "concord:enter");
        performance.clearMarks("concord:enter");
      };
      painted.port2.postMessage(null);
    });
  }, [task]);
}

function Prompt({ messages }: { messages: readonly Schema<"Turn">[] }): JSX.Element {
  const box = useRef<HTMLElement>(null);
  useLayoutEffect(() => {
    const last = box.current?.lastElementChild;
    if (box.current && last instanceof HTMLElement) box.current.scrollTop = last.offsetTop - box.current.offsetTop;
  }, []);
  return (
    <section class="prompt" ref={box} tabIndex={0} aria-label="Prompt">
      {messages.map((turn) => (
        <div class="turn">
          <span class="role">{turn.role}</span>
          <p class="said" dir="auto">
            {turn.content}
          </p>
        </div>
      ))}
    </section>
  );
}

interface OfDock {
  desk: Desk;
  state: State;
  act: (action: Action) => void;
  carryOut: (said: Meaning) => void;
}

function Dock({ desk, state, act, carryOut }: OfDock): JSX.Element {
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

interface OfSide {
  kind: "help" | "guideline";
  project: Schema<"Project">;
  close: () => void;
}

function Side({ kind, project, close }: OfSide): JSX.Element {
  const keys = project.mode === "compare" ? HELP_TO_COMPARE : HELP;
  return (
    <aside class="side" aria-label={kind === "help" ? "Help" : "Guideline"}>
      <button type="button" class="small" onClick={close}>
        <kbd>Esc</kbd> close
      </button>
      {kind === "help" ? (
        <>
          <h2>Keys</h2>
          <dl>
            {keys.map(([key, words]) => (
              <>
                <dt>
                  <kbd>{key}</kbd>
                </dt>
                <dd>{words}</dd>
              </>
            ))}
          </dl>
          <p class="soft">Tapping an answer’s number gives it the next place. Dragging the number into the order works too; on another number, it ties with it.</p>
        </>
      ) : (
        <Guide slug={project.slug} />
      )}
    </aside>
  );
}

function Waiting({ desk, project }: { desk: Desk; project: Schema<"Project"> }): JSX.Element {
  const home = `#/p/${project.slug}`;
  switch (desk.situation) {
    case "finished":
      return (
        <Empty title="All done. Thank you!">
          <p>There is nothing left for you to rank here just now. New tasks may come: look in again later.</p>
          <p>
            <button type="button" onClick={() => void desk.top()}>Look again</button>{" "}
            <button type="button" onClick={() => void desk.undo()}><kbd>u</kbd> Change an earlier answer</button>{" "}
            <a href={home}>Overview</a>
          </p>
          <p role="status">{desk.notice}</p>
        </Empty>
      );
    case "unreachable":
      return (
        <Empty title="The server is not answering">
          <p role="status">Your answers are safe in this browser. The page keeps trying and goes on by itself.</p>
        </Empty>
      );
    case "guideline":
      return (
        <Empty title="The guideline has changed">
          <p>Please read it and confirm it; then the tasks go on.</p>
          <p><a class="button" href={`${home}/guideline`}>Read the guideline</a></p>
        </Empty>
      );
    case "refused":
      return (
        <Empty title="No tasks just now">
          <p role="alert">{desk.notice}</p>
          <p><button type="button" onClick={() => void desk.top()}>Try again</button></p>
        </Empty>
      );
    default:
      return <Empty title="One moment …" />;
  }
}

/** The page on which people rank: the prompt pinned, the candidates, and the dock with the order and the keys. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useReducer, useRef, useState } from "preact/hooks";
import { Board } from "./board";
import { seen } from "./clock";
import { Desk } from "./desk";
import { Dock } from "./dock";
import { Guide } from "./guideline";
import { HELP, HELP_TO_COMPARE, meaning, plain, type Meaning } from "./keys";
import type { Schema } from "./net";
import type { Outbox } from "./outbox";
import { Empty } from "./parts";
import { signs } from "./prose";
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
  useFocus(at.hand?.task.task ?? at.situation);

  const hand = at.hand;
  if (!hand) return <Waiting desk={at} project={project} />;
  const act = (action: Action): void => {
    at.alive(true, true);
    at.act(action);
  };
  return (
    <main class="rank" onMouseDown={keepFocus}>
      <h1 class="hidden" tabIndex={-1}>
        {project.title}: {signs(hand.task.prompt.messages.at(-1)?.content.slice(0, 200) ?? "")}
      </h1>
      {side && <Side kind={side} desk={at} close={() => setSide(null)} />}
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
      if (!state) return plain(event) === "u" && !event.ctrlKey && !event.metaKey ? void desk.undo() : undefined;
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
    const life = (): void => desk.alive(false, seen());
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

/** Focus that went away with the task before goes to the heading, which tells the new one: a screen reader hears it. */
function useFocus(shown: string): void {
  const before = useRef(shown);
  const begun = useRef(false);
  useLayoutEffect(() => {
    if (before.current === shown) return;
    before.current = shown;
    const lost = document.activeElement === null || document.activeElement === document.body;
    if (begun.current && lost) document.querySelector<HTMLElement>("main h1")?.focus({ preventScroll: true });
    begun.current = true;
  }, [shown]);
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
            {signs(turn.content)}
          </p>
        </div>
      ))}
    </section>
  );
}

interface OfSide {
  kind: "help" | "guideline";
  desk: Desk;
  close: () => void;
}

function Side({ kind, desk, close }: OfSide): JSX.Element {
  const keys = desk.project.mode === "compare" ? HELP_TO_COMPARE : HELP;
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
          <p class="soft">
            Tapping an answer’s number gives it the next place. Dragging the number into the order works too; on another
            number, it ties with it.
          </p>
        </>
      ) : (
        <Guide slug={desk.project.slug} read={(version) => desk.read(version)} />
      )}
    </aside>
  );
}

function Waiting({ desk, project }: { desk: Desk; project: Schema<"Project"> }): JSX.Element {
  const home = `#/p/${project.slug}`;
  switch (desk.situation) {
    case "finished":
      if (desk.progress?.total === 0) {
        return (
          <Empty title="There are no tasks yet">
            <p>Nobody has brought any into this project so far.</p>
            <p>
              <button type="button" onClick={() => void desk.top()}>Look again</button> <a href={home}>Overview</a>
            </p>
          </Empty>
        );
      }
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

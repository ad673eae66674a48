/** The candidates side by side, and the order that they were given. */

import type { JSX } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { sharedPrefix } from "./difference";
import { grip, type Drop } from "./drag";
import type { Schema } from "./net";
import { Differs, Said } from "./prose";
import { leader, order, placed, rank, type State } from "./ranking";
import type { Action } from "./reduce";

interface Shown {
  readonly state: State;
  readonly candidates: readonly Schema<"CandidateView">[];
  readonly act: (action: Action) => void;
  /** Whether texts may be edited here. */
  readonly edits?: boolean;
}

const label = (state: State, at: number): string => (state.mode === "compare" ? "AB"[at]! : String(at + 1));

const dropped = (act: Shown["act"]) => (drop: Drop): void => act({ do: "insert", ...drop });

/** In words: "2nd, with another". */
function place(state: State, id: string): string {
  const held = rank(state, id);
  if (!held) return "not ranked yet";
  const many = state.ids.length;
  if (state.mode === "compare") {
    return state.allBad ? "bad" : held.tied ? "equally good" : held.place === 1 ? "better" : "worse";
  }
  if (state.mode === "best-worst" && id !== state.best && id !== state.worst) return "between";
  const end = held.place === 1 ? "best" : held.place === many && !held.tied ? "last" : "";
  return `${held.tied ? "=" : "#"}${held.place}${end ? ` ${end}` : ""}`;
}

export function Board({ state, candidates, act, edits = true }: Shown): JSX.Element {
  const shared = useMemo(() => sharedPrefix(candidates.map((one) => one.text)), [candidates]);
  const many = candidates.length;
  return (
    <div class={`board of${many}${state.zoom ? " zoomed" : ""}`}>
      {candidates.map((one, at) => (
        <Card
          key={one.id}
          state={state}
          one={one}
          at={at}
          act={act}
          edits={edits}
          shared={many > 1 ? shared : 0}
          all={candidates}
        />
      ))}
    </div>
  );
}

interface OfCard {
  state: State;
  one: Schema<"CandidateView">;
  at: number;
  act: Shown["act"];
  edits: boolean;
  shared: number;
  all: Shown["candidates"];
}

function Card({ state, one, at, act, edits, shared, all }: OfCard): JSX.Element {
  const held = rank(state, one.id);
  const focused = state.focus === at;
  const many = state.ids.length;
  const name = label(state, at);
  return (
    <article class={`card${focused ? " focused" : ""}${held ? " held" : ""}`} aria-label={`Answer ${name}`}>
      <header>
        <button
          type="button"
          class="grip"
          aria-label={`Answer ${name}: give it the next place, or drag it`}
          onPointerDown={(event) => grip(event, one.id, `Answer ${name}`, dropped(act))}
          onClick={() => act({ do: "place", id: one.id })}
        >
          {name}
        </button>
        <span class={`place${held?.place === 1 ? " first" : ""}`}>{place(state, one.id)}</span>
        {held && state.mode !== "compare" && (
          <span class="bars" aria-hidden="true">
            {"▮".repeat(Math.max(1, many - held.place + 1))}
          </span>
        )}
        <span class="grow" />
        {state.edits[one.id] !== undefined && <span class="tag">edited</span>}
        {edits && (
          <button type="button" class="small" onClick={() => act({ do: "open", panel: "edit", at })} title="Edit (e)">
            Edit<span class="hidden"> answer {name}</span>
          </button>
        )}
        <button type="button" class="small" onClick={() => act({ do: "zoom", at })} title={`Alone (⇧${at + 1})`}>
          {state.zoom ? "All" : "Alone"}
          <span class="hidden">: answer {name}</span>
        </button>
      </header>
      {state.panel === "edit" && focused ? (
        <Edit text={state.edits[one.id] ?? one.text} original={one.text} id={one.id} name={name} act={act} />
      ) : (
        <div class="body" tabIndex={0} role="region" aria-label={`Text of answer ${name}`}>
          <Text state={state} one={one} shared={shared} all={all} />
        </div>
      )}
      {state.rules.aspects.length > 0 && <Marks state={state} id={one.id} focused={focused} name={name} act={act} />}
    </article>
  );
}

function Text({ state, one, shared, all }: Omit<OfCard, "at" | "act" | "edits">): JSX.Element {
  const text = state.edits[one.id] ?? one.text;
  const best = leader(state);
  const now = best === null ? "" : (state.edits[best] ?? all.find((other) => other.id === best)?.text ?? "");
  const against = useRef({ best, text: now });
  // While the best is edited, the others stay compared with it as it was: to compare long texts takes a while.
  if (state.panel !== "edit" || against.current.best !== best) against.current = { best, text: now };
  if (!state.difference) return <Said text={text} />;
  if (best === null || best === one.id) return <Said text={text} dim={shared} />;
  return <Differs text={text} other={against.current.text} />;
}

interface OfEdit {
  text: string;
  original: string;
  id: string;
  name: string;
  act: Shown["act"];
}

function Edit({ text, original, id, name, act }: OfEdit): JSX.Element {
  const field = useRef<HTMLTextAreaElement>(null);
  useLayoutEffect(() => field.current?.focus(), []);
  return (
    <textarea
      ref={field}
      class="body"
      aria-label={`Edit answer ${name}; Escape when done`}
      value={text}
      onInput={(event) => {
        const typed = event.currentTarget.value;
        act({ do: "edit", id, text: typed === original || !typed.trim() ? null : typed });
      }}
    />
  );
}

function Marks({ state, id, focused, name, act }: Omit<OfEdit, "text" | "original"> & { state: State; focused: boolean }) {
  return (
    <div class="marks">
      {state.rules.aspects.map((aspect, at) => {
        const given = state.aspects[aspect.name]?.[id];
        const next = state.panel === "aspects" && focused && state.aspect === at;
        const set = (value: number | null): void => act({ do: "score", id, aspect: aspect.name, value });
        return (
          <div class={next ? "mark next" : "mark"} role="group" aria-label={`${aspect.title} of answer ${name}`}>
            <span>{aspect.title}</span>
            {aspect.high - aspect.low > 9 ? (
              <input
                type="number"
                min={aspect.low}
                max={aspect.high}
                step="any"
                aria-label={`${aspect.title}, ${aspect.low} to ${aspect.high}`}
                value={given ?? ""}
                onInput={(event) => set(event.currentTarget.value === "" ? null : event.currentTarget.valueAsNumber)}
              />
            ) : (
              Array.from({ length: aspect.high - aspect.low + 1 }, (_, i) => aspect.low + i).map((value) => (
                <button
                  type="button"
                  aria-pressed={given === value}
                  onClick={() => set(given === value ? null : value)}
                >
                  {value}
                </button>
              ))
            )}
          </div>
        );
      })}
    </div>
  );
}

/** Best first: chips to drag, and the gaps and chips to drop on. */
export function Strip({ state, act }: Pick<Shown, "state" | "act">): JSX.Element {
  const tiers = order(state);
  const left = state.ids.filter((id) => !placed(state).includes(id));
  const name = (id: string): string => label(state, state.ids.indexOf(id));
  const first = state.mode === "best-worst" ? "the best, then the worst" : "best first";
  return (
    <div class="strip">
      <span class="soft">Order</span>
      <Gap at={0} words={tiers.length === 0 ? `${first}: press a number, tap one, or drag it here` : ""} />
      {tiers.map((tier, at) => (
        <>
          <span class="tier" data-at={at} data-join="">
            {tier.map((id, i) => (
              <>
                {i > 0 && <span aria-hidden="true">=</span>}
                <button
                  type="button"
                  class={`chip${id === state.filled ? " filled" : ""}`}
                  aria-label={`Answer ${name(id)}, ${place(state, id)}: take it out, or drag it`}
                  onPointerDown={(event) => grip(event, id, `Answer ${name(id)}`, dropped(act))}
                  onClick={() => act({ do: "take", id })}
                >
                  {name(id)}
                </button>
              </>
            ))}
          </span>
          <Gap at={at + 1} words={at + 1 < tiers.length ? "›" : ""} />
        </>
      ))}
      {state.joining && <span class="tag">= ?</span>}
      {state.pick && <span class="tag">{state.pick}?</span>}
      {left.length > 0 && tiers.length > 0 && <span class="soft">not ranked: {left.map(name).join(", ")}</span>}
      {state.allBad && <span class="tag bad">all bad</span>}
    </div>
  );
}

/** Where a candidate can be dropped between two tiers, or before the first one. */
function Gap({ at, words }: { at: number; words: string }): JSX.Element {
  return (
    <span class={words.length > 1 ? "gap invites" : "gap"} data-at={at}>
      {words}
    </span>
  );
}

/** What a screen reader is told after each change. */
export function spoken(state: State): string {
  const name = (id: string): string => label(state, state.ids.indexOf(id));
  const tiers = order(state).map((tier) => tier.map(name).join(" and "));
  const left = state.ids.length - placed(state).length;
  return [
    tiers.length ? `Order: ${tiers.join(", then ")}.` : "Nothing is ranked.",
    left && tiers.length ? `${left} not ranked.` : "",
    state.allBad ? "All are bad." : "",
    state.joining ? "The next one joins the last." : "",
  ]
    .filter(Boolean)
    .join(" ");
}

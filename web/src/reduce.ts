/** The one pure function by which keys, taps and drags change what a person has said about a task. */

import { leader, placed, REASONS, type Panel, type State, type Tiers } from "./ranking";

export type Action =
  | { do: "digit"; digit: number }
  | { do: "place"; id: string }
  | { do: "insert"; id: string; at: number; join: boolean }
  | { do: "take"; id: string }
  | { do: "tie" }
  | { do: "back" }
  | { do: "bad" }
  | { do: "pick"; end: "best" | "worst" }
  | { do: "open"; panel: Panel; at?: number }
  | { do: "close" }
  | { do: "skip"; reason: string | null }
  | { do: "comment"; text: string }
  | { do: "edit"; id: string; text: string | null }
  | { do: "score"; id: string; aspect: string; value: number | null }
  | { do: "focus"; at: number }
  | { do: "zoom"; at: number | null }
  | { do: "difference" };

/** The next state. It never changes the one it is given. */
export function reduce(state: State, action: Action): State {
  switch (action.do) {
    case "digit":
      return digit(state, action.digit);
    case "place":
      return place(state, action.id);
    case "insert":
      return insert(state, action.id, action.at, action.join);
    case "take":
      return take(state, action.id);
    case "tie":
      return tie(state);
    case "back":
      return back(state);
    case "bad":
      return { ...state, allBad: !state.allBad, skip: null };
    case "pick":
      return pick(state, action.end);
    case "open":
      return open(state, action.panel, action.at);
    case "close":
      return close(state);
    case "skip":
      return { ...state, skip: action.reason };
    case "comment":
      return { ...state, comment: action.text };
    case "edit":
      return { ...state, edits: put(state.edits, action.id, action.text), skip: null };
    case "score":
      return score(state, action.id, action.aspect, action.value);
    case "focus":
      return focus(state, action.at);
    case "zoom":
      return action.at === null ? { ...state, zoom: false } : zoom(state, action.at);
    case "difference":
      return { ...state, difference: !state.difference };
  }
}

function digit(state: State, digit: number): State {
  if (state.panel === "skip") return { ...state, skip: REASONS[digit - 1] ?? state.skip };
  if (state.panel === "aspects") return scoreNext(state, digit);
  if (state.mode === "compare") return verdict(state, digit);
  const id = state.ids[digit - 1];
  return id === undefined ? state : place(state, id);
}

function verdict(state: State, digit: number): State {
  const [a, b] = state.ids as readonly [string, string];
  const said: Tiers | undefined = { 1: [[a], [b]], 2: [[b], [a]], 3: [[a, b]], 4: [[a, b]] }[digit];
  return said ? { ...state, tiers: said, allBad: digit === 4, skip: null } : state;
}

function place(state: State, id: string): State {
  const at = state.ids.indexOf(id);
  if (at < 0) return state;
  const here = { ...state, focus: at, skip: null };
  if (state.mode === "compare") return verdict(state, at + 1);
  if (state.mode === "best-worst") return name(here, id);
  if (id === state.filled) return { ...here, filled: null };
  if (placed(state).includes(id)) return here;
  const last = state.tiers.at(-1);
  const tiers = state.joining && last ? [...state.tiers.slice(0, -1), [...last, id]] : [...state.tiers, [id]];
  return fill({ ...here, tiers, joining: false });
}

/** One left over: it takes the last place, unless that place was just taken back. */
function fill(state: State): State {
  const left = state.ids.filter((id) => !state.tiers.flat().includes(id));
  if (left.length !== 1 || state.tiers.length === 0) return { ...state, filled: null };
  return { ...state, tiers: [...state.tiers, [left[0]!]], filled: left[0]! };
}

/** Best-worst mode: a digit names one end; with two candidates the other end follows. */
function name(state: State, id: string): State {
  const end = state.pick ?? (state.best === null ? "best" : state.worst === null ? "worst" : null);
  if (end === null || state[end] === id) return { ...state, pick: null };
  const other = end === "best" ? "worst" : "best";
  const kept = state[other] === id ? null : state[other];
  const rest = state.ids.filter((one) => one !== id);
  return { ...state, [end]: id, [other]: kept ?? (rest.length === 1 ? rest[0]! : null), pick: null };
}

/** A drop: before tier `at`, or into it. Ids that are not shown and places that are not there change nothing. */
function insert(state: State, id: string, at: number, join: boolean): State {
  if (!state.ids.includes(id)) return state;
  if (state.mode !== "order") return place(state, id);
  if (at < 0 || at > state.tiers.length || (join && at === state.tiers.length)) return state;
  const without = state.tiers.map((tier) => tier.filter((one) => one !== id));
  const next = join
    ? without.map((tier, i) => (i === at ? [...tier, id] : tier))
    : [...without.slice(0, at), [id], ...without.slice(at)];
  const tiers = next.filter((tier) => tier.length > 0);
  return fill({ ...state, tiers, joining: false, skip: null, focus: state.ids.indexOf(id) });
}

function take(state: State, id: string): State {
  if (state.mode === "best-worst") {
    return { ...state, best: state.best === id ? null : state.best, worst: state.worst === id ? null : state.worst };
  }
  if (state.mode === "compare") return { ...state, tiers: [] };
  const kept = state.filled === null ? state.tiers : state.tiers.slice(0, -1);
  const tiers = kept.map((tier) => tier.filter((one) => one !== id)).filter((tier) => tier.length > 0);
  return { ...state, tiers, filled: null, joining: false };
}

function tie(state: State): State {
  if (state.mode !== "order" || state.tiers.length === 0) return state;
  if (state.filled !== null) return { ...state, tiers: state.tiers.slice(0, -1), filled: null, joining: true };
  return { ...state, joining: !state.joining && placed(state).length < state.ids.length };
}

/** Takes back the last thing said; in an empty best-worst task, the mode itself. */
function back(state: State): State {
  if (state.skip !== null) return { ...state, skip: null };
  if (state.joining) return { ...state, joining: false };
  if (state.pick !== null) return { ...state, pick: null };
  if (state.mode === "best-worst" && state.worst !== null) return { ...state, worst: null };
  if (state.mode === "best-worst" && state.best !== null) return { ...state, best: null };
  if (state.mode === "best-worst" && state.rules.mode !== "best-worst") return { ...state, mode: "order" };
  if (state.mode === "compare") return { ...state, tiers: [], allBad: false };
  const last = state.tiers.at(-1);
  if (!last) return { ...state, allBad: false };
  const tiers = last.length > 1 ? [...state.tiers.slice(0, -1), last.slice(0, -1)] : state.tiers.slice(0, -1);
  return { ...state, tiers, filled: null };
}

function pick(state: State, end: "best" | "worst"): State {
  if (state.mode === "compare") return state;
  const clear = { tiers: [], filled: null, joining: false, best: null, worst: null };
  const here: State = state.mode === "best-worst" ? state : { ...state, ...clear, mode: "best-worst" };
  return { ...here, pick: here.pick === end ? null : end };
}

/** To edit is to edit the best, if there is one and no other was pointed at. What answers a task ends its skip. */
function open(state: State, panel: Panel, at?: number): State {
  if (panel === "aspects" && state.rules.aspects.length === 0) return state;
  const best = panel === "edit" ? state.ids.indexOf(leader(state) ?? "") : -1;
  const focus = at !== undefined && at in state.ids ? at : best < 0 ? state.focus : best;
  const skip = panel === "edit" || panel === "aspects" ? null : state.skip;
  return { ...state, panel, focus, aspect: 0, skip };
}

function close(state: State): State {
  if (state.panel === "skip") return { ...state, panel: null, skip: null };
  return state.panel === null ? { ...state, zoom: false } : { ...state, panel: null };
}

function focus(state: State, at: number): State {
  const many = state.ids.length;
  return many ? { ...state, focus: ((at % many) + many) % many, aspect: 0 } : state;
}

function zoom(state: State, at: number): State {
  if (at < 0 || at >= state.ids.length) return state;
  return { ...state, focus: at, zoom: !(state.zoom && state.focus === at) };
}

function score(state: State, id: string, aspect: string, value: number | null): State {
  const asked = state.rules.aspects.find((one) => one.name === aspect);
  if (!asked || !state.ids.includes(id)) return state;
  if (value !== null && !(value >= asked.low && value <= asked.high)) return state;
  const scores = put(state.aspects[aspect] ?? {}, id, value);
  return { ...state, aspects: put(state.aspects, aspect, Object.keys(scores).length ? scores : null), skip: null };
}

/** Scoring by keys: digit after digit runs through the aspects of a candidate, then to the next candidate. */
function scoreNext(state: State, value: number): State {
  const asked = state.rules.aspects[state.aspect];
  const id = state.ids[state.focus];
  if (!asked || id === undefined || value < asked.low || value > asked.high) return state;
  const scored = score(state, id, asked.name, value);
  if (state.aspect + 1 < state.rules.aspects.length) return { ...scored, aspect: state.aspect + 1 };
  if (state.focus + 1 < state.ids.length) return { ...scored, aspect: 0, focus: state.focus + 1 };
  return { ...scored, aspect: 0, panel: null };
}

function put<V>(from: Readonly<Record<string, V>>, key: string, value: V | null): Readonly<Record<string, V>> {
  const rest = Object.fromEntries(Object.entries(from).filter(([name]) => name !== key)) as Record<string, V>;
  return value === null ? rest : { ...rest, [key]: value };
}

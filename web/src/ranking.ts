/** What a person has said about one task so far, and what it amounts to. `reduce.ts` is how it changes. */

export type Mode = "order" | "best-worst" | "compare";
export type Panel = "aspects" | "comment" | "edit" | "skip";

export interface Aspect {
  readonly name: string;
  readonly title: string;
  readonly low: number;
  readonly high: number;
}

/** What the project asks for; the same for each of its tasks. */
export interface Rules {
  readonly mode: Mode;
  readonly partial: boolean;
  readonly difference: boolean;
  readonly aspects: readonly Aspect[];
}

export type Tiers = readonly (readonly string[])[];
export type Scores = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** What is sent, without the clock and the key. */
export interface Answer {
  readonly tiers: Tiers;
  readonly all_bad: boolean;
  readonly skip: string | null;
  readonly comment: string | null;
  readonly aspects: Scores;
  readonly edits: Readonly<Record<string, string>>;
}

export interface State {
  readonly rules: Rules;
  /** Candidates in the order in which this person sees them. */
  readonly ids: readonly string[];
  readonly mode: Mode;
  /** Best first. Empty until the person says something: there is no order by default. */
  readonly tiers: Tiers;
  /** The last candidate, when it took the last place by itself. */
  readonly filled: string | null;
  /** Whether the next digit joins the last tier. */
  readonly joining: boolean;
  /** Which end the next digit names in best-worst mode; null: whichever is still free, the best first. */
  readonly pick: "best" | "worst" | null;
  readonly best: string | null;
  readonly worst: string | null;
  readonly allBad: boolean;
  readonly skip: string | null;
  readonly comment: string;
  readonly aspects: Scores;
  readonly edits: Readonly<Record<string, string>>;
  readonly focus: number;
  /** Which aspect of the focused candidate the next digit scores. */
  readonly aspect: number;
  readonly zoom: boolean;
  readonly difference: boolean;
  readonly panel: Panel | null;
}

export const REASONS = [
  "I do not know enough about this",
  "The prompt makes no sense",
  "A text cannot be read",
  "I would rather not read this",
] as const;

/** A task as it is first seen, or as it was answered: nothing is ranked that the person did not rank. */
export function begin(rules: Rules, ids: readonly string[], said?: Answer): State {
  const fresh: State = {
    rules,
    ids,
    mode: rules.mode === "compare" && ids.length !== 2 ? "order" : rules.mode,
    tiers: [],
    filled: null,
    joining: false,
    pick: null,
    best: null,
    worst: null,
    allBad: said?.all_bad ?? false,
    skip: said?.skip ?? null,
    comment: said?.comment ?? "",
    aspects: said?.aspects ?? {},
    edits: said?.edits ?? {},
    focus: 0,
    aspect: 0,
    zoom: false,
    difference: rules.difference,
    panel: null,
  };
  const tiers = said?.tiers ?? [];
  const first = tiers[0];
  const last = tiers.at(-1);
  const ends = tiers.length === (ids.length > 2 ? 3 : 2) && first?.length === 1 && last?.length === 1;
  if (rules.mode === "best-worst" && ends) return { ...fresh, best: first[0]!, worst: last[0]! };
  return rules.mode === "best-worst" && tiers.length ? { ...fresh, mode: "order", tiers } : { ...fresh, tiers };
}

/** A task as it was left, half said as it may be; with other answers or in another mode it begins anew. */
export function resume(rules: Rules, ids: readonly string[], left: State): State {
  const same = left.rules.mode === rules.mode && left.ids.join() === ids.join();
  return same ? { ...left, rules, panel: null } : begin(rules, ids);
}

/** Best first, the tiers as they will be sent: in best-worst mode what lies between the ends is one tier. */
export function order(state: State): Tiers {
  if (state.mode !== "best-worst") return state.tiers;
  const between = state.ids.filter((id) => id !== state.best && id !== state.worst);
  if (state.best === null && state.worst === null) return [];
  return [state.best === null ? [] : [state.best], between, state.worst === null ? [] : [state.worst]].filter(
    (tier) => tier.length > 0,
  );
}

/** Why this cannot be sent yet, in words for the person; null if it can. */
export function missing(state: State): string | null {
  if (state.panel === "skip" || state.skip !== null)
    return state.skip?.trim() ? null : "Choose a reason to skip, or Escape to go back.";
  if (state.allBad) return null;
  if (state.mode === "compare") return state.tiers.length ? null : "Press 1, 2, 3 or 4 first.";
  if (state.mode === "best-worst") {
    if (state.best !== null && state.worst !== null) return null;
    if (state.rules.partial && (state.best !== null || state.worst !== null)) return null;
    return state.best === null ? "Which one is the best?" : "Which one is the worst?";
  }
  const left = state.ids.length - placed(state).length;
  if (left === 0) return null;
  if (state.rules.partial && state.tiers.length > 1) return null;
  return left === state.ids.length ? "Nothing is ranked yet." : `${left} of ${state.ids.length} not ranked yet.`;
}

/** What this state says, for sending: of a task that is skipped, nothing but the reason and the comment. */
export function answer(state: State): Answer {
  const skipped = state.skip !== null;
  return {
    tiers: skipped ? [] : order(state),
    all_bad: !skipped && state.allBad,
    skip: state.skip,
    comment: state.comment.trim() || null,
    aspects: skipped ? {} : state.aspects,
    edits: skipped ? {} : state.edits,
  };
}

export const placed = (state: State): string[] => order(state).flat();

/** The place of a candidate, counted as in sport: after two firsts comes a third. Null: not ranked. */
export function rank(state: State, id: string): { place: number; tied: boolean } | null {
  const tiers = order(state);
  const at = tiers.findIndex((tier) => tier.includes(id));
  if (at < 0) return null;
  return { place: 1 + tiers.slice(0, at).flat().length, tied: tiers[at]!.length > 1 };
}

/** The candidate that others are compared with: the first of the best tier. */
export const leader = (state: State): string | null =>
  state.mode === "best-worst" ? state.best : (state.tiers[0]?.[0] ?? null);

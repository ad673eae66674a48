/** The grammar of ranking: what some keys give, worked out by hand, and what no sequence of them may ever break. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { meaning } from "../src/keys";
import { answer, begin, missing, order, placed, rank, resume, type Mode, type Rules, type State } from "../src/ranking";
import { reduce, type Action } from "../src/reduce";

const ASPECTS = [
  { name: "helpful", title: "Helpful", low: 1, high: 5 },
  { name: "honest", title: "Honest", low: 1, high: 5 },
];
const rules = (mode: Mode, partial = false): Rules => ({ mode, partial, difference: false, aspects: ASPECTS });
const some = (count: number): string[] => Array.from({ length: count }, (_, i) => `c${i + 1}`);

/** Types keys, as the page does. */
function type(keys: string, state: State): State {
  return [...keys].reduce((now, key) => {
    const named = { "⌫": "Backspace", "⎋": "Escape" }[key] ?? key;
    const code = /[0-9]/.test(key) ? `Digit${key}` : "";
    const said = meaning({ key: named, code, shiftKey: false, ctrlKey: false, altKey: false, metaKey: false }, now);
    return said && typeof said !== "string" ? reduce(now, said) : now;
  }, state);
}
const typed = (keys: string, mode: Mode = "order", partial = false, count = 4): State =>
  type(keys, begin(rules(mode, partial), some(count)));
const shown = (state: State): string =>
  order(state)
    .map((tier) => tier.map((id) => id.slice(1)).join("="))
    .join(">");

describe("worked out by hand", () => {
  test.each([
    ["", ""],
    ["21", "2>1"],
    ["213", "2>1>3>4"],
    ["2134", "2>1>3>4"],
    ["2=13", "2=1>3>4"],
    ["21=3", "2>1=3>4"],
    ["213=4", "2>1>3=4"],
    ["1=2=3=4", "1=2=3=4"],
    ["=2", "2"],
    ["2=⌫1", "2>1"],
    ["213⌫", "2>1>3"],
    ["213⌫⌫", "2>1"],
    ["213⌫⌫4", "2>1>4>3"],
    ["2=1⌫", "2"],
    ["22", "2"],
    ["9", ""],
  ])("%s is %s", (keys, expected) => expect(shown(typed(keys))).toBe(expected));

  test("three digits finish a list of four, two do not", () => {
    expect(missing(typed("21"))).toBe("2 of 4 not ranked yet.");
    expect(missing(typed("213"))).toBeNull();
  });

  test("a part of a list may be sent only where the project allows it", () => {
    expect(missing(typed("21", "order", true))).toBeNull();
    expect(missing(typed("2", "order", true))).not.toBeNull();
    expect(missing(typed("213⌫"))).toBe("1 of 4 not ranked yet.");
  });

  test("all bad can be sent at once, and be ranked still", () => {
    expect(answer(typed("0"))).toMatchObject({ all_bad: true, tiers: [] });
    expect(missing(typed("0"))).toBeNull();
    expect(answer(typed("0213"))).toMatchObject({ all_bad: true, tiers: [["c2"], ["c1"], ["c3"], ["c4"]] });
    expect(answer(typed("00")).all_bad).toBe(false);
  });

  test.each([
    ["24", "2>1=3>4"],
    ["w4b2", "2>1=3>4"],
    ["b2w4b1", "1>2=3>4"],
    ["24⌫", "2>1=3=4"],
  ])("best and worst: %s is %s", (keys, expected) => expect(shown(typed(keys, "best-worst"))).toBe(expected));

  test("b in a list asks for the ends instead, and Backspace leads back", () => {
    expect(shown(typed("1b2w4"))).toBe("2>1=3>4");
    expect(typed("b⌫⌫").mode).toBe("order");
  });

  test.each([
    ["1", "1>2", false],
    ["2", "2>1", false],
    ["3", "1=2", false],
    ["4", "1=2", true],
    ["41", "1>2", false],
  ])("two side by side: %s is %s", (keys, expected, bad) => {
    const state = typed(keys, "compare", false, 2);
    expect(shown(state)).toBe(expected);
    expect(state.allBad).toBe(bad);
    expect(missing(state)).toBeNull();
  });

  test("a skip needs a reason and sends no order", () => {
    const asked = typed("213s");
    expect(missing(asked)).toMatch(/reason/);
    const said = answer(type("2", asked));
    expect(said).toMatchObject({ skip: "The prompt makes no sense", tiers: [], all_bad: false });
    expect(shown(type("2⎋", asked))).toBe("2>1>3>4");
  });

  test("who edits or marks after giving a reason to skip has answered, who comments has not", () => {
    const skipped = typed("123s1");
    const edited = reduce(type("e", skipped), { do: "edit", id: "c1", text: "better" });
    expect(answer(type("⎋", edited))).toMatchObject({ skip: null, edits: { c1: "better" } });
    expect(shown(edited)).toBe("1>2>3>4");
    expect(answer(reduce(skipped, { do: "score", id: "c1", aspect: "helpful", value: 4 })).skip).toBeNull();
    expect(answer(type("c⎋", skipped)).skip).toBe("I do not know enough about this");
  });

  test("half an answer that was left comes back as half an answer", () => {
    const left = (state: State): State => resume(state.rules, state.ids, JSON.parse(JSON.stringify(state)) as State);
    for (const state of [typed("1", "best-worst"), typed("1b1")]) {
      expect(left(state)).toMatchObject({ mode: "best-worst", best: "c1", worst: null });
      expect(missing(left(state))).toBe("Which one is the worst?");
      expect(shown(type("4", left(state)))).toBe("1>2=3>4");
    }
    expect(shown(type("4", left(typed("12=3"))))).toBe("1>2=3>4");
    expect(missing(left(typed("213s")))).toBeNull();
    expect(resume(rules("order"), some(3), typed("213"))).toEqual(begin(rules("order"), some(3)));
    expect(resume(rules("best-worst"), some(4), typed("213"))).toEqual(begin(rules("best-worst"), some(4)));
  });

  test("Caps Lock changes no letter, Shift does", () => {
    const press = { code: "KeyS", shiftKey: false, ctrlKey: false, altKey: false, metaKey: false };
    const skip = { do: "open", panel: "skip" };
    expect(meaning({ ...press, key: "S" }, typed(""))).toEqual(skip);
    expect(meaning({ ...press, key: "s" }, typed(""))).toEqual(skip);
    expect(meaning({ ...press, key: "Z" }, typed(""))).toEqual({ do: "zoom", at: 0 });
    expect(meaning({ ...press, key: "S", shiftKey: true }, typed(""))).toBeNull();
  });

  test("marks run through the aspects, then to the next candidate", () => {
    expect(answer(typed("a4531")).aspects).toEqual({ helpful: { c1: 4, c2: 3 }, honest: { c1: 5, c2: 1 } });
    expect(answer(typed("a9")).aspects).toEqual({});
  });

  test("places are counted as in sport", () => {
    const state = typed("2=13");
    expect(some(4).map((id) => rank(state, id))).toEqual([
      { place: 1, tied: true },
      { place: 1, tied: true },
      { place: 3, tied: false },
      { place: 4, tied: false },
    ]);
  });
});

const count = fc.integer({ min: 1, max: 9 });
const id = fc.integer({ min: 0, max: 10 }).map((n) => `c${n}`);
const action: fc.Arbitrary<Action> = fc.oneof(
  fc.record({ do: fc.constant("digit" as const), digit: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ do: fc.constant("place" as const), id }),
  fc.record({ do: fc.constant("insert" as const), id, at: fc.integer({ min: -1, max: 9 }), join: fc.boolean() }),
  fc.record({ do: fc.constant("take" as const), id }),
  fc.constantFrom<Action>({ do: "tie" }, { do: "back" }, { do: "bad" }, { do: "close" }, { do: "difference" }),
  fc.record({ do: fc.constant("pick" as const), end: fc.constantFrom("best" as const, "worst" as const) }),
  fc.record({ do: fc.constant("open" as const), panel: fc.constantFrom("aspects", "skip", "edit", "comment") }),
  fc.record({ do: fc.constant("focus" as const), at: fc.integer({ min: -5, max: 20 }) }),
  fc.record({ do: fc.constant("zoom" as const), at: fc.integer({ min: -2, max: 12 }) }),
) as fc.Arbitrary<Action>;
const mode = fc.constantFrom<Mode>("order", "best-worst", "compare");
const anything = fc.tuple(count, mode, fc.boolean(), fc.array(action, { maxLength: 40 }));

function freeze<T>(value: T): T {
  if (typeof value === "object" && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    Object.values(value).forEach(freeze);
  }
  return value;
}

describe("whatever is done", () => {
  test("nobody is ranked twice, no tier is empty, nobody unknown is ranked, and no state is changed in place", () => {
    fc.assert(
      fc.property(anything, ([many, how, partial, actions]) => {
        let state = freeze(begin(rules(how, partial), some(many)));
        for (const one of actions) {
          state = freeze(reduce(state, one));
          const ids = placed(state);
          expect(new Set(ids).size).toBe(ids.length);
          expect(ids.every((known) => state.ids.includes(known))).toBe(true);
          expect(order(state).every((tier) => tier.length > 0)).toBe(true);
          expect(state.filled === null || state.tiers.at(-1)?.join() === state.filled).toBe(true);
          expect(state.focus >= 0 && state.focus < many).toBe(true);
        }
      }),
    );
  });

  test("what can be sent says something: a reason, that all are bad, or where every candidate stands", () => {
    fc.assert(
      fc.property(anything, ([many, how, partial, actions]) => {
        const state = actions.reduce(reduce, begin(rules(how, partial), some(many)));
        if (missing(state) !== null) return;
        const said = answer(state);
        const ranked = said.tiers.flat().length;
        expect(said.skip !== null || said.all_bad || ranked === many || (partial && ranked > 1)).toBe(true);
        expect(said.skip === null || ranked === 0).toBe(true);
      }),
    );
  });

  test("nothing is ranked before a candidate is named", () => {
    const harmless = action.filter((one) => !["digit", "place", "insert"].includes(one.do));
    fc.assert(
      fc.property(count, mode, fc.array(harmless), (many, how, actions) => {
        expect(order(actions.reduce(reduce, begin(rules(how), some(many))))).toEqual([]);
      }),
    );
  });

  test("taking back often enough leads to the beginning", () => {
    fc.assert(
      fc.property(anything, ([many, how, partial, actions]) => {
        let state = actions.reduce(reduce, begin(rules(how, partial), some(many)));
        for (let i = 0; i < 40; i++) state = reduce(state, { do: "back" });
        expect(order(state)).toEqual([]);
        expect(state.allBad).toBe(false);
        expect(state.mode).toBe(begin(rules(how), some(many)).mode);
      }),
    );
  });
});

/** Any weak order of some candidates: each one with a tier of its own choice. */
const weak = fc
  .array(fc.integer({ min: 0, max: 8 }), { minLength: 2, maxLength: 9 })
  .map((levels) => {
    const tiers = [...new Set(levels)].sort((a, b) => a - b);
    return tiers.map((level) => some(levels.length).filter((_, i) => levels[i] === level));
  });

describe("every order can be said", () => {
  test("by keys: a digit for each, = between equals", () => {
    fc.assert(
      fc.property(weak, (tiers) => {
        const keys = tiers.map((tier) => tier.map((one) => one.slice(1)).join("=")).join("");
        const state = typed(keys, "order", false, tiers.flat().length);
        expect(order(state)).toEqual(tiers);
        expect(missing(state)).toBeNull();
      }),
    );
  });

  test("by drags", () => {
    fc.assert(
      fc.property(weak, (tiers) => {
        const many = tiers.flat().length;
        let state = begin(rules("order"), some(many));
        tiers.forEach((tier, at) =>
          tier.forEach((one, i) => {
            state = reduce(state, { do: "take", id: state.filled ?? "" });
            state = reduce(state, { do: "insert", id: one, at, join: i > 0 });
          }),
        );
        expect(order(state)).toEqual(tiers);
      }),
    );
  });

  test("without ties in one key less than there are candidates", () => {
    fc.assert(
      fc.property(fc.shuffledSubarray(some(9), { minLength: 9 }), (wanted) => {
        const state = typed(wanted.slice(0, 8).map((one) => one.slice(1)).join(""), "order", false, 9);
        expect(order(state)).toEqual(wanted.map((one) => [one]));
      }),
    );
  });

  test("what was said comes back as it was said", () => {
    fc.assert(
      fc.property(anything, ([many, how, partial, actions]) => {
        const state = actions.reduce(reduce, begin(rules(how, partial), some(many)));
        const said = answer(state);
        expect(answer(begin(rules(how, partial), some(many), said)).tiers).toEqual(said.tiers);
      }),
    );
  });
});

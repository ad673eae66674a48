/** Words, clocks and marked-up text: by hand, and whatever comes. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { goOn, pass, reading, start, touch } from "../src/clock";
import { difference, sharedPrefix, words } from "../src/difference";

describe("difference", () => {
  test("by hand", () => {
    const told = difference("keep the red basil warm", "keep the basil very warm");
    expect(told.map((piece) => `${piece.kind}:${piece.text.trim()}`)).toEqual([
      "same:keep the",
      "more:red",
      "same:basil",
      "less:very",
      "same:warm",
    ]);
  });

  test("both texts can be read off it, and a text does not differ from itself", () => {
    const text = fc.array(fc.constantFrom("a", "b", "c", "\n", "  "), { maxLength: 30 }).map((all) => all.join(" "));
    fc.assert(
      fc.property(text, text, (mine, theirs) => {
        const told = difference(mine, theirs);
        const without = (kind: string) => told.filter((piece) => piece.kind !== kind).map((piece) => piece.text).join("");
        expect(without("less")).toBe(mine);
        expect(without("more")).toBe(theirs);
        expect(difference(mine, mine).every((piece) => piece.kind === "same")).toBe(true);
      }),
    );
  });

  test("words put together are the text", () => {
    fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => void expect(words(text).join("")).toBe(text)));
  });

  test("two long texts that share nothing are told at once", () => {
    const long = (word: string) => Array.from({ length: 5000 }, (_, i) => word + i).join(" ");
    expect(difference(long("a"), long("b")).map((piece) => piece.kind)).toEqual(["less", "more"]);
  });

  test("what all begin with", () => {
    expect(sharedPrefix(["Basil needs light", "Basil needs water", "Basil needs"])).toBe(2);
    expect(sharedPrefix(["Basil", "Mint"])).toBe(0);
  });
});

describe("clock", () => {
  test("a page out of sight and a silence of two minutes are idle", () => {
    let clock = start(0, true);
    clock = touch(clock, 30_000);
    clock = pass(clock, 149_999, true);
    clock = pass(clock, 270_000, true);
    clock = pass(clock, 271_000, false);
    clock = pass(clock, 281_000, true);
    clock = touch(clock, 282_500);
    expect(reading(clock)).toEqual({
      active_seconds: 152.499,
      idle_seconds: 130.001,
      first_seconds: 30,
      keystrokes: 2,
    });
  });

  test("time spent elsewhere counts neither as active nor as idle, nor before the first key", () => {
    let clock = pass(start(0, true), 2_000, true);
    clock = touch(goOn(clock, 62_000, true), 63_000);
    expect(reading(clock)).toMatchObject({ active_seconds: 3, idle_seconds: 0, first_seconds: 3 });
  });

  test("active and idle make up all the time there was", () => {
    const moments = fc.array(fc.tuple(fc.integer({ min: 0, max: 400_000 }), fc.boolean()), { maxLength: 20 });
    fc.assert(
      fc.property(moments, fc.boolean(), (all, seen) => {
        let now = 0;
        let clock = start(0, seen);
        for (const [gap, view] of all) clock = pass(clock, (now += gap), view);
        expect(clock.active + clock.idle).toBe(now);
      }),
    );
  });
});

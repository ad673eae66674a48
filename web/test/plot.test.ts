/** Scales, paths and figures by hand; merging by comparison with asking anew. */

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Schema } from "../src/net";
import { area, band, duration, extent, figure, merged, nearest, path, scaled, ticks } from "../src/plot";

const same = (value: number): number => value;

describe("scales", () => {
  test("by hand", () => {
    expect(extent([[1, null, 3], null])).toEqual({ low: 1 - 0.08, high: 3 + 0.08 });
    expect(extent([[2, 2]])).toEqual({ low: 1.8, high: 2.2 });
    expect(extent([[0]])).toEqual({ low: -1, high: 1 });
    expect(extent([[null], []])).toBeNull();
    expect(scaled({ low: 0, high: 10 }, 100, 200)(2.5)).toBe(125);
    expect(scaled({ low: 0, high: 10 }, 200, 100)(2.5)).toBe(175);
    expect(ticks({ low: -0.1, high: 1.02 }, 4)).toEqual([0, 0.5, 1]);
    expect(ticks({ low: 0.0001, high: 0.00032 }, 3)).toEqual([0.0001, 0.0002, 0.0003]);
  });

  test("ticks are few, lie inside and rise", () => {
    const number = fc.double({ min: -1e9, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(number, fc.double({ min: 1e-6, max: 1e3, noNaN: true }), (low, share) => {
        const size = share * Math.max(Math.abs(low), 1e-3); // what a chart can show is no finer than a millionth of itself
        const found = ticks({ low, high: low + size }, 4);
        expect(found.length).toBeLessThanOrEqual(6);
        const slack = 1e-9 * Math.max(Math.abs(low), size);
        for (const [i, one] of found.entries()) {
          expect(one).toBeGreaterThanOrEqual(low - slack);
          expect(one).toBeLessThanOrEqual(low + size + slack);
          if (i > 0) expect(one).toBeGreaterThan(found[i - 1]!);
        }
      }),
    );
  });

  test("the nearest place", () => {
    expect([-5, 1, 2.4, 2.6, 99].map((value) => nearest([1, 2, 3, 10], value))).toEqual([0, 0, 1, 2, 3]);
    expect(nearest([], 1)).toBe(-1);
  });
});

describe("lines", () => {
  test("gaps part a line, and a value alone is a dot", () => {
    expect(path([0, 1, 2, 3, 4], [1, 2, null, 3, null], same, same)).toBe("M0.0 1.0L1.0 2.0M3.0 3.0h0");
    expect(path([0], [null], same, same)).toBe("");
    expect(area([0, 1, 2, 3], [1, 1, null, 0], [2, 3, 4, 5], same, same)).toBe(
      "M0.0 2.0L1.0 3.0L1.0 1.0L0.0 1.0ZM3.0 5.0L3.0 0.0Z",
    );
  });

  test("a standard error stands on both sides of its mean", () => {
    const line = { name: "kl", label: "KL", middle: [2, null, 3], low: null, high: null, error: [0.5, 1, null], latest: 3 };
    expect(band(line)).toEqual({ low: [1.5, null, null], high: [2.5, null, null] });
  });
});

test("figures and times as a person says them", () => {
  const told = [0, 0.123456, -2.5, 1234.5, 12345678, 0.000012345, 99.95, 123.456, null].map(figure);
  expect(told).toEqual(["0", "0.123", "−2.5", "1,235", "1.23e7", "1.23e−5", "100", "123.5", "–"]);
  expect([0.34, 45, 600, 7300, 400000, null].map(duration)).toEqual(["0.3 s", "45 s", "10 min", "2 h 2 min", "5 days", ""]);
});

describe("news", () => {
  const steps = (many: number, from = 1): number[] => Array.from({ length: many }, (_, i) => from + i);
  const curves = (many: number): Schema<"Curves"> => ({
    stage: "align",
    steps: steps(many),
    exact: true,
    charts: [
      {
        title: "Drift",
        unit: "",
        about: "",
        lines: [
          {
            name: "kl",
            label: "KL",
            middle: steps(many),
            low: null,
            high: null,
            error: steps(many).map(() => 0.5),
            latest: many || null,
          },
        ],
      },
    ],
    looks: [],
    peak: null,
    outcome: [],
    alarms: [],
    latest: { kl: many, kl_error: 0.5 },
    notes: [],
    mark: "",
  });
  const point = (step: number): Schema<"NewPoint"> => ({ step, numbers: { kl: step, kl_error: 0.5 } });

  test("however they come, and however often, the curves are those that would be asked for", () => {
    const pieces = fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 8 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), pieces, (many, sizes) => {
        let now: Schema<"Curves"> = curves(many);
        let last = many;
        for (const size of sizes) {
          const again = merged(now, [...steps(size, last + 1).map(point), point(last + 1)], 1000);
          now = merged(again!, [point(last)], 1000)!;
          last += size;
        }
        expect(now).toEqual(curves(last));
      }),
    );
  });

  test("too many of them, or a number that is new, are asked for anew", () => {
    expect(merged(curves(10), [point(11)], 10)).toBeNull();
    expect(merged(curves(10), [{ step: 11, numbers: { other: 1 } }], 99)).toBeNull();
    const kept = curves(10);
    expect(merged(kept, [point(10)], 10)).toBe(kept);
    expect(merged(kept, [{ step: 11, numbers: { kl: null } }], 99)!.charts[0]!.lines[0]!.middle.at(-1)).toBeNull();
  });
});

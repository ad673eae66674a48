/** What a chart needs to know, without drawing anything: scales, ticks, paths, words for numbers. */

import type { Schema } from "./net";

export type Column = readonly (number | null)[];

/** One line of a chart, with an axis of its own. */
export interface Trace {
  readonly label: string;
  readonly x: readonly number[];
  readonly middle: Column;
  readonly low: Column | null;
  readonly high: Column | null;
  readonly dots: boolean;
  readonly latest: number | null;
}

export interface Scale {
  readonly low: number;
  readonly high: number;
}

/** The range of all values; something to look at even if they are all the same. */
export function extent(columns: readonly (Column | null)[]): Scale | null {
  let [low, high] = [Infinity, -Infinity];
  for (const column of columns) {
    for (const value of column ?? []) {
      if (value === null) continue;
      low = Math.min(low, value);
      high = Math.max(high, value);
    }
  }
  if (low > high) return null;
  const room = low === high ? Math.abs(low) * 0.1 || 1 : (high - low) * 0.04;
  return { low: low - room, high: high + room };
}

/** Round numbers inside a range: a few, and none twice. */
export function ticks({ low, high }: Scale, wanted: number): number[] {
  const rough = (high - low) / Math.max(1, wanted);
  const power = 10 ** Math.floor(Math.log10(rough));
  const gap = ([1, 2, 5, 10].find((one) => one * power >= rough) ?? 10) * power;
  const first = Math.ceil(low / gap);
  const many = Math.min(20, Math.floor(high / gap) - first + 1);
  return Array.from({ length: Math.max(0, many) }, (_, i) => Number(((first + i) * gap).toPrecision(12)));
}

/** Where a value lies between two pixels. */
export const scaled =
  ({ low, high }: Scale, from: number, to: number): ((value: number) => number) =>
  (value) =>
    from + ((value - low) / (high - low || 1)) * (to - from);

type Along = (value: number) => number;
const at = (value: number): string => value.toFixed(1);

/** A line through all that is there; a value alone between gaps is a dot, which a round end of a stroke draws. */
export function path(x: readonly number[], y: Column, across: Along, up: Along): string {
  let drawn = "";
  let open = false;
  for (const [i, value] of y.entries()) {
    if (value === null) {
      open = false;
      continue;
    }
    drawn += `${open ? "L" : "M"}${at(across(x[i]!))} ${at(up(value))}`;
    if (!open && (y[i + 1] ?? null) === null) drawn += "h0";
    open = true;
  }
  return drawn;
}

/** What lies between two lines, stretch by stretch where both are there. */
export function area(x: readonly number[], low: Column, high: Column, across: Along, up: Along): string {
  let drawn = "";
  let start = 0;
  for (let i = 0; i <= x.length; i += 1) {
    if (i < x.length && low[i] != null && high[i] != null) continue;
    if (i > start) {
      const places = Array.from({ length: i - start }, (_, k) => start + k);
      const there = places.map((k) => `${at(across(x[k]!))} ${at(up(high[k]!))}`);
      const back = places.reverse().map((k) => `${at(across(x[k]!))} ${at(up(low[k]!))}`);
      drawn += `M${[...there, ...back].join("L")}Z`;
    }
    start = i + 1;
  }
  return drawn;
}

/** The place in a rising list that is nearest to a value; -1 in an empty one. */
export function nearest(x: readonly number[], value: number): number {
  let [low, high] = [0, x.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (x[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return low > 0 && value - x[low - 1]! <= x[low]! - value ? low - 1 : Math.min(low, x.length - 1);
}

/** A number as a person reads it: four digits that count, thousands apart, a real minus. */
export function figure(value: number | null | undefined): string {
  if (value === null || value === undefined) return "–";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-3 || size >= 1e7)) {
    const [digits, power] = value.toExponential(2).split("e");
    return `${Number(digits)}e${power!.replace("+", "")}`.replaceAll("-", "−");
  }
  const rounded = size >= 1000 ? Math.round(value) : Number(value.toPrecision(size >= 100 ? 4 : 3));
  return rounded.toLocaleString("en", { maximumFractionDigits: 6 }).replace("-", "−");
}

/** Seconds as a person says them. */
export function duration(seconds: number | null): string {
  if (seconds === null) return "";
  if (seconds < 90) return `${seconds < 10 ? seconds.toFixed(1) : Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `${minutes} min`;
  return minutes < 60 * 48 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${Math.round(minutes / 1440)} days`;
}

/** The middle with its standard error on both sides, else the least and most of each stretch. */
export function band(line: Schema<"Line">): { low: Column | null; high: Column | null } {
  if (!line.error) return { low: line.low, high: line.high };
  const side = (sign: number): Column =>
    line.middle.map((value, i) => (value === null || line.error![i] == null ? null : value + sign * line.error![i]!));
  return { low: side(-1), high: side(1) };
}

/** The same curves with steps that have come; null if they have to be asked for anew. */
export function merged(
  curves: Schema<"Curves">,
  points: readonly Schema<"NewPoint">[],
  most: number,
): Schema<"Curves"> | null {
  let last = curves.steps.at(-1) ?? -Infinity;
  const fresh: Schema<"NewPoint">[] = [];
  for (const one of points) {
    if (one.step <= last) continue;
    fresh.push(one);
    last = one.step;
  }
  if (fresh.length === 0) return curves;
  if (curves.steps.length + fresh.length > most) return null;
  if (fresh.some((one) => Object.keys(one.numbers).some((name) => !(name in curves.latest)))) return null;
  const more = (column: readonly (number | null)[], name: string): (number | null)[] => [
    ...column,
    ...fresh.map((one) => one.numbers[name] ?? null),
  ];
  const latest = { ...curves.latest };
  for (const one of fresh) {
    for (const [name, value] of Object.entries(one.numbers)) if (value !== null) latest[name] = value;
  }
  const charts = curves.charts.map((chart) => ({
    ...chart,
    lines: chart.lines.map((line) => ({
      ...line,
      middle: more(line.middle, line.name),
      low: line.low && more(line.low, line.name),
      high: line.high && more(line.high, line.name),
      error: line.error && more(line.error, `${line.name}_error`),
      latest: latest[line.name] ?? null,
    })),
  }));
  return { ...curves, steps: [...curves.steps, ...fresh.map((one) => one.step)], charts, latest };
}

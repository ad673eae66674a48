/** What the server tells of a stage, as the lines of charts. */

import type { Schema } from "./net";
import { band, type Column, type Trace } from "./plot";

/** Steps after which a number that never changed is told to be steady. */
const SOON = 10;

export interface Drawn {
  chart: Schema<"Chart">;
  traces: Trace[];
  steady: boolean;
}

/** The charts with their axes; gold stands beside the proxy, at the steps at which somebody looked. */
export function traced(curves: Schema<"Curves">): Drawn[] {
  const seen = curves.looks.filter((one) => one.gold);
  const gold: Trace = { ...interval("gold", seen.map((one) => one.gold)), x: seen.map((one) => one.step) };
  return curves.charts.map((chart) => {
    const traces = chart.lines.map((line) => trace(line, curves.steps));
    const whole = chart.title === "Reward" && seen.length > 0 ? [...traces, gold] : traces;
    return { chart, traces: whole, steady: curves.steps.length >= SOON && whole.every(flat) };
  });
}

/** A number that is there at few steps only, such as at every tenth, is drawn as dots with a line through them. */
function trace(line: Schema<"Line">, steps: readonly number[]): Trace {
  const told = { label: line.label, latest: line.latest };
  const there = line.middle.flatMap((value, i) => (value === null ? [] : [i]));
  if (2 * there.length > steps.length) return { ...told, x: steps, middle: line.middle, ...band(line), dots: false };
  const some = (column: Column | null): Column | null => column && there.map((i) => column[i]!);
  const { low, high } = band(line);
  const [x, middle] = [there.map((i) => steps[i]!), there.map((i) => line.middle[i]!)];
  return { ...told, x, middle, low: some(low), high: some(high), dots: true };
}

/** Whether a line has but one value, its band included. */
const flat = ({ middle, low, high }: Trace): boolean =>
  new Set([...middle, ...(low ?? []), ...(high ?? [])].filter((value) => value !== null)).size < 2;

function interval(label: string, told: readonly (Schema<"Interval"> | null)[]): Omit<Trace, "x"> {
  return {
    label,
    middle: told.map((one) => one?.value ?? null),
    low: told.map((one) => one?.low ?? null),
    high: told.map((one) => one?.high ?? null),
    dots: true,
    latest: told.findLast((one) => one)?.value ?? null,
  };
}

/** What both scores were worth as the policy went away from its reference. */
export function pursued(looks: readonly Schema<"WatchLook">[]): Trace[] | null {
  const sorted = looks.filter((one) => one.root !== null).sort((a, b) => a.root! - b.root!);
  if (sorted.length === 0) return null;
  const x = sorted.map((one) => one.root!);
  const now = looks.at(-1)!; // the farthest look need not be the latest
  return [
    { ...interval("proxy", sorted.map((one) => one.proxy)), x, latest: now.proxy?.value ?? null },
    { ...interval("gold", sorted.map((one) => one.gold)), x, latest: now.gold?.value ?? null },
  ];
}

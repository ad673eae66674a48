/** Which key means what, in one table: the page's listener, the help and the tests read it here. */

import type { State } from "./ranking";
import type { Action } from "./reduce";

/** What a key asks of the page rather than of the answer. */
export type Command = "send" | "undo" | "guideline" | "help" | "down" | "up";
export type Meaning = Action | Command;

export interface Press {
  readonly key: string;
  readonly code: string;
  readonly shiftKey: boolean;
  readonly ctrlKey: boolean;
  readonly altKey: boolean;
  readonly metaKey: boolean;
}

const DIGIT = /^(?:Digit|Numpad)([1-9])$/;

/** What this key means now; null: nothing, the browser may have it. */
export function meaning(press: Press, state: State): Meaning | null {
  if (press.ctrlKey || press.altKey || press.metaKey) return null;
  if (/^[1-9]$/.test(press.key)) return { do: "digit", digit: Number(press.key) };
  const key = plain(press);
  const fixed = FIXED[key];
  if (fixed) return fixed;
  const digit = DIGIT.exec(press.code)?.[1];
  if (digit && press.shiftKey) return { do: "zoom", at: Number(digit) - 1 };
  if (digit && press.code.startsWith("Digit")) return { do: "digit", digit: Number(digit) };
  return moving(key, state);
}

/** Caps Lock makes no other key of a letter, Shift does. */
export const plain = ({ key, shiftKey }: Pick<Press, "key" | "shiftKey">): string =>
  key.length === 1 && !shiftKey ? key.toLowerCase() : key;

const FIXED: Readonly<Record<string, Meaning>> = {
  Enter: "send",
  Backspace: { do: "back" },
  Escape: { do: "close" },
  "=": { do: "tie" },
  "0": { do: "bad" },
  u: "undo",
  g: "guideline",
  "?": "help",
  j: "down",
  k: "up",
  s: { do: "open", panel: "skip" },
  c: { do: "open", panel: "comment" },
  e: { do: "open", panel: "edit" },
  a: { do: "open", panel: "aspects" },
  b: { do: "pick", end: "best" },
  w: { do: "pick", end: "worst" },
  d: { do: "difference" },
};

function moving(key: string, state: State): Meaning | null {
  if (key === "ArrowRight" || key === "n") return { do: "focus", at: state.focus + 1 };
  if (key === "ArrowLeft" || key === "p") return { do: "focus", at: state.focus - 1 };
  return key === "z" ? { do: "zoom", at: state.focus } : null;
}

/** The help, in the order of use. */
export const HELP: readonly (readonly [string, string])[] = [
  ["1 – 9", "next place, best first; the last one takes its place by itself"],
  ["= then a digit", "as good as the one before"],
  ["Backspace", "take the last one back"],
  ["0", "all of them are bad (you may rank them still)"],
  ["Enter", "send, and see the next task"],
  ["u", "undo: open the task you sent before"],
  ["s", "skip, with a reason"],
  ["e", "edit the best answer, or the one in focus"],
  ["a", "give marks: one digit for each aspect"],
  ["c", "write a comment"],
  ["b, w", "name the best and the worst only"],
  ["d", "show how the others differ from the best"],
  ["← →", "move the focus"],
  ["j, k", "scroll the one in focus"],
  ["⇧ digit, z", "see one answer alone"],
  ["g", "the guideline"],
  ["Escape", "leave a field, a panel or this help"],
];

export const HELP_TO_COMPARE: readonly (readonly [string, string])[] = [
  ["1", "A is better"],
  ["2", "B is better"],
  ["3", "equally good"],
  ["4", "both are bad"],
  ...HELP.slice(2).filter(([key]) => !["0", "b, w", "Backspace"].includes(key)),
];

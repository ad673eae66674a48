/** Files as they are chosen: read as they were written, or refused with the line that cannot be. */

import { expect, test } from "vitest";
import { decoded } from "../src/material";

const bytes = (...all: number[]): ArrayBuffer => new Uint8Array(all).buffer;

test("UTF-8 is read as it is, a byte order mark is none of its text", () => {
  expect(decoded("a.jsonl", bytes(0x6c, 0xc3, 0xa0, 0x0a))).toBe("là\n");
  expect(decoded("a.jsonl", bytes(0xef, 0xbb, 0xbf, 0x6c))).toBe("l");
  expect(decoded("a.jsonl", bytes())).toBe("");
});

test("what is not UTF-8 is refused by its name and its line", () => {
  const latin = bytes(0x6c, 0xc3, 0xa0, 0x0a, 0x6c, 0xe0, 0x0a, 0x6c);
  expect(() => decoded("a.jsonl", latin)).toThrow("a.jsonl is not text in UTF-8: line 2 holds");
  expect(() => decoded("a.jsonl", bytes(0xff, 0xfe, 0x6c, 0x00))).toThrow("line 1 holds");
  expect(() => decoded("a.jsonl", bytes(0x6c, 0x0a, 0xc3))).toThrow("line 2 holds");
});

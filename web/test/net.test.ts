/** How long an answer may take, and what is said when there is none. */

import { expect, test } from "vitest";
import { patience, unanswered } from "../src/net";

test.each([
  ["POST", "/api/v1/projects/{p}/judgements", 20_000],
  ["POST", "/api/v1/projects/{p}/tasks", 1_800_000],
  ["POST", "/api/v1/projects/{p}/tasks/{task}/adjudicate", 20_000],
  ["GET", "/api/v1/projects/{p}/tasks/{task}", 120_000],
  ["GET", "/api/v1/projects/{p}/export", 1_800_000],
  ["GET", "/api/v1/projects/{p}/export/losses", 1_800_000],
  ["GET", "/api/v1/projects/{p}/agreement", 1_800_000],
])("%s %s may take %d ms", (method, path, most) => expect(patience(method, path)).toBe(most));

test("a server that is slow is told from one that is away", () => {
  const late = new DOMException("signal timed out", "TimeoutError");
  expect(unanswered(late, 20_000).message).toBe("The server has not answered for 20 seconds; it may still be at work.");
  expect(unanswered(late, 1_800_000).message).toMatch(/30 minutes/);
  const away = unanswered(new TypeError("Failed to fetch"), 20_000);
  expect([away.message, away.passing]).toEqual(["The server cannot be reached.", true]);
  expect(unanswered(late, 20_000).passing).toBe(true);
});

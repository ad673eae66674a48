/** Answers on their way: none lost, none twice, in order, whatever the server does meanwhile. */

import fc from "fast-check";
import { expect, test, vi } from "vitest";
import { Fault, type Schema } from "../src/net";
import { memory, Outbox, type Carry, type Letter } from "../src/outbox";

const body = (task: string): Schema<"Said"> => ({
  key: task,
  task,
  tiers: [["a"], ["b"]],
  all_bad: false,
  aspects: {},
  edits: {},
  shown: ["a", "b"],
  active_seconds: 1,
  idle_seconds: 0,
  keystrokes: 2,
  guideline: 0,
});
const letter = (task: string, replaces: string | null = null) => ({
  key: task,
  project: "p",
  body: body(task),
  replaces,
});

/** A server that stores by key, and now and then answers too late, badly or not at all. */
class Server {
  readonly stored = new Map<string, Letter>();
  constructor(private readonly moods: ("well" | "dead" | "lost answer" | "busy")[]) {}
  readonly carry: Carry = async (one) => {
    const mood = this.moods.shift() ?? "well";
    if (mood === "dead") throw new Fault(0, "unreachable", "dead");
    if (mood === "busy") throw new Fault(503, "busy", "busy");
    if (!this.stored.has(one.key)) this.stored.set(one.key, one);
    if (mood === "lost answer") throw new Fault(0, "unreachable", "died after storing");
    const judgement = [...this.stored.keys()].indexOf(one.key) + 1;
    return { judgement, revision: 1, progress: {} as Schema<"Progress"> };
  };
}

test("everything arrives once and in order", async () => {
  vi.useFakeTimers();
  const mood = fc.constantFrom("well" as const, "dead" as const, "lost answer" as const, "busy" as const);
  await fc.assert(
    fc.asyncProperty(fc.array(mood, { maxLength: 20 }), fc.integer({ min: 1, max: 8 }), async (moods, many) => {
      const server = new Server([...moods]);
      const box = new Outbox(1, memory(), server.carry);
      const keys = Array.from({ length: many }, (_, i) => `k${i}`);
      for (const key of keys) await box.add(letter(key));
      for (let i = 0; i < 40; i++) await vi.advanceTimersByTimeAsync(12_000);
      expect([...server.stored.keys()]).toEqual(keys);
      expect(box.waiting).toEqual([]);
      expect(box.failing).toBe(false);
    }),
    { numRuns: 50 },
  );
  vi.useRealTimers();
});

test("a new page takes up what the old one left, and only its own person's", async () => {
  const drawer = memory();
  const dead: Carry = async () => {
    throw new Fault(0, "unreachable", "dead");
  };
  await new Outbox(1, drawer, dead).add(letter("mine"));
  await new Outbox(2, drawer, dead).add(letter("theirs"));
  const server = new Server([]);
  const box = new Outbox(1, drawer, server.carry);
  await box.open();
  await vi.waitFor(() => expect([...server.stored.keys()]).toEqual(["mine"]));
  expect((await drawer.all()).map((one) => one.key)).toEqual(["theirs"]);
});

test("an answer is called safe once it is on paper, not before", async () => {
  const dead: Carry = async () => {
    throw new Fault(0, "unreachable", "dead");
  };
  const inside = memory();
  let written = (): void => {};
  const slow = {
    all: inside.all,
    put: (letters: readonly Letter[]) =>
      new Promise<void>((resolve) => {
        written = () => void inside.put(letters).then(resolve);
      }),
  };
  const box = new Outbox(1, slow, dead);
  expect(box.safe).toBe(true);
  const told: boolean[] = [];
  box.listen(() => told.push(box.safe));
  const adding = box.add(letter("first"));
  expect([box.waiting.length, box.safe]).toEqual([1, false]);
  written();
  await adding;
  expect(box.safe).toBe(true);
  expect(told.slice(0, 2)).toEqual([false, true]);
  box.lasting = false; // nothing is kept here at all
  expect(box.safe).toBe(false);
  box.close();
});

test("a revision names the judgement that it revises, sent or not yet sent", async () => {
  const server = new Server(["dead"]);
  const box = new Outbox(1, memory(), server.carry);
  await box.add(letter("first"));
  await box.add(letter("second", "first"));
  box.flush();
  await vi.waitFor(() => expect(box.waiting).toEqual([]));
  await box.add(letter("third", "second"));
  await vi.waitFor(() => expect(box.waiting).toEqual([]));
  expect([...server.stored.values()].map((one) => one.body.revises)).toEqual([undefined, 1, 2]);
});

test("what the server will not have is kept and told, and does not hold up the rest", async () => {
  const server = new Server([]);
  const box = new Outbox(1, memory(), async (one) => {
    if (one.key === "bad") throw new Fault(422, "invalid", "tiers: name each candidate once");
    if (one.key === "late") throw new Fault(409, "task_full", "others were faster");
    return server.carry(one);
  });
  const ends: (string | null)[][] = [];
  box.listen((news) => news && ends.push([news.letter.key, news.why]));
  for (const key of ["bad", "late", "good"]) await box.add(letter(key));
  await vi.waitFor(() => expect([...server.stored.keys()]).toEqual(["good"]));
  expect(box.refused.map((one) => [one.key, one.refused])).toEqual([["bad", "tiers: name each candidate once"]]);
  expect(ends).toEqual([["bad", "invalid"], ["late", "task_full"], ["good", null]]);
  await box.forget("bad");
  expect(box.refused).toEqual([]);
});

test("nothing is sent for somebody who left", async () => {
  let server = false;
  const carried: string[] = [];
  const drawer = memory();
  const box = new Outbox(1, drawer, async (one) => {
    if (!server) throw new Fault(0, "unreachable", "dead");
    carried.push(one.key);
    throw new Fault(404, "not_found", "never given");
  });
  await box.add(letter("kept"));
  await vi.waitFor(() => expect(box.failing).toBe(true));
  box.close();
  server = true;
  box.flush();
  await new Promise((done) => setTimeout(done, 500));
  expect(carried).toEqual([]);
  expect((await drawer.all()).length).toBe(1);
});

test("somebody whose session ended loses nothing", async () => {
  let known = false;
  const server = new Server([]);
  const box = new Outbox(1, memory(), async (one) => {
    if (!known) throw new Fault(401, "signed_out", "sign in");
    return server.carry(one);
  });
  await box.add(letter("kept"));
  await vi.waitFor(() => expect(box.failing).toBe(true));
  expect(box.waiting.length).toBe(1);
  known = true;
  box.flush();
  await vi.waitFor(() => expect(box.waiting.length).toBe(0));
});

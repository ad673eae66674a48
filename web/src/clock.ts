/** How long somebody looked at a task: active while the page is seen and shows signs of life, idle otherwise. */

/** Reading a long text moves nothing; a longer silence than this is not reading. */
export const SILENCE = 120_000;

/** Whether the page is in view and in focus. */
export const seen = (): boolean => document.visibilityState === "visible" && document.hasFocus();

export interface Clock {
  readonly started: number;
  readonly last: number;
  readonly seen: boolean;
  readonly active: number;
  readonly idle: number;
  readonly first: number | null;
  readonly keystrokes: number;
}

export const start = (now: number, seen: boolean): Clock => ({
  started: now,
  last: now,
  seen,
  active: 0,
  idle: 0,
  first: null,
  keystrokes: 0,
});

/** Time passes up to a sign of life, or up to the moment at which the page comes into view or leaves it. */
export function pass(clock: Clock, now: number, seen: boolean): Clock {
  const gap = Math.max(0, now - clock.last);
  const counts = clock.seen && gap < SILENCE;
  return {
    ...clock,
    last: Math.max(clock.last, now),
    seen,
    active: clock.active + (counts ? gap : 0),
    idle: clock.idle + (counts ? 0 : gap),
  };
}

/** Goes on after time that was spent on something else: it is nobody's here. */
export function goOn(clock: Clock, now: number, seen: boolean): Clock {
  return { ...clock, started: clock.started + Math.max(0, now - clock.last), last: Math.max(clock.last, now), seen };
}

/** A key or click that says something about the task. */
export function touch(clock: Clock, now: number): Clock {
  const passed = pass(clock, now, true);
  return { ...passed, first: clock.first ?? passed.last - clock.started, keystrokes: clock.keystrokes + 1 };
}

const seconds = (milliseconds: number): number => Math.min(86_400, Math.round(milliseconds) / 1000);

/** What is sent with an answer. */
export function reading(clock: Clock): {
  active_seconds: number;
  idle_seconds: number;
  first_seconds: number | null;
  keystrokes: number;
} {
  return {
    active_seconds: seconds(clock.active),
    idle_seconds: seconds(clock.idle),
    first_seconds: clock.first === null ? null : seconds(clock.first),
    keystrokes: Math.min(100_000, clock.keystrokes),
  };
}

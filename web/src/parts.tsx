/** Small parts that several pages share. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Fault, type Schema } from "./net";

/** A page that has nothing to show, and what to do about it. */
export function Empty({ title, children }: { title: string; children?: ComponentChildren }): JSX.Element {
  return (
    <main class="empty">
      <h1 tabIndex={-1}>{title}</h1>
      {children}
    </main>
  );
}

export interface Loaded<T> {
  readonly value: T | null;
  readonly fault: Fault | null;
  readonly again: () => void;
}

/** Asks once for each `what`, and again when told to; the old value stays until the new one is there. */
export function useLoaded<T>(ask: () => Promise<T>, what: string): Loaded<T> {
  const [told, setTold] = useState<{ what: string; value: T | null; fault: Fault | null } | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let live = true;
    ask().then(
      (value) => live && setTold({ what, value, fault: null }),
      (error: unknown) => {
        const fault = error instanceof Fault ? error : new Fault(0, "unknown", String(error));
        if (live) setTold((old) => ({ what, value: old?.what === what ? old.value : null, fault }));
      },
    );
    return () => {
      live = false;
    };
  }, [what, turn]);
  const mine = told?.what === what ? told : null;
  return { value: mine?.value ?? null, fault: mine?.fault ?? null, again: () => setTurn((n) => n + 1) };
}

/** What a page shows until its figures are there. */
export function Pending({ of }: { of: Loaded<unknown> }): JSX.Element {
  if (!of.fault) return <Empty title="One moment …" />;
  return (
    <Empty title={of.fault.status === 403 || of.fault.status === 404 ? "Not here" : "That did not work"}>
      <p role="alert">{of.fault.message}</p>
      <p>
        <button type="button" onClick={of.again}>
          Try again
        </button>
      </p>
    </Empty>
  );
}

/** Does something that may fail, and tells it in words. */
export function useDeed(): { busy: boolean; said: string; wrong: boolean; run: (deed: () => Promise<string>) => void } {
  const [now, set] = useState({ busy: false, said: "", wrong: false });
  const run = (deed: () => Promise<string>): void => {
    set({ busy: true, said: "", wrong: false });
    deed().then(
      (said) => set({ busy: false, said, wrong: false }),
      (error: unknown) => set({ busy: false, said: error instanceof Error ? error.message : String(error), wrong: true }),
    );
  };
  return { ...now, run };
}

export function Outcome({ of }: { of: { said: string; wrong: boolean } }): JSX.Element {
  return (
    <p class={of.wrong ? "outcome wrong" : "outcome"} role={of.wrong ? "alert" : "status"}>
      {of.said}
    </p>
  );
}

export const count = (n: number): string => n.toLocaleString("en");
export const share = (value: number | null): string => (value === null ? "–" : `${Math.round(value * 100)} %`);
export const two = (value: number | null): string => (value === null ? "–" : value.toFixed(2).replace("-", "−"));
export const tally = (of: Schema<"Tally">): string => (of.total ? `${of.right}/${of.total}` : "–");

/** A figure with the range in which it may lie. */
export function Figure({ of }: { of: Schema<"Range"> | null }): JSX.Element {
  if (!of) return <span class="soft">too few answers yet</span>;
  return (
    <span>
      <strong>{two(of.value)}</strong>{" "}
      <span class="soft">
        [{two(of.low)}, {two(of.high)}]
      </span>
    </span>
  );
}

/** A day as people write it, in their own time zone. */
export const when = (at: string | null): string =>
  at === null ? "never" : new Date(at).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });

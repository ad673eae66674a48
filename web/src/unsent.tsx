/** What the frame says of answers that are not at the server. */

import type { JSX } from "preact";
import { useEffect, useReducer } from "preact/hooks";
import type { Outbox } from "./outbox";

/** Follows the outbox. */
function useOutbox(outbox: Outbox): void {
  const [, changed] = useReducer((n: number) => n + 1, 0);
  useEffect(() => {
    const stop = outbox.listen(() => changed(null));
    const awake = (): void => outbox.flush();
    const stay = (event: Event): void => {
      if (!outbox.safe) event.preventDefault();
    };
    window.addEventListener("online", awake);
    window.addEventListener("beforeunload", stay);
    return () => {
      stop();
      window.removeEventListener("online", awake);
      window.removeEventListener("beforeunload", stay);
    };
  }, [outbox]);
}

/** Calm as long as all is well: a word only when answers have waited for a while. */
export function Unsent({ outbox }: { outbox: Outbox }): JSX.Element {
  useOutbox(outbox);
  const many = outbox.waiting.length;
  const words = outbox.failing && many > 0;
  const where = outbox.safe ? "safely here" : "while this page is open";
  return (
    <span class={words ? "unsent" : "unsent hidden"} role="status">
      {words && `● ${many} ${many === 1 ? "answer waits" : "answers wait"} to be sent; kept ${where}`}
    </span>
  );
}

export function Refused({ outbox }: { outbox: Outbox }): JSX.Element | null {
  useOutbox(outbox);
  const first = outbox.refused[0];
  if (!first) return null;
  const many = outbox.refused.length;
  return (
    <div class="refused" role="alert">
      <span class="grow">
        {many === 1 ? "One answer was" : `${many} answers were`} not taken: {first.refused} Nothing is lost: it is kept
        in this browser.
      </span>
      <button type="button" class="small" onClick={() => void outbox.again()}>
        Send again
      </button>
      <button type="button" class="small" onClick={() => void outbox.forget(first.key)}>
        Let it go
      </button>
    </div>
  );
}

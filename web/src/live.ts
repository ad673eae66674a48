/** What the server tells by itself: one stream for a page that is seen, taken up again wherever it broke off. */

import { useEffect, useRef, useState } from "preact/hooks";
import type { Schema } from "./net";

export type Live = "live" | "waiting" | "lost";

/** Milliseconds without the stream after which a reader is told so; between tries that are made here. */
const [GRACE, AGAIN] = [4000, 5000];

/**
 * Follows a run from a mark. The server ends the stream every minute and the browser takes it up by itself, from its last
 * event. A page that nobody sees holds no stream, for a browser has but six to one server.
 */
export function useLive(address: string | null, hear: (news: Schema<"RunNews">) => void, failed: () => void): Live {
  const [state, setState] = useState<Live>("waiting");
  const latest = useRef({ hear, failed });
  latest.current = { hear, failed };
  useEffect(() => {
    if (address === null) return;
    let source: EventSource | null = null;
    let late: ReturnType<typeof setTimeout> | undefined;
    let again: ReturnType<typeof setTimeout> | undefined;
    let since: string | null = null;
    const end = (): void => {
      source?.close();
      source = null;
      clearTimeout(late);
      clearTimeout(again);
      late = undefined;
    };
    const begin = (): void => {
      end();
      if (document.hidden) return setState("waiting");
      const from = new URL(address, location.href);
      if (since !== null) from.searchParams.set("since", since);
      source = new EventSource(from);
      source.onopen = () => {
        clearTimeout(late);
        late = undefined;
        setState("live");
      };
      source.onmessage = (event: MessageEvent<string>) => {
        const news = JSON.parse(event.data) as Schema<"RunNews">;
        since = news.mark;
        latest.current.hear(news);
      };
      source.onerror = () => {
        late ??= setTimeout(() => setState("lost"), GRACE);
        if (source?.readyState !== EventSource.CLOSED) return;
        latest.current.failed(); // refused: asked for once in the usual way, which tells why
        again = setTimeout(begin, AGAIN);
      };
    };
    begin();
    document.addEventListener("visibilitychange", begin);
    return () => {
      document.removeEventListener("visibilitychange", begin);
      end();
    };
  }, [address]);
  return state;
}

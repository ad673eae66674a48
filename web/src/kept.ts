/** What is begun and not sent, kept by the browser through reloads and ended sessions. */

const PREFIX = "concord:begun:";

/** A browser that has no room, or keeps nothing, forgets it with the page. */
export function keep(where: Storage, name: string, what: unknown): void {
  try {
    where.setItem(PREFIX + name, JSON.stringify(what));
  } catch {
    /* it lives as long as the page */
  }
}

export function kept<T>(where: Storage, name: string): T | null {
  try {
    return JSON.parse(where.getItem(PREFIX + name) ?? "null") as T | null;
  } catch {
    return null;
  }
}

export const forget = (where: Storage, name: string): void => where.removeItem(PREFIX + name);

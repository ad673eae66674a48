/** Asking the server: one typed function, and one kind of error in words for people. */

import type { components, paths } from "./api";

export type Schema<N extends keyof components["schemas"]> = components["schemas"][N];

type Method = "get" | "post" | "delete";
type Reply<P extends keyof paths, M extends Method> = paths[P][M] extends {
  responses: { 200: { content: { "application/json": infer R } } };
}
  ? R
  : never;
type Body<P extends keyof paths, M extends Method> = paths[P][M] extends {
  requestBody: { content: { "application/json": infer B } };
}
  ? B
  : null;

/** Why the server did not do what was asked; status 0: it could not be reached. */
export class Fault extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    message: string,
  ) {
    super(message);
  }

  /** Whether the same request may well succeed later. */
  get passing(): boolean {
    return this.status === 0 || this.status === 408 || this.status === 429 || this.status >= 500;
  }
}

/** What is only read may take its time; what is sent is sent again; a big file or a big store takes many minutes. */
const PATIENCE = { read: 120_000, write: 20_000, long: 1_800_000 } as const;
const LONG = /\/(tasks|export|losses|agreement|comparison)$/;
let signedOut: () => void = () => {};

/** What is to happen when the server no longer knows who asks. */
export function whenSignedOut(act: () => void): void {
  signedOut = act;
}

export const get = <P extends keyof paths>(path: P, at: Record<string, string> = {}): Promise<Reply<P, "get">> =>
  ask("GET", path, at);

export const post = <P extends keyof paths>(
  path: P,
  at: Record<string, string>,
  body: Body<P, "post">,
): Promise<Reply<P, "post">> => ask("POST", path, at, body);

export const remove = <P extends keyof paths>(path: P, at: Record<string, string>): Promise<Reply<P, "delete">> =>
  ask("DELETE", path, at, null);

/** A file, whole: it is there when it is told, or a fault is. */
export async function file(path: keyof paths, at: Record<string, string>): Promise<Blob> {
  const reply = await answer("GET", path, at);
  return reply.blob().catch(() => {
    throw new Fault(0, "unreadable", "The server's answer broke off.");
  });
}

async function ask<R>(method: string, path: string, at: Record<string, string>, body?: unknown): Promise<R> {
  const reply = await answer(method, path, at, body);
  return (await reply.json().catch(() => {
    throw new Fault(0, "unreadable", "The server's answer broke off.");
  })) as R;
}

async function answer(method: string, path: string, at: Record<string, string>, body?: unknown): Promise<Response> {
  const used = new Set<string>();
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) => {
    used.add(name);
    return encodeURIComponent(at[name] ?? "");
  });
  const query = new URLSearchParams(Object.entries(at).filter(([name]) => !used.has(name))).toString();
  const wait = patience(method, path);
  const options: RequestInit = { method, credentials: "same-origin", signal: AbortSignal.timeout(wait) };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    if (body !== null) options.body = JSON.stringify(body);
  }
  let reply: Response;
  try {
    reply = await fetch(query ? `${filled}?${query}` : filled, options);
  } catch (error) {
    throw unanswered(error, wait);
  }
  if (reply.ok) return reply;
  if (reply.status === 401 && path !== "/api/v1/login") signedOut();
  throw await fault(reply);
}

/** How many milliseconds an answer may take. */
export const patience = (method: string, path: string): number =>
  LONG.test(path) ? PATIENCE.long : method === "GET" ? PATIENCE.read : PATIENCE.write;

/** Why there was no answer; a server that is only slow is not called away. */
export function unanswered(error: unknown, wait: number): Fault {
  if (!(error instanceof Error) || error.name !== "TimeoutError") {
    return new Fault(0, "unreachable", "The server cannot be reached.");
  }
  const time = wait < 60_000 ? `${wait / 1000} seconds` : `${wait / 60_000} minutes`;
  return new Fault(0, "late", `The server has not answered for ${time}; it may still be at work.`);
}

async function fault(reply: Response): Promise<Fault> {
  const told = (await reply.json().catch(() => null)) as Partial<Schema<"Problem">> | null;
  const message = told?.error?.message ?? `The server answered with ${reply.status}.`;
  const field = told?.error?.field;
  return new Fault(reply.status, told?.error?.code ?? String(reply.status), field ? `${field}: ${message}` : message);
}

/** A name that nobody else will choose; it needs no secure context, as an address in a local network is none. */
export function unique(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}

/** Answers on their way: kept in the browser until the server has them, through reloads and dead servers. */

import { Fault, post, type Schema } from "./net";

export interface Letter {
  /** Also the key by which the server stores it only once. */
  readonly key: string;
  readonly at: number;
  readonly who: number;
  readonly project: string;
  readonly body: Schema<"Said">;
  /** The key of the letter whose judgement this one revises, until that judgement's number is known. */
  readonly replaces: string | null;
  /** Why the server will not have it; it waits for the person to decide. */
  readonly refused: string | null;
}

/** Where letters lie. */
export interface Drawer {
  all(): Promise<Letter[]>;
  put(letters: readonly Letter[], without?: string): Promise<void>;
}

export type Carry = (letter: Letter) => Promise<Schema<"Stored">>;
/** A letter's way has ended: it is stored, or `why` names the server's reason. */
export type News = { letter: Letter; stored: Schema<"Stored"> | null; why: string | null };
/** Others had finished the task first: there is nothing to decide for the person. */
export const UNNEEDED = "task_full";

const carryOverHttp: Carry = (letter) =>
  post("/api/v1/projects/{p}/judgements", { p: letter.project }, { ...letter.body });

const SOON = 300;
const LATEST = 8_000;

export class Outbox {
  /** Whether the last attempt failed for a reason that will pass. */
  failing = false;
  /** Whether letters survive the page. */
  lasting = true;
  private letters: Letter[] = [];
  /** Keys of letters that the drawer is still writing down. */
  private readonly wet = new Set<string>();
  private sending = false;
  private closed = false;
  private wait = SOON;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly judgements = new Map<string, number>();
  private readonly listeners = new Set<(news: News | null) => void>();

  constructor(
    readonly who: number,
    private readonly drawer: Drawer,
    private readonly carry: Carry = carryOverHttp,
  ) {}

  /** Takes up what an earlier page could not send. */
  async open(): Promise<void> {
    const kept = (await this.drawer.all().catch(() => [])).filter((letter) => letter.who === this.who);
    this.letters = [...kept, ...this.letters].sort((a, b) => a.at - b.at);
    this.tell(null);
    this.flush();
  }

  /** Letters that wait to be sent. */
  get waiting(): readonly Letter[] {
    return this.letters.filter((letter) => letter.refused === null);
  }

  /** Whether whatever waits would outlive the page if it were closed now. */
  get safe(): boolean {
    return this.waiting.length === 0 || (this.lasting && this.wet.size === 0);
  }

  /** Letters that the server will not have. */
  get refused(): readonly Letter[] {
    return this.letters.filter((letter) => letter.refused !== null);
  }

  /** The number under which the server stored a letter. */
  judgement(key: string): number | null {
    return this.judgements.get(key) ?? null;
  }

  listen(listener: (news: News | null) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** It is on paper before it is on its way. */
  async add(letter: Omit<Letter, "who" | "at" | "refused">): Promise<void> {
    const at = Math.max(Date.now(), (this.letters.at(-1)?.at ?? 0) + 1);
    const revises = letter.replaces === null ? undefined : this.judgements.get(letter.replaces);
    const known = revises === undefined ? letter : { ...letter, replaces: null, body: { ...letter.body, revises } };
    const whole: Letter = { ...known, who: this.who, at, refused: null };
    this.letters = [...this.letters, whole];
    this.wet.add(whole.key);
    this.tell(null);
    await this.keep([whole]);
    this.wet.delete(whole.key);
    this.tell(null);
    this.flush();
  }

  /** Sends refused letters once more, or forgets one. */
  async again(): Promise<void> {
    this.letters = this.letters.map((letter) => ({ ...letter, refused: null }));
    await this.keep(this.letters);
    this.tell(null);
    this.flush();
  }

  async forget(key: string): Promise<void> {
    this.letters = this.letters.filter((letter) => letter.key !== key);
    await this.keep([], key);
    this.tell(null);
  }

  /** Tries at once, whatever the wait was. */
  flush(): void {
    clearTimeout(this.timer);
    if (!this.sending && !this.closed) void this.send();
  }

  /** Sends nothing more: somebody else uses this browser now. What waits stays in the drawer. */
  close(): void {
    clearTimeout(this.timer);
    this.closed = true;
  }

  private async send(): Promise<void> {
    this.sending = true;
    for (let next = this.waiting[0]; next && !this.closed; next = this.waiting[0]) {
      try {
        const stored = await this.carry(next);
        this.judgements.set(next.key, stored.judgement);
        await this.delivered(next, stored);
      } catch (error) {
        const fault = error instanceof Fault ? error : new Fault(0, "unknown", String(error));
        if (fault.code === UNNEEDED) await this.delivered(next, null);
        else if (fault.passing || fault.status === 401) {
          this.later(fault.status === 401);
          break;
        } else await this.refuse(next, fault);
      }
    }
    this.sending = false;
  }

  private async delivered(letter: Letter, stored: Schema<"Stored"> | null): Promise<void> {
    this.failing = false;
    this.wait = SOON;
    const others = this.letters.filter((one) => one.key !== letter.key);
    this.letters = others.map((one) =>
      one.replaces === letter.key && stored
        ? { ...one, replaces: null, body: { ...one.body, revises: stored.judgement } }
        : one,
    );
    await this.keep(this.letters.filter((one, i) => one !== others[i]), letter.key);
    this.tell({ letter, stored, why: stored ? null : UNNEEDED });
  }

  private async refuse(letter: Letter, why: Fault): Promise<void> {
    const refused = { ...letter, refused: why.message };
    this.letters = this.letters.map((one) => (one.key === letter.key ? refused : one));
    await this.keep([refused]);
    this.tell({ letter: refused, stored: null, why: why.code });
  }

  private later(signedOut: boolean): void {
    this.failing = true;
    this.tell(null);
    if (signedOut) return;
    this.timer = setTimeout(() => this.flush(), this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(LATEST, this.wait * 2);
  }

  /** A full disk loses no answer while the page lives; the notice says that it has to. */
  private async keep(letters: readonly Letter[], without?: string): Promise<void> {
    try {
      await this.drawer.put(letters, without);
    } catch {
      this.lasting = false;
    }
  }

  private tell(news: News | null): void {
    this.listeners.forEach((listener) => listener(news));
  }
}

/** A drawer for browsers that keep nothing: letters live as long as the page. */
export const memory = (): Drawer => {
  const kept = new Map<string, Letter>();
  return {
    all: async () => [...kept.values()],
    put: async (letters, without) => {
      letters.forEach((letter) => kept.set(letter.key, letter));
      if (without !== undefined) kept.delete(without);
    },
  };
};

/** The browser's own database; each change is on disk before it is told. */
export const drawer = async (): Promise<Drawer | null> => opened().then(lasting, () => null);

function opened(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open("concord", 1);
    request.onupgradeneeded = () => request.result.createObjectStore("outbox", { keyPath: "key" });
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
    request.onblocked = () => reject(new Error("blocked"));
  });
}

function lasting(database: IDBDatabase): Drawer {
  return {
    all: () =>
      new Promise((resolve, reject) => {
        const request = database.transaction("outbox").objectStore("outbox").getAll();
        request.onsuccess = () => resolve(request.result as Letter[]);
        request.onerror = () => reject(request.error);
      }),
    put: (letters, without) =>
      new Promise((resolve, reject) => {
        const change = database.transaction("outbox", "readwrite", { durability: "strict" });
        letters.forEach((letter) => change.objectStore("outbox").put(letter));
        if (without !== undefined) change.objectStore("outbox").delete(without);
        change.oncomplete = () => resolve();
        change.onerror = () => reject(change.error);
        change.onabort = () => reject(change.error);
      }),
  };
}

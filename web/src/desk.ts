/** One person at work on one project: the task in hand, two more ahead, and what was sent before. */

import { goOn, pass, reading, seen, start, touch, type Clock } from "./clock";
import { forget, keep, kept } from "./kept";
import { Fault, get, post, unique, type Schema } from "./net";
import { UNNEEDED, type News, type Outbox } from "./outbox";
import { answer, begin, missing, resume, type Rules, type State } from "./ranking";
import { reduce, type Action } from "./reduce";
import { Sent, type Past } from "./sent";

type Task = Schema<"Task">;

export interface Hand {
  readonly task: Task;
  readonly state: State;
  readonly clock: Clock;
  /** The version of the guideline by which it is answered: in force when the task came, or read since. */
  readonly guideline: number;
  /** What this answer will replace: a judgement that the server told of, or a letter of this page. */
  readonly revises: { readonly judgement: number | null; readonly letter: string | null } | null;
}

/** An earlier answer that is being changed, as it outlives the page. */
type Change = Pick<Hand, "task" | "state" | "revises">;

export type Situation = "loading" | "task" | "finished" | "unreachable" | "guideline" | "refused";

const AHEAD = 2;
const RETRY = 2_000;
const RENEW = 60_000;
/** What the server calls it when the guideline has to be confirmed first. */
const UNREAD = "guideline";
/** What it calls an answer that does not follow its author's newest: another tab was faster. */
const OVERTAKEN: readonly string[] = ["not_latest", "already_judged"];
const OPENED = "What you sent before. Change it and press Enter, or Escape to leave it as it is.";
const TOO_OLD = "Answers before this one are too long ago to be opened here.";
const NOTHING = "There is nothing sent before this.";

export class Desk {
  hand: Hand | null = null;
  situation: Situation = "loading";
  /** What a person hears and reads about what just happened. */
  notice = "";
  progress: Schema<"Progress"> | null = null;
  left = 0;
  /** The newest version of the guideline that the page knows of. */
  private guideline: number;
  private ahead: Pick<Hand, "task" | "guideline">[] = [];
  private readonly sent: Sent;
  private kept: Hand[] = [];
  private readonly answered = new Set<string>();
  private asking = false;
  private wanted = false;
  private closed = false;
  private readonly stopListening: () => void;
  private readonly renewing: ReturnType<typeof setInterval>;
  private timer: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly project: Schema<"Project">,
    private readonly outbox: Outbox,
    private readonly changed: () => void,
  ) {
    this.sent = new Sent(project.slug);
    this.guideline = project.guideline;
    this.stopListening = outbox.listen((news) => this.hear(news));
    this.renewing = setInterval(() => this.hand && seen() && void this.top(true), RENEW);
  }

  get rules(): Rules {
    const { mode, partial_allowed, difference, aspects } = this.project;
    return { mode, partial: partial_allowed, difference, aspects };
  }

  async open(): Promise<void> {
    const change = kept<Change>(sessionStorage, this.changing);
    if (change) {
      const ids = change.task.candidates.map((one) => one.id);
      this.take(change.task, resume(this.rules, ids, change.state), change.revises);
      this.say(OPENED);
    }
    await Promise.all([this.top(), this.count()]);
  }

  close(): void {
    this.closed = true;
    this.keepDraft();
    clearInterval(this.renewing);
    clearTimeout(this.timer);
    this.stopListening();
  }

  /** A key, a tap or a drag. */
  act(action: Action): void {
    if (!this.hand) return;
    const state = reduce(this.hand.state, action);
    if (state !== this.hand.state) this.notice = "";
    this.hand = { ...this.hand, state };
    this.changed();
  }

  /** The guideline was read beside the task: what is said from now on is said by it. */
  read(version: number): void {
    this.guideline = version;
    if (this.hand) this.hand = { ...this.hand, guideline: version };
  }

  /** A sign of life; `said`: one that counts as a key or click. */
  alive(said: boolean, inView: boolean): void {
    if (!this.hand) return;
    const now = performance.now();
    this.hand = { ...this.hand, clock: said ? touch(this.hand.clock, now) : pass(this.hand.clock, now, inView) };
  }

  /** Puts the answer on its way and shows the next task at once. */
  send(): void {
    const hand = this.hand;
    if (!hand) return;
    const lacking = missing(hand.state);
    if (lacking !== null) return this.say(lacking);
    const said = answer(hand.state);
    const key = unique();
    const clock = pass(hand.clock, performance.now(), seen());
    const body: Schema<"Said"> = {
      key,
      lease: hand.task.lease,
      task: hand.task.task,
      ...said,
      tiers: said.tiers.map((tier) => [...tier]),
      shown: [...hand.state.ids],
      ...reading(clock),
      guideline: hand.guideline,
      revises: hand.revises?.judgement ?? null,
    };
    void this.outbox.add({ key, project: this.project.slug, body, replaces: hand.revises?.letter ?? null });
    this.answered.add(hand.task.task);
    forget(sessionStorage, hand.revises ? this.changing : hand.task.task);
    this.sent.add({ task: hand.task, said, judgement: null, letter: key });
    this.notice = hand.revises ? "Changed. Back to where you were." : "Sent.";
    this.hand = null;
    this.next();
  }

  /** Opens what was sent before, to change it; again and again, further back. */
  async undo(): Promise<void> {
    let past: Past | null;
    try {
      past = await this.sent.before(() => (this.hand?.revises ? this.hand.task.task : null));
    } catch (error) {
      return this.say(error instanceof Fault ? error.message : String(error));
    }
    if (!past) return this.say(this.sent.more ? TOO_OLD : NOTHING);
    this.alive(false, seen());
    if (this.hand && !this.hand.revises) this.kept.push(this.hand);
    const letter = past.letter;
    const judgement = past.judgement ?? (letter === null ? null : this.outbox.judgement(letter));
    const ids = past.task.candidates.map((one) => one.id);
    this.take(past.task, begin(this.rules, ids, past.said), { judgement, letter: judgement === null ? letter : null });
    this.say(OPENED);
  }

  /** Leaves an opened earlier task as it was. */
  leave(): void {
    if (!this.hand?.revises) return;
    forget(sessionStorage, this.changing);
    this.hand = null;
    this.notice = "Left as it was.";
    this.next();
    if (!this.hand) void this.top();
  }

  say(words: string): void {
    this.notice = words;
    this.changed();
  }

  /** Asks for the numbers of the head line. */
  async count(): Promise<void> {
    try {
      this.progress = await get("/api/v1/projects/{p}/progress", { p: this.project.slug });
      this.changed();
    } catch {
      /* they come with the next answer that is stored */
    }
  }

  /** Asks for tasks until two lie ahead; the same request renews the holds on those that are here. */
  async top(renew = false): Promise<void> {
    if (this.closed || (!renew && this.ahead.length >= AHEAD && this.hand)) return;
    if (this.asking) {
      this.wanted = true; // for an answer that was on its way could not count for the question already asked
      return;
    }
    this.asking = true;
    this.wanted = false;
    clearTimeout(this.timer);
    const here = [...this.kept, ...(this.hand ? [this.hand] : []), ...this.ahead];
    const holding = here.flatMap(({ task }) => (task.lease ? [task.lease] : [])).slice(0, 8);
    const p = { p: this.project.slug };
    try {
      const leases = post("/api/v1/projects/{p}/leases", p, { count: 1 + AHEAD, holding });
      const [told, project] = await Promise.all([leases, get("/api/v1/projects/{p}", p)]);
      this.receive(told, project.guideline);
    } catch (error) {
      this.fail(error);
    } finally {
      this.asking = false;
    }
    if (this.wanted) void this.top();
    this.changed();
  }

  private receive(told: Schema<"Leases">, guideline: number): void {
    if (guideline > this.guideline) this.notice = "There is a new guideline: g shows it.";
    this.guideline = guideline;
    const known = new Set([...this.answered, ...this.ahead.map((one) => one.task.task), this.hand?.task.task]);
    this.kept.forEach((one) => known.add(one.task.task));
    const fresh = told.tasks.filter((task) => !known.has(task.task) && !this.onItsWay(task.task));
    this.ahead.push(...fresh.map((task) => ({ task, guideline })));
    this.left = told.left;
    if (this.hand) return;
    if (this.ahead.length || this.kept.length) return this.next();
    const pending = this.outbox.waiting.length > 0;
    this.situation = pending ? "unreachable" : "finished";
    if (pending) this.timer = setTimeout(() => void this.top(), RETRY / 4);
  }

  private onItsWay(task: string): boolean {
    return this.outbox.waiting.some((letter) => letter.body.task === task);
  }

  private fail(error: unknown): void {
    const fault = error instanceof Fault ? error : new Fault(0, "unknown", String(error));
    if (fault.passing) this.timer = setTimeout(() => void this.top(), RETRY);
    if (this.hand) return;
    this.situation = fault.passing ? "unreachable" : fault.code === UNREAD ? "guideline" : "refused";
    if (!fault.passing) this.notice = fault.message;
  }

  private next(): void {
    const kept = this.kept.pop();
    const ready = this.ahead[0];
    if (kept) this.hand = { ...kept, clock: goOn(kept.clock, performance.now(), seen()) };
    else if (ready) {
      this.ahead = this.ahead.slice(1);
      const ids = ready.task.candidates.map((one) => one.id);
      this.take(ready.task, this.drafted(ready.task.task, ids), null, ready.guideline);
    } else this.situation = this.outbox.failing ? "unreachable" : "loading";
    if (this.hand) this.situation = "task";
    this.changed();
  }

  private take(task: Task, state: State, revises: Hand["revises"], guideline = this.guideline): void {
    this.hand = { task, state, clock: start(performance.now(), seen()), guideline, revises };
    this.situation = "task";
  }

  private hear(news: News | null): void {
    if (news?.letter.project === this.project.slug) {
      if (news.stored) {
        this.answered.add(news.letter.body.task); // an earlier page of this person may have sent it
        this.progress = news.stored.progress;
      } else if (news.why === UNNEEDED) this.notice = "Others had finished that task before your answer came; it was not needed.";
      if (news.why !== null && OVERTAKEN.includes(news.why)) void this.overtaken(news.letter.body.task);
      if (!this.hand || this.ahead.length < AHEAD) void this.top();
    }
    this.changed();
  }

  /** What another tab said of this task stands; from now on it is what can be changed here. */
  private async overtaken(task: string): Promise<void> {
    const judgement = await this.sent.renew(task).catch(() => null);
    if (judgement === null || !this.hand?.revises || this.hand.task.task !== task) return;
    this.hand = { ...this.hand, revises: { judgement, letter: null } };
    this.say("You have changed this answer on another page; what you send now replaces that.");
  }

  /** What is begun stays begun through a reload of the page, in this tab: all that is said, half or whole. */
  keepDraft(): void {
    const hands = [...this.kept, ...(this.hand && !this.hand.revises ? [this.hand] : [])];
    for (const hand of hands) keep(sessionStorage, hand.task.task, hand.state);
    if (!this.hand?.revises) return forget(sessionStorage, this.changing);
    const { task, state, revises } = this.hand;
    const stored = revises.letter === null ? null : this.outbox.judgement(revises.letter);
    const change: Change = { task, state, revises: stored === null ? revises : { judgement: stored, letter: null } };
    keep(sessionStorage, this.changing, change);
  }

  /** The name under which a change in hand is kept: task and numbers are this person's own. */
  private get changing(): string {
    return `change:${this.outbox.who}:${this.project.slug}`;
  }

  private drafted(task: string, ids: readonly string[]): State {
    const left = kept<State>(sessionStorage, task);
    return left === null ? begin(this.rules, ids) : resume(this.rules, ids, left);
  }
}

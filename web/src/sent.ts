/** What one person has sent: enough of it to open it again. */

import { get, type Schema } from "./net";
import type { Answer } from "./ranking";

export interface Past {
  readonly task: Schema<"Task">;
  readonly said: Answer;
  /** Its number at the server, or the letter with which it is on its way. */
  readonly judgement: number | null;
  readonly letter: string | null;
}

/** How many of the latest answers are asked for: some, then as many as the server tells. */
const LOOK = [20, 100] as const;

export class Sent {
  private all: readonly Past[] = [];
  /** Whether the server may know of answers older than these. */
  private older = true;

  constructor(private readonly project: string) {}

  add(past: Past): void {
    this.all = [...this.all.filter((one) => one.task.task !== past.task.task), past];
  }

  /** What was sent before this task, or last of all; what the page does not know is asked for. */
  async before(task: () => string | null): Promise<Past | null> {
    for (const limit of LOOK) if (this.older && !this.find(task())) await this.look(limit);
    return this.find(task());
  }

  /** Whether there are answers that no page can open any more. */
  get more(): boolean {
    return this.older;
  }

  /** Takes what the server has of a task in place of what was sent from here; its number, if it has any. */
  async renew(task: string): Promise<number | null> {
    const newest = (await this.mine(LOOK[1])).find((one) => one.task.task === task);
    if (newest) this.all = this.all.map((one) => (one.task.task === task ? newest : one));
    return newest?.judgement ?? null;
  }

  private find(task: string | null): Past | null {
    const at = task === null ? this.all.length : this.all.findIndex((one) => one.task.task === task);
    return this.all[at - 1] ?? null;
  }

  private async look(limit: number): Promise<void> {
    const told = await this.mine(limit);
    const here = new Set(this.all.map((one) => one.task.task));
    this.older = told.length === limit;
    this.all = [...told.filter((one) => !here.has(one.task.task)), ...this.all];
  }

  /** The latest answers that the server has, the oldest first. */
  private async mine(limit: number): Promise<Past[]> {
    const told = await get("/api/v1/projects/{p}/mine", { p: this.project, limit: String(limit) });
    return told.judgements
      .map((one): Past => ({ task: one.task, said: { ...one }, judgement: one.judgement, letter: null }))
      .reverse();
  }
}

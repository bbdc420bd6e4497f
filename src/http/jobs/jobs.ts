// Work on the cluster that may outlast the request that asked for it: a change of the members, a
// drain, a resync. A job says what it concerns, when it began, how far it has come and how it
// ended; a client may wait for its end.
//
//  running -> done
//  running -> failed    with the problem that the request would have been answered with
//
// Jobs are kept in the memory of the process that runs them, across incarnations of its replica,
// and are gone when it ends; the effects of a job remain. At most `JOBS_MAX` are kept. The one that
// ended first is dropped first; if none has ended, a new one is refused.

import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ReplicaService } from '../../model/port.ts';
import type { Status } from '../../model/status.ts';
import { ask } from '../ask.ts';
import { courseOf, type JobKind } from './job-course.ts';
import { type Refusal, refusal } from '../problem.ts';
import type { JobProgress, JobView, MembershipView } from '../../api/shapes.ts';

export const JOBS_MAX = 64;
/** How often a job is checked if nothing reports its end. */
const LOOK_MS = 200;

export class Job {
  readonly id = randomBytes(8).toString('hex');
  readonly kind: JobKind;
  /** The replica that the job changes. */
  readonly target: string;
  readonly sinceMs = Date.now();
  state: JobView['state'] = 'running';
  endedMs: number | undefined;
  /** The state at the last check. */
  progress: JobProgress | undefined;
  problem: Refusal | undefined;
  /** The members after the change. */
  members: MembershipView | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(kind: JobKind, target: string) {
    this.kind = kind;
    this.target = target;
  }

  // running -> done
  done(members?: MembershipView): void {
    if (this.state === 'running') this.members = members;
    this.#end('done');
  }

  // running -> failed
  fail(problem: Refusal): void {
    if (this.state === 'running') this.problem = problem;
    this.#end('failed');
  }

  /** Waits until the job ends, for at most this time, or until waiting is not allowed any more. */
  wait(ms: number): Promise<void> {
    if (this.state !== 'running') return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#waiting.add(end);
    });
  }

  /** Answers the clients that wait for the job. */
  release(): void {
    for (const end of this.#waiting) end();
  }

  /**
   * Only the first end counts: a check of the replica and the replica's own answer may come in
   * either order.
   */
  #end(state: 'done' | 'failed'): void {
    if (this.state !== 'running') return;
    this.state = state;
    this.endedMs = Date.now();
    this.release();
  }
}

export class Jobs {
  /** The oldest first. */
  readonly #jobs = new Map<string, Job>();
  #service: ReplicaService | undefined;

  /** Progress is asked from this incarnation of the replica from now on. */
  attach(service: ReplicaService): void {
    this.#service = service;
  }

  /** `undefined` if too many run already. */
  begin(kind: JobKind, target: string): Job | undefined {
    if (this.#jobs.size >= JOBS_MAX && !this.#dropOne()) return undefined;
    const job = new Job(kind, target);
    this.#jobs.set(job.id, job);
    return job;
  }

  find(id: string): Job | undefined {
    return this.#jobs.get(id);
  }

  /** Ends the job when the replica's status shows that its goal is reached. */
  follow(job: Job): void {
    this.#followToEnd(job).catch((error: unknown) => {
      const what = error instanceof Error ? error.message : String(error);
      job.fail(refusal('internal', `the job cannot be followed: ${what}`));
    });
  }

  /** Updates the progress, which is unknown between two incarnations of the replica. */
  async look(job: Job): Promise<void> {
    const status = job.state === 'running' ? await this.#status() : undefined;
    if (status === undefined || job.state !== 'running') return;
    const { progress, end } = courseOf(job.kind, job.sinceMs, status);
    job.progress = progress ?? job.progress;
    if (end === 'done') job.done();
    else if (end !== undefined) job.fail(end);
  }

  /** The server stops: waiting clients get the progress so far. */
  release(): void {
    for (const job of this.#jobs.values()) job.release();
  }

  async #followToEnd(job: Job): Promise<void> {
    for (;;) {
      await this.look(job);
      if (job.state !== 'running') return;
      await sleep(LOOK_MS, undefined, { ref: false });
    }
  }

  async #status(): Promise<Status | undefined> {
    if (this.#service === undefined) return undefined;
    const reply = await ask(this.#service, (client) => ({ kind: 'status', client }));
    return reply.kind === 'status' ? reply : undefined;
  }

  #dropOne(): boolean {
    const ended = [...this.#jobs.values()].filter(({ state }) => state !== 'running');
    const first = ended.sort((a, b) => (a.endedMs ?? 0) - (b.endedMs ?? 0))[0];
    return first !== undefined && this.#jobs.delete(first.id);
  }
}

// An open loop: requests fall due at a fixed rate, independent of earlier ones, and a latency
// counts from the moment at which its request fell due. A closed loop slows down with the server
// and so hides the waiting time of its clients ("coordinated omission"; Schroeder, Wierman and
// Harchol-Balter, "Open Versus Closed: A Cautionary Tale", NSDI 2006).
//
// Requests travel over connections that are open before the loop begins, one at a time on each. A
// request that finds every connection in use waits for one, and this wait is part of its latency:
// `waited` counts them.

import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { Connection, type ConnectionEvents } from '../client/connection.ts';
import { Histogram, type Quantiles } from '../client/histogram.ts';
import type { Outcome, Wire } from '../client/wire.ts';

export interface Phase {
  readonly seconds: number;
  /** Requests that fell due. */
  readonly due: number;
  readonly done: Quantiles;
  /** Replies with status 429 or 503. */
  readonly refused: Quantiles;
  /** Replies of any other status, and connections that were lost. */
  readonly failed: number;
  readonly waited: number;
  /** Requests without a reply when the phase was given up, `PATIENCE_MS` after its end. */
  readonly unanswered: number;
  /** CPU seconds of this process per second: near 1, the client limits the phase. */
  readonly clientCpu: number;
}

interface OpenLoopOptions {
  readonly port: number;
  readonly connections: number;
  readonly keys: number;
  readonly wire: (connection: number) => Wire;
}

const PATIENCE_MS = 10_000;
/** Connections are opened in groups of this size: more at once overflow the server's backlog. */
const OPEN_AT_ONCE = 64;

export class OpenLoop implements ConnectionEvents {
  readonly #options: OpenLoopOptions;
  readonly #connections: Connection[] = [];
  readonly #idle: Connection[] = [];
  readonly #done = new Histogram();
  readonly #refused = new Histogram();
  /**
   * The times, in ms, at which waiting requests fell due; those before `#head` have a connection.
   */
  #waiting: number[] = [];
  #head = 0;
  #serial = 0;
  #outstanding = 0;
  #failed = 0;
  #waited = 0;

  constructor(options: OpenLoopOptions) {
    this.#options = options;
  }

  async connect(): Promise<void> {
    const { port, connections, wire } = this.#options;
    while (this.#connections.length < connections) {
      const count = Math.min(OPEN_AT_ONCE, connections - this.#connections.length);
      const group = Array.from(
        { length: count },
        (_, at) => new Connection(port, wire(this.#connections.length + at), this),
      );
      await Promise.all(group.map(({ ready }) => ready));
      this.#connections.push(...group);
      // The server has accepted a connection once it has answered on it.
      for (const connection of group) this.#send(connection, performance.now());
      await this.#settle();
    }
  }

  /** @param rate requests per second */
  async run(rate: number, seconds: number): Promise<Phase> {
    this.#reset();
    const cpu = process.cpuUsage();
    const beginMs = performance.now();
    const endMs = beginMs + seconds * 1000;
    let due = 0;
    for (let now = beginMs; now < endMs; now = performance.now()) {
      const goal = Math.floor(((now - beginMs) / 1000) * rate);
      for (; due < goal; due++) this.#ask(beginMs + (due / rate) * 1000);
      await turn();
    }
    const { user, system } = process.cpuUsage(cpu);
    const done = this.#done.quantiles();
    await this.#settle();
    return {
      seconds,
      due,
      done: { ...this.#done.quantiles(), count: done.count },
      refused: this.#refused.quantiles(),
      failed: this.#failed,
      waited: this.#waited,
      unanswered: this.#outstanding + this.#waiting.length - this.#head,
      clientCpu: (user + system) / 1e6 / seconds,
    };
  }

  close(): void {
    for (const connection of this.#connections) connection.close();
  }

  done(connection: Connection, _outcome: Outcome, data: Buffer): void {
    this.#outstanding--;
    const ms = performance.now() - connection.sentAtMs;
    const status = data.toString('latin1', 9, 12);
    if (status === '201' || status === '204') this.#done.record(ms);
    else if (status === '503' || status === '429') this.#refused.record(ms);
    else this.#failed++;
    const next = this.#waiting[this.#head];
    if (next === undefined) this.#idle.push(connection);
    else {
      this.#head++;
      this.#send(connection, next);
    }
  }

  lost(connection: Connection): void {
    const at = this.#idle.indexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    else this.#outstanding--;
    this.#failed++;
  }

  #ask(dueMs: number): void {
    const connection = this.#idle.pop();
    if (connection !== undefined) return this.#send(connection, dueMs);
    this.#waited++;
    this.#waiting.push(dueMs);
  }

  #send(connection: Connection, dueMs: number): void {
    this.#outstanding++;
    this.#serial++;
    connection.send(this.#serial % this.#options.keys, false, this.#serial, dueMs);
  }

  /** Waits for all replies, at most for `PATIENCE_MS`. */
  async #settle(): Promise<void> {
    const untilMs = performance.now() + PATIENCE_MS;
    while (this.#outstanding > 0 && performance.now() < untilMs) await sleep(5);
  }

  #reset(): void {
    this.#done.reset();
    this.#refused.reset();
    this.#waiting = [];
    this.#head = 0;
    this.#failed = 0;
    this.#waited = 0;
  }
}

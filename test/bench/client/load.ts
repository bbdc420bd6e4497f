// The closed-loop load generator: a number of connections, each of which sends its next request
// after the reply to the last. One clock reading per reply: the end of one operation is the
// beginning of the next. A reply that is neither success nor a miss is an error, and so is a lost
// connection; after `errorsMax` errors the load stops by itself.

import { Connection, type ConnectionEvents } from './connection.ts';
import { Histogram, type Quantiles } from './histogram.ts';
import type { Plan } from './keys.ts';
import { type Outcome, outcome, type Wire } from './wire.ts';

const errorsMax = 100;
const connectTimeoutMs = 10_000;

export interface Totals {
  readonly seconds: number;
  readonly ops: number;
  readonly puts: Quantiles;
  readonly gets: Quantiles;
  readonly misses: number;
  readonly errors: number;
  readonly firstError: string | undefined;
}

export interface LoadOptions {
  readonly ports: readonly number[];
  readonly connections: number;
  readonly plan: Plan;
  /** A reply to a get that is shorter than this cannot hold the value: a miss. */
  readonly valueBytes: number;
  readonly wire: (connection: number) => Wire;
  /** Called with each operation that has succeeded. */
  readonly onDone?: (isRead: boolean, beganMs: number, endMs: number) => void;
}

export class Load implements ConnectionEvents {
  readonly #plan: Plan;
  readonly #valueBytes: number;
  readonly #onDone: LoadOptions['onDone'];
  readonly #connections: readonly Connection[];
  readonly #puts = new Histogram();
  readonly #gets = new Histogram();
  readonly #finished: Promise<void>;
  #finish: () => void = () => {};
  #isRunning = false;
  #active = 0;
  #serial = 0;
  #misses = 0;
  #errors = 0;
  #firstError: string | undefined;
  #markedAtMs = 0;

  constructor(options: LoadOptions) {
    this.#plan = options.plan;
    this.#valueBytes = options.valueBytes;
    this.#onDone = options.onDone;
    this.#finished = new Promise((resolve) => {
      this.#finish = resolve;
    });
    this.#connections = Array.from({ length: options.connections }, (_, index) => {
      const port = options.ports[index % options.ports.length];
      if (port === undefined) throw new Error('a load needs a port to go to');
      return new Connection(port, options.wire(index), this);
    });
  }

  /** Resolves when all connections are open and greeted. */
  async connect(): Promise<void> {
    const late = new Promise<never>((_, reject) => {
      setTimeout(() => reject(new Error('connections did not open')), connectTimeoutMs).unref();
    });
    await Promise.race([Promise.all(this.#connections.map(({ ready }) => ready)), late]);
    if (this.#firstError !== undefined) throw new Error(this.#firstError);
  }

  begin(): void {
    this.#isRunning = true;
    this.mark();
    for (const connection of this.#connections) {
      this.#active += 1;
      this.#next(connection, performance.now());
    }
  }

  /** Forgets what was counted so far, except errors: the measured time begins now. */
  mark(): void {
    this.#puts.reset();
    this.#gets.reset();
    this.#misses = 0;
    this.#markedAtMs = performance.now();
  }

  totals(): Totals {
    return {
      seconds: (performance.now() - this.#markedAtMs) / 1000,
      ops: this.#puts.count + this.#gets.count,
      puts: this.#puts.quantiles(),
      gets: this.#gets.quantiles(),
      misses: this.#misses,
      errors: this.#errors,
      firstError: this.#firstError,
    };
  }

  /** Resolves when the plan has ended, or the load was stopped, and no request is outstanding. */
  get finished(): Promise<void> {
    return this.#finished;
  }

  stop(): void {
    this.#isRunning = false;
  }

  close(): void {
    this.#isRunning = false;
    for (const connection of this.#connections) connection.close();
    this.#finish();
  }

  done(connection: Connection, judged: Outcome, data: Buffer, end: number): void {
    const now = performance.now();
    if (judged === outcome.failed) this.#fail(data.toString('latin1', 0, Math.min(end, 300)));
    else this.#count(connection, now);
    const isEmpty = connection.isRead && end < this.#valueBytes;
    if (judged === outcome.miss || isEmpty) this.#misses += 1;
    this.#next(connection, now);
  }

  lost(_connection: Connection, reason: string): void {
    this.#fail(reason);
    if (this.#active > 0) this.#retire();
  }

  #count({ isRead, sentAtMs }: Connection, now: number): void {
    (isRead ? this.#gets : this.#puts).record(now - sentAtMs);
    this.#onDone?.(isRead, sentAtMs, now);
  }

  #next(connection: Connection, now: number): void {
    if (!this.#isRunning || !this.#plan.advance()) {
      this.#retire();
      return;
    }
    this.#serial += 1;
    connection.send(this.#plan.key, this.#plan.isRead, this.#serial, now);
  }

  #retire(): void {
    this.#active -= 1;
    if (this.#active === 0) this.#finish();
  }

  #fail(reason: string): void {
    this.#errors += 1;
    this.#firstError ??= reason;
    if (this.#errors >= errorsMax) this.#isRunning = false;
  }
}

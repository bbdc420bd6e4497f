// The only place at which a reply leaves the host. The client's handling of it is outside: an
// exception there says nothing about the state of the replica, so it ends that client's answer and
// not the process. It is counted and reported once: by the client, which knows the request, or else
// here.
//
// A failed assertion inside a step is different, and still stops the replica (base/assert.ts).

import type { Metrics } from '../model/metrics.ts';
import type { Trace } from '../model/port.ts';
import type { Client, Reply } from '../model/reply.ts';
import { agedReply, withinBound } from './answer-age.ts';

/** Replies state staleness in whole milliseconds. */
const AGE_MS_MIN = 1;

export class HandOver {
  readonly #metrics: Metrics;
  readonly #trace: Trace;

  constructor(metrics: Metrics, trace: Trace) {
    this.#metrics = metrics;
    this.#trace = trace;
  }

  /** `ageMs`: how long ago the reply was made. */
  give(client: Client, reply: Reply, ageMs = 0): void {
    const answer = ageMs < AGE_MS_MIN ? reply : agedReply(reply, ageMs);
    try {
      client.onReply(withinBound(answer, client));
    } catch (error) {
      this.#break(client, error);
    }
  }

  #break(client: Client, error: unknown): void {
    if (client.onBroken === undefined) return this.#note(error);
    try {
      client.onBroken(error);
    } catch (another) {
      this.#note(another);
    }
  }

  #note(error: unknown): void {
    this.#metrics.repliesBroken++;
    const reason = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#trace.note('error', 'reply-failed', { reason });
  }
}

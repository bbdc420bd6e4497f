// Serves `pull` requests: a run of any origin's log that this replica holds, one bounded message per request. The one
// who asks asks again for more, so a slow asker is never flooded. Requests beyond the bound are dropped; the asker
// repeats them with its next heartbeat.

import { createRing } from '../base/ring.ts';
import type { Outbox, RangeResult } from '../model/effect.ts';
import type { Pull } from '../model/message.ts';
import type { Mutation } from '../model/record.ts';
import { logSpan } from '../store/layout.ts';
import { LIVE_LANE, type Log } from '../store/log.ts';
import { fromMemory, type SenderOptions, verifiedRun } from './sender.ts';

const WAITING_MAX = 256;

interface Request {
  readonly peer: number;
  readonly pull: Pull;
}

export class PullServer {
  readonly #log: Log;
  readonly #frameBytes: number;
  readonly #range: SenderOptions['range'];
  readonly #waiting = createRing<Request>();
  #reading: (Request & { readonly id: number }) | undefined;

  constructor(log: Log, frameBytes: number, range: SenderOptions['range']) {
    this.#log = log;
    this.#frameBytes = frameBytes;
    this.#range = range;
  }

  onPull(peer: number, pull: Pull, out: Outbox): void {
    if (this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.push({ peer, pull });
    this.#next(out);
  }

  /** True when the answer was meant for a pull. */
  onRange(id: number, result: RangeResult, out: Outbox): boolean {
    const reading = this.#reading;
    if (reading?.id !== id) return false;
    this.#reading = undefined;
    this.#answer(reading, verifiedRun(result, reading.pull.origin, reading.pull.from), out);
    this.#next(out);
    return true;
  }

  #next(out: Outbox): void {
    while (this.#reading === undefined) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      this.#serve(request, out);
    }
  }

  #serve(request: Request, out: Outbox): void {
    const { origin, from } = request.pull;
    const bytesMax = Math.min(request.pull.bytesMax, this.#frameBytes);
    const lane = this.#log.lane(origin);
    if (lane === undefined || from > lane.durable) return;
    if (from <= lane.floor) {
      out.send(request.peer, { kind: 'behind', origin, floor: lane.floor });
      return;
    }
    if (from >= lane.tailFrom) {
      this.#answer(request, fromMemory(lane, from, bytesMax), out);
      return;
    }
    const id = this.#range(logSpan(LIVE_LANE, origin, from, lane.durable), bytesMax, out);
    this.#reading = { ...request, id };
  }

  #answer(request: Request, entries: readonly Mutation[], out: Outbox): void {
    if (entries.length === 0) return;
    out.send(request.peer, { kind: 'entries', origin: request.pull.origin, entries });
  }
}

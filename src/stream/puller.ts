// Serves `pull` requests: entries of any origin's log that this replica holds, one bounded message per request, which goes on to
// the end of the run that it reaches. The one
// who asks asks again for more, so a slow asker is never flooded. Requests beyond the bound are dropped; the asker
// repeats them with its next heartbeat.

import { createRing } from '../base/ring.ts';
import type { Outbox, RangeResult } from '../model/effect.ts';
import type { Pull } from '../model/message.ts';
import type { Seq } from '../model/id.ts';
import type { Mutation } from '../model/record.ts';
import { RUN_BYTES_MAX } from '../model/run.ts';
import { logSpan } from '../store/layout.ts';
import { LIVE_LANE, type Log } from '../store/log.ts';
import { fromMemory, isInMemory, uncut, verified } from './excerpt.ts';
import type { SenderOptions } from './sender.ts';

const WAITING_MAX = 256;

interface Request {
  readonly peer: number;
  readonly pull: Pull;
}

/** `isRun`: from there on to the end of one run. */
interface Reading extends Request {
  readonly id: number;
  readonly from: Seq;
  readonly isRun: boolean;
}

export class PullServer {
  readonly #log: Log;
  readonly #frameBytes: number;
  readonly #range: SenderOptions['range'];
  readonly #waiting = createRing<Request>();
  #reading: Reading | undefined;

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
    this.#onRead(reading, verified(result, reading.pull.origin, reading.from), out);
    this.#next(out);
    return true;
  }

  /** A run that the read has cut is read once more, whole. */
  #onRead(reading: Reading, entries: readonly Mutation[], out: Outbox): void {
    const { origin } = reading.pull;
    const excerpt = uncut(entries);
    if (excerpt.kind === 'whole') this.#answer(reading, excerpt.entries, out);
    else if (!reading.isRun) {
      const { from, to } = excerpt;
      const id = this.#range(logSpan(LIVE_LANE, origin, from, to), RUN_BYTES_MAX, out);
      this.#reading = { ...reading, id, from, isRun: true };
    }
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
    if (isInMemory(lane, from)) {
      this.#answer(request, fromMemory(lane, from, bytesMax), out);
      return;
    }
    const id = this.#range(logSpan(LIVE_LANE, origin, from, lane.durable), bytesMax, out);
    this.#reading = { ...request, id, from, isRun: false };
  }

  #answer(request: Request, entries: readonly Mutation[], out: Outbox): void {
    if (entries.length === 0) return;
    out.send(request.peer, { kind: 'entries', origin: request.pull.origin, entries });
  }
}

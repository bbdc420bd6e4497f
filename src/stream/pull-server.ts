// Serves `pull` requests: entries of any origin's log that this replica holds, one bounded message per request, which goes on to
// the end of the run that it reaches. The one
// the asker asks again for more, so a slow one is never flooded. Requests beyond the bound are dropped; the asker
// repeats them with its next heartbeat.

import { createRing } from '../base/ring.ts';
import type { Outbox } from '../model/effect.ts';
import type { Pull } from '../model/message.ts';
import type { Seq } from '../model/id.ts';
import type { Mutation } from '../model/record.ts';
import { RUN_BYTES_MAX } from '../model/run.ts';
import { laneSpan } from '../store/layout.ts';
import type { Log } from '../store/log.ts';
import { SingleRead } from '../store/single-read.ts';
import { fromMemory, isInMemory, uncut, verified } from './excerpt.ts';

const WAITING_MAX = 256;

interface Request {
  readonly peer: number;
  readonly pull: Pull;
}

/** `isRun`: from there on to the end of one run. */
interface Reading extends Request {
  readonly from: Seq;
  readonly isRun: boolean;
}

export class PullServer {
  readonly #log: Log;
  readonly #frameBytes: number;
  readonly #waiting = createRing<Request>();
  readonly #reading = new SingleRead<Reading>((result, reading, turn) => {
    this.#onRead(reading, verified(result, reading.pull.origin, reading.from), turn);
    this.#next(turn);
  });

  constructor(log: Log, frameBytes: number) {
    this.#log = log;
    this.#frameBytes = frameBytes;
  }

  onPull(peer: number, pull: Pull, out: Outbox): void {
    if (this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.push({ peer, pull });
    this.#next(out);
  }

  /** A run that the read has cut is read once more, whole. */
  #onRead(reading: Reading, entries: readonly Mutation[], out: Outbox): void {
    const { origin } = reading.pull;
    const excerpt = uncut(entries);
    if (excerpt.kind === 'whole') this.#answer(reading, excerpt.entries, out);
    else if (!reading.isRun) {
      const { from, to } = excerpt;
      const span = laneSpan(origin, from, to);
      this.#reading.begin(
        span,
        { bytesMax: RUN_BYTES_MAX },
        { ...reading, from, isRun: true },
        out,
      );
    }
  }

  #next(out: Outbox): void {
    while (!this.#reading.isUnderWay) {
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
    const span = laneSpan(origin, from, lane.durable);
    this.#reading.begin(span, { bytesMax }, { ...request, from, isRun: false }, out);
  }

  #answer(request: Request, entries: readonly Mutation[], out: Outbox): void {
    if (entries.length === 0) return;
    out.send(request.peer, { kind: 'entries', origin: request.pull.origin, entries });
  }
}

// Serves `pull` requests: entries of any lane that this replica holds. A request gets one bounded
// message, which is one step of a cursor (store/log-cursor.ts). The asker asks again for more, so a
// slow one is never flooded. Requests are served one after the other. Requests beyond the bound are
// dropped; the asker repeats them with its next heartbeat.

import { assert } from '../base/assert.ts';
import { createRing } from '../base/ring.ts';
import type { Outbox } from '../model/effect.ts';
import type { Pull } from '../model/message.ts';
import type { Log } from '../store/log.ts';
import { LogCursor, type LogStep, type LogStepRead } from '../store/log-cursor.ts';

const WAITING_MAX = 256;

interface Request {
  readonly peer: number;
  readonly pull: Pull;
}

export class PullServer {
  readonly #log: Log;
  readonly #frameBytes: number;
  readonly #waiting = createRing<Request>();
  /** Reads the log for the present request. */
  #cursor: LogCursor | undefined;

  constructor(log: Log, frameBytes: number) {
    this.#log = log;
    this.#frameBytes = frameBytes;
  }

  onPull(peer: number, pull: Pull, out: Outbox): void {
    if (this.#waiting.size >= WAITING_MAX) return;
    this.#waiting.push({ peer, pull });
    this.#next(out);
  }

  #next(out: Outbox): void {
    while (this.#cursor?.isReading !== true) {
      const request = this.#waiting.shift();
      if (request === undefined) return;
      this.#serve(request, out);
    }
  }

  #serve(request: Request, out: Outbox): void {
    assert(this.#cursor?.isReading !== true, 'pull server: one request at a time');
    const { origin, from, bytesMax } = request.pull;
    const lane = this.#log.lane(origin);
    if (lane === undefined) return;
    const cursor = new LogCursor({
      lane,
      at: from,
      bytesMax: Math.min(bytesMax, this.#frameBytes),
      onRead: (step, _, turn) => {
        this.#answer(request, step.kind === 'moved' ? cursor.next(turn) : step, turn);
        this.#next(turn);
      },
    });
    this.#cursor = cursor;
    this.#answer(request, cursor.next(out), out);
  }

  /** Entries that are not intact here are not answered: the asker asks another holder. */
  #answer({ peer, pull: { origin } }: Request, step: LogStep | LogStepRead, out: Outbox): void {
    if (step.kind === 'entries') {
      out.send(peer, { kind: 'entries', origin, entries: step.entries });
    } else if (step.kind === 'truncated') {
      out.send(peer, { kind: 'behind', origin, floor: step.floor });
    }
  }
}

// Durable before visible: holds each reply until the batch that it depends on is durable, then lets it go in order. A
// reply that says how stale it is grows staler while it is held.

import { createRing } from '../base/ring.ts';
import type { Reply } from '../model/command.ts';
import type { Lsn } from '../model/effect.ts';
import { fault } from '../model/fault.ts';
import type { OutgoingReply } from './outbox.ts';

interface Held extends OutgoingReply {
  readonly sinceMs: number;
}

export class Gate {
  readonly #held = createRing<Held>(256);
  #durable: Lsn = 0;

  /** Replies that wait for their batch. */
  get waiting(): number {
    return this.#held.size;
  }

  pass({ client, reply, lsn }: OutgoingReply, nowMs: number): void {
    if (lsn <= this.#durable) client.onReply(reply);
    else this.#held.push({ client, reply, lsn, sinceMs: nowMs });
  }

  /** Batches up to `lsn` are durable. */
  open(lsn: Lsn, nowMs: number): void {
    this.#durable = lsn;
    while (this.#held.size > 0 && this.#held.at(0).lsn <= lsn) {
      const { client, reply, sinceMs } = this.#held.shift() as Held;
      client.onReply(aged(reply, nowMs - sinceMs));
    }
  }

  /** The storage failed: what is held rests on something that may not exist. */
  failAll(): void {
    const failure = fault('storage-failed', 'the storage of this replica has failed');
    for (let held = this.#held.shift(); held !== undefined; held = this.#held.shift()) {
      held.client.onReply({ kind: 'failed', fault: failure });
    }
  }
}

function aged(reply: Reply, ms: number): Reply {
  if (reply.kind !== 'found' && reply.kind !== 'absent') return reply;
  const { stalenessMs } = reply;
  return stalenessMs === 'unknown' ? reply : { ...reply, stalenessMs: stalenessMs + ms };
}

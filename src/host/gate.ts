// Durable before visible: holds each reply until the batch that it depends on is durable, then lets it go in order.

import { createRing } from '../base/ring.ts';
import type { Lsn } from '../model/effect.ts';
import { fault } from '../model/fault.ts';
import type { OutgoingReply } from './outbox.ts';

export class Gate {
  readonly #held = createRing<OutgoingReply>(256);
  #durable: Lsn = 0;

  /** Replies that wait for their batch. */
  get waiting(): number {
    return this.#held.size;
  }

  pass(outgoing: OutgoingReply): void {
    if (outgoing.lsn <= this.#durable) outgoing.client.onReply(outgoing.reply);
    else this.#held.push(outgoing);
  }

  /** Batches up to `lsn` are durable. */
  open(lsn: Lsn): void {
    this.#durable = lsn;
    while (this.#held.size > 0 && this.#held.at(0).lsn <= lsn) {
      const { client, reply } = this.#held.shift() as OutgoingReply;
      client.onReply(reply);
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

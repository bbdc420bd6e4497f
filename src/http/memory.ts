// What is held for clients over all connections: replies that were given and not taken yet, and the values of answers that
// are being put together. One reader that stands still holds its own reply; ten thousand of them would hold as many. So there
// is one bound. Answers that are being put together get at most half of it, less and less each; where what is owed takes more
// than they leave, the connection whose reply has stood for the longest is closed, but never for the reply that came last.

import type { ServerResponse } from 'node:http';

interface Owed {
  readonly response: ServerResponse;
  readonly bytes: number;
}

export class ReplyMemory {
  readonly #bytesMax: number;
  /** Replies that wait for their readers, the oldest first. */
  readonly #owed = new Set<Owed>();
  #owedBytes = 0;
  #reservedBytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#owedBytes + this.#reservedBytes;
  }

  /** The reply has so many bytes that its client has not taken; it is forgotten when it is sent or its connection ends. */
  owe(response: ServerResponse, bytes: number): void {
    const owed = { response, bytes };
    this.#owed.add(owed);
    this.#owedBytes += bytes;
    response.once('close', () => this.#forget(owed));
    for (const oldest of this.#owed) {
      if (this.heldBytes <= this.#bytesMax || oldest === owed) return;
      this.#forget(oldest);
      oldest.response.req.socket.destroy();
    }
  }

  /** Room for an answer, as much as is asked for or half of what is left of their share; to be given back. */
  reserve(bytes: number): number {
    const share = this.#bytesMax / 2 - this.#reservedBytes;
    const left = Math.max(Math.min(share, this.#bytesMax - this.heldBytes), 0);
    const room = Math.min(bytes, Math.floor(left / 2));
    this.#reservedBytes += room;
    return room;
  }

  giveBack(bytes: number): void {
    this.#reservedBytes -= bytes;
  }

  #forget(owed: Owed): void {
    if (this.#owed.delete(owed)) this.#owedBytes -= owed.bytes;
  }
}

// Bodies that are still arriving, over all connections. A request's own bound limits one body;
// thousands of unfinished bodies could hold thousands of times that. When all together exceed their
// bound, the body that has been arriving for the longest time is dropped: a client that sends
// steadily finishes soon. Its request is refused before it had any effect, and its remaining bytes
// are not kept.
//
// The limit on connections bounds small bodies with an announced length.

import type { HttpRequest } from '../message.ts';
import { refusal } from '../problem.ts';

interface Arriving {
  bytes: number;
  /** Bytes beyond this are not kept. */
  readonly bytesMax: number;
  readonly onCrowded: () => void;
}

export const CROWDED = refusal(
  'overloaded',
  'too many request bodies are arriving, and this one began first; nothing was done, try again later',
  { retryAfterMs: 1000 },
);

const COUNTED_BYTES_MIN = 16 * 1024;

export class ArrivingBodies {
  readonly #bytesMax: number;
  /** The oldest first. */
  readonly #bodies = new Set<Arriving>();
  #bytes = 0;

  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  get heldBytes(): number {
    return this.#bytes;
  }

  /** Call it before the first byte is read; the reader keeps at most `bytesMax` of it. */
  watch(request: HttpRequest, bytesMax: number, onCrowded: () => void): void {
    const { 'content-length': length } = request.headers;
    if (length !== undefined && Number(length) < COUNTED_BYTES_MIN) return;
    const body: Arriving = { bytes: 0, bytesMax, onCrowded };
    this.#bodies.add(body);
    request.on('data', (chunk: Buffer) => this.#grow(body, chunk.length));
    request.once('end', () => this.#forget(body));
    request.once('close', () => this.#forget(body));
  }

  #grow(body: Arriving, bytes: number): void {
    if (!this.#bodies.has(body)) return;
    body.bytes += bytes;
    this.#bytes += bytes;
    if (body.bytes > body.bytesMax) return this.#forget(body);
    for (const oldest of this.#bodies) {
      if (this.#bytes <= this.#bytesMax || oldest === body) return;
      this.#forget(oldest);
      oldest.onCrowded();
    }
  }

  #forget(body: Arriving): void {
    if (this.#bodies.delete(body)) this.#bytes -= body.bytes;
  }
}

// Collects the body of a request. A body that arrives in one piece, as almost all do, is passed on
// without a copy. The bound is checked while reading, because a chunked body does not announce its
// length.

import type { ArrivingBodies } from '../guard/arriving.ts';
import type { HttpRequest } from '../message.ts';

export interface BodySink {
  onBody(body: Uint8Array): void;
  /** Called once, as soon as the bound is exceeded; `onBody` is not called then. */
  onTooLarge(): void;
  /**
   * The arriving bodies together exceed their bound, and this one was dropped; no other callback
   * follows.
   */
  onCrowded(): void;
  /** One of the callbacks above threw. */
  onBroken(error: unknown): void;
}

const EMPTY = new Uint8Array(0);

/** If the request breaks off, neither is called. */
export function collectBody(
  request: HttpRequest,
  bytesMax: number,
  arriving: ArrivingBodies,
  sink: BodySink,
): void {
  const chunks: Buffer[] = [];
  let size = 0;
  let isGivenUp = false;
  arriving.watch(request, bytesMax, () => {
    isGivenUp = true;
    chunks.length = 0;
    guard(sink, () => sink.onCrowded());
  });
  request.on('data', (chunk: Buffer) => {
    if (size > bytesMax || isGivenUp) return;
    size += chunk.length;
    chunks.push(chunk);
    if (size > bytesMax) guard(sink, () => sink.onTooLarge());
  });
  request.on('end', () => {
    if (size <= bytesMax && !isGivenUp) guard(sink, () => sink.onBody(join(chunks, size)));
  });
}

/** An exception in an event of a socket would end the process. */
function guard(sink: BodySink, run: () => void): void {
  try {
    run();
  } catch (error) {
    sink.onBroken(error);
  }
}

function join(chunks: readonly Buffer[], size: number): Uint8Array {
  if (chunks.length <= 1) return chunks[0] ?? EMPTY;
  return Buffer.concat(chunks, size);
}

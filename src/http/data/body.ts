// Collects a request's body. One that comes in one piece, as nearly all do, is given on as it is; the bound is kept
// while reading, because a chunked body does not say how long it will be.

import type { ArrivingBodies } from '../guard/arriving.ts';
import type { HttpRequest } from '../message.ts';

export interface BodySink {
  onBody(body: Uint8Array): void;
  /** Called once, as soon as the bound is passed; `onBody` does not follow. */
  onTooLarge(): void;
  /** All that are arriving are too much together, and this one is given up; nothing else follows. */
  onCrowded(): void;
  /** One of the above threw. */
  onBroken(error: unknown): void;
}

const EMPTY = new Uint8Array(0);

/** A request that breaks off calls neither. */
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

/** Nobody catches what is thrown in an event of a socket. */
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

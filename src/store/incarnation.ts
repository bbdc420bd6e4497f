// The number of the last incarnation that wrote to this storage, so that no later one uses it.

import type { Outbox } from '../model/effect.ts';
import type { Incarnation } from '../model/id.ts';
import { seal, unseal } from './envelope.ts';
import { after, metaKey, type Span } from './layout.ts';

const INCARNATION = metaKey('incarnation');

export function incarnationSpan(): Span {
  return { from: INCARNATION, to: after(INCARNATION) };
}

export function writeIncarnation(incarnation: Incarnation, out: Outbox): void {
  out.put(
    INCARNATION,
    seal((writer) => writer.varint(incarnation)),
  );
}

/** 0 if none is stored, `undefined` if it cannot be read. */
export function readIncarnation(bytes: Uint8Array | undefined): Incarnation | undefined {
  return bytes === undefined ? 0 : unseal(bytes)?.varint();
}

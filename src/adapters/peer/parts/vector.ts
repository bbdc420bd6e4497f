// Version vectors in peer messages: a count, then origin and sequence number of each entry.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Origin } from '../../../model/id.ts';
import type { VectorEntries } from '../../../model/vector.ts';
import { NAME_BYTES_MAX, readOrigin } from './names.ts';

export const VECTOR_ENTRIES_MAX = 65_536;
const ENTRY_BYTES_MAX = NAME_BYTES_MAX + 10;

export function vectorBytesMax(vector: VectorEntries): number {
  return vector.length * ENTRY_BYTES_MAX;
}

export function writeVector(writer: ByteWriter, vector: VectorEntries): void {
  writer.varint(vector.length);
  for (const [origin, seq] of vector) {
    writer.text(origin);
    writer.varint(seq);
  }
}

export function readVector(reader: ByteReader): VectorEntries {
  const count = reader.varint();
  if (count > VECTOR_ENTRIES_MAX) reader.fail();
  const vector: [Origin, number][] = [];
  while (vector.length < count && !reader.failed) {
    const origin = readOrigin(reader);
    const seq = reader.varint();
    if (origin === undefined) reader.fail();
    else vector.push([origin, seq]);
  }
  return vector;
}

// A run of one origin's log: entries = origin | count | mutation*

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Entries } from '../../../model/message.ts';
import type { Mutation } from '../../../model/record.ts';
import {
  ENTRIES_MAX,
  entriesBytesMax,
  readMutation,
  RunCopy,
  type Sealed,
  writeMutation,
} from '../parts/mutation.ts';
import { readOrigin } from '../parts/names.ts';
import type { MessageCodec } from '../message-codec.ts';

export const entriesCodec: MessageCodec<Entries> = { bytesMax, write, read };

function bytesMax({ entries }: Entries): number {
  return entriesBytesMax(entries);
}

function write(writer: ByteWriter, { origin, entries }: Entries, sealed: Sealed): void {
  writer.text(origin);
  writer.varint(entries.length);
  for (const entry of entries) writeMutation(writer, entry, sealed);
}

/** Every entry belongs to the named origin, and its sequence number follows the one before it. */
function read(reader: ByteReader, sealed: Sealed): Entries | undefined {
  const origin = readOrigin(reader);
  const count = reader.varint();
  if (origin === undefined || count > ENTRIES_MAX) return undefined;
  const copy = new RunCopy();
  const entries: Mutation[] = [];
  let seq = 0;
  while (entries.length < count) {
    const mutation = readMutation(reader, sealed, copy);
    if (mutation === undefined || mutation.origin !== origin) return undefined;
    if (entries.length > 0 && mutation.seq !== seq + 1) return undefined;
    seq = mutation.seq;
    entries.push(mutation);
  }
  return { kind: 'entries', origin, entries };
}

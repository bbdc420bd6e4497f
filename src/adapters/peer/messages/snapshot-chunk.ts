// A part of a snapshot:
//
//   snapshot-chunk = id | covers* | after | last | more u8 | mutation* | named write*
//   covers         = origin | seq | chain u64 | hlc u64
//
// Each list is prefixed by its count.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { IDEMPOTENCY_KEY_BYTES_MAX } from '../../../model/encoding.ts';
import type { LaneHead, NamedWrite, SnapshotChunk } from '../../../model/message.ts';
import {
  ENTRIES_MAX,
  readRecords,
  recordsBytesMax,
  type Sealed,
  writeRecords,
} from '../parts/mutation.ts';
import { readNamed, writeNamed } from '../parts/named.ts';
import { NAME_BYTES_MAX, POSITION_BYTES_MAX, readOrigin } from '../parts/names.ts';
import { VECTOR_ENTRIES_MAX } from '../parts/vector.ts';
import type { MessageCodec } from '../message-codec.ts';

const NUMBERS_BYTES_MAX = 32;
const LANE_HEAD_BYTES_MAX = NAME_BYTES_MAX + NUMBERS_BYTES_MAX;
const NAMED_BYTES_MAX = 2 * NAME_BYTES_MAX + IDEMPOTENCY_KEY_BYTES_MAX + NUMBERS_BYTES_MAX;

export const snapshotChunkCodec: MessageCodec<SnapshotChunk> = { bytesMax, write, read };

function bytesMax({ covers, named, records }: SnapshotChunk): number {
  const lists = covers.length * LANE_HEAD_BYTES_MAX + named.length * NAMED_BYTES_MAX;
  return 2 * POSITION_BYTES_MAX + lists + recordsBytesMax(records);
}

function write(writer: ByteWriter, chunk: SnapshotChunk, sealed: Sealed): void {
  writer.varint(chunk.id);
  writer.varint(chunk.covers.length);
  for (const { origin, seq, chain, hlc } of chunk.covers) {
    writer.text(origin);
    writer.varint(seq);
    writer.u64(chain);
    writer.u64(hlc);
  }
  writer.text(chunk.after);
  writer.text(chunk.last);
  writer.u8(chunk.more ? 1 : 0);
  writeRecords(writer, chunk.records, sealed);
  writer.varint(chunk.named.length);
  for (const named of chunk.named) writeNamed(writer, named);
}

function read(reader: ByteReader, sealed: Sealed): SnapshotChunk | undefined {
  const id = reader.varint();
  const covers = readLaneHeads(reader);
  const after = reader.text(POSITION_BYTES_MAX);
  const last = reader.text(POSITION_BYTES_MAX);
  const more = reader.u8();
  if (covers === undefined || more > 1) return undefined;
  const records = readRecords(reader, sealed);
  if (records === undefined) return undefined;
  const named = readNamedWrites(reader);
  if (named === undefined) return undefined;
  return { kind: 'snapshot-chunk', id, covers, records, named, after, last, more: more === 1 };
}

function readLaneHeads(reader: ByteReader): readonly LaneHead[] | undefined {
  const count = reader.varint();
  if (count > VECTOR_ENTRIES_MAX) return undefined;
  const heads: LaneHead[] = [];
  while (heads.length < count && !reader.failed) {
    const origin = readOrigin(reader);
    const seq = reader.varint();
    const chain = reader.u64();
    const hlc = reader.u64();
    if (origin === undefined) return undefined;
    heads.push({ origin, seq, chain, hlc });
  }
  return heads;
}

function readNamedWrites(reader: ByteReader): readonly NamedWrite[] | undefined {
  const count = reader.varint();
  if (count > ENTRIES_MAX) return undefined;
  const all: NamedWrite[] = [];
  while (all.length < count) {
    const named = readNamed(reader);
    if (named === undefined || reader.failed) return undefined;
    all.push(named);
  }
  return all;
}

// The messages of a snapshot, as bodies of codec.ts. Counts are held against what is left before anything is kept.

import { unreachable } from '../../base/assert.ts';
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { IDEMPOTENCY_KEY_BYTES_MAX } from '../../model/encoding.ts';
import type {
  LaneHead,
  NamedWrite,
  SnapshotChunk,
  SnapshotMessage,
  SnapshotRequest,
} from '../../model/message.ts';
import { readNamed, writeNamed } from './claim-codec.ts';
import { NAME_BYTES_MAX, POSITION_BYTES_MAX, readOrigin } from './parts/names.ts';
import {
  ENTRIES_MAX,
  readRecords,
  recordsBytesMax,
  type Sealed,
  writeRecords,
} from './parts/mutation.ts';
import { VECTOR_ENTRIES_MAX } from './parts/vector.ts';

const NUMBERS_BYTES_MAX = 32;
const LANE_HEAD_BYTES_MAX = NAME_BYTES_MAX + NUMBERS_BYTES_MAX;
const NAMED_BYTES_MAX = 2 * NAME_BYTES_MAX + IDEMPOTENCY_KEY_BYTES_MAX + NUMBERS_BYTES_MAX;

/** What the lists and positions of a message take at most. */
export function snapshotBytesMax(message: SnapshotMessage): number {
  if (message.kind !== 'snapshot-chunk') return POSITION_BYTES_MAX;
  const { covers, named, records } = message;
  const lists = covers.length * LANE_HEAD_BYTES_MAX + named.length * NAMED_BYTES_MAX;
  return 2 * POSITION_BYTES_MAX + lists + recordsBytesMax(records);
}

export function writeSnapshot(writer: ByteWriter, message: SnapshotMessage, sealed: Sealed): void {
  writer.varint(message.id);
  switch (message.kind) {
    case 'snapshot-request':
      writer.text(message.after);
      writer.varint(message.bytesMax);
      return writer.varint(message.parts);
    case 'snapshot-credit':
      return writer.varint(message.parts);
    case 'snapshot-chunk':
      return writeChunk(writer, message, sealed);
    default:
      return unreachable(message);
  }
}

export function readSnapshot(
  reader: ByteReader,
  kind: SnapshotMessage['kind'],
  sealed: Sealed,
): SnapshotMessage | undefined {
  const id = reader.varint();
  switch (kind) {
    case 'snapshot-request':
      return readRequest(reader, id);
    case 'snapshot-credit':
      return { kind, id, parts: reader.varint() };
    case 'snapshot-chunk':
      return readChunk(reader, id, sealed);
    default:
      return unreachable(kind);
  }
}

function readRequest(reader: ByteReader, id: number): SnapshotRequest {
  const after = reader.text(POSITION_BYTES_MAX);
  const bytesMax = reader.varint();
  return { kind: 'snapshot-request', id, after, bytesMax, parts: reader.varint() };
}

function writeChunk(writer: ByteWriter, chunk: SnapshotChunk, sealed: Sealed): void {
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

function readChunk(reader: ByteReader, id: number, sealed: Sealed): SnapshotChunk | undefined {
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

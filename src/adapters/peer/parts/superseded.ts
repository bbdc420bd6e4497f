// Entries that lost to another version at a peer, at the end of its acknowledgement or greeting: a
// count, then for each entry its dot, the version that it lost to, and whether that version is a
// value. Without entries the part is omitted.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { type Ack, type Hello, SUPERSEDED_MAX, type Superseded } from '../../../model/message.ts';
import { NAME_BYTES_MAX, readOrigin } from './names.ts';

const SUPERSEDED_BYTES_MAX = 2 * NAME_BYTES_MAX + 32;

export function supersededBytesMax(list: readonly Superseded[] = []): number {
  return list.length * SUPERSEDED_BYTES_MAX;
}

export function writeSuperseded(writer: ByteWriter, list: readonly Superseded[] | undefined): void {
  if (list === undefined || list.length === 0) return;
  writer.varint(list.length);
  for (const { origin, seq, by, isLive } of list) {
    writer.text(origin);
    writer.varint(seq);
    writer.u64(by.hlc);
    writer.text(by.origin);
    writer.varint(by.seq);
    writer.u8(isLive ? 1 : 0);
  }
}

/** Reads the part; a message that ends before it has no such entries. */
export function withSuperseded<M extends Ack | Hello>(message: M, reader: ByteReader): M {
  const superseded = readSuperseded(reader);
  return superseded === undefined ? message : { ...message, superseded };
}

function readSuperseded(reader: ByteReader): readonly Superseded[] | undefined {
  if (reader.finished) return undefined;
  const count = reader.varint();
  if (count > SUPERSEDED_MAX) reader.fail();
  const list: Superseded[] = [];
  while (list.length < count && !reader.failed) {
    const each = readOne(reader);
    if (each === undefined) reader.fail();
    else list.push(each);
  }
  return list;
}

function readOne(reader: ByteReader): Superseded | undefined {
  const origin = readOrigin(reader);
  const seq = reader.varint();
  const hlc = reader.u64();
  const by = readOrigin(reader);
  const bySeq = reader.varint();
  const live = reader.u8();
  if (origin === undefined || by === undefined || live > 1) return undefined;
  return { origin, seq, by: { hlc, origin: by, seq: bySeq }, isLive: live === 1 };
}

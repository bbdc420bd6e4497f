// Mutations and records as parts of peer messages: the bytes in which they were received, after
// their length. Their positions in the frame are recorded, because they have checksums of their
// own.

import { type ByteReader, type ByteWriter, copyToSlab } from '../../../base/bytes.ts';
import { decodeMutation, decodeRecord } from '../../../model/encoding.ts';
import { encodedOf, type Mutation, type Record } from '../../../model/record.ts';

/** The bound on the items of a list. */
export const ENTRIES_MAX = 65_536;
const LENGTH_BYTES_MAX = 8;
const NOTHING = new Uint8Array(0);
/** Bytes that are copied in one step share memory, so the step is small. */
const RUN_BYTES = 2048;

/**
 * Positions of mutations in a frame, start and end in turn; mutations have checksums of their own.
 */
export type Sealed = number[];

/** The bound of a list of records, without its count. */
export function recordsBytesMax(records: readonly Record[]): number {
  return records.reduce((sum, record) => sum + encodedOf(record).length + LENGTH_BYTES_MAX, 0);
}

export function entriesBytesMax(entries: readonly Mutation[]): number {
  return entries.reduce((sum, { bytes }) => sum + bytes.length + LENGTH_BYTES_MAX, 0);
}

export function writeRecords(writer: ByteWriter, records: readonly Record[], sealed: Sealed): void {
  writer.varint(records.length);
  for (const record of records) writeRecord(writer, record, sealed);
}

export function readRecords(reader: ByteReader, sealed: Sealed): readonly Record[] | undefined {
  const count = reader.varint();
  if (count > ENTRIES_MAX || reader.failed) return undefined;
  const copy = new RunCopy();
  const records: Record[] = [];
  while (records.length < count) {
    const record = readRecord(reader, sealed, copy);
    if (record === undefined) return undefined;
    records.push(record);
  }
  return records;
}

export function writeRecord(writer: ByteWriter, record: Record, sealed: Sealed): void {
  writeSealed(writer, encodedOf(record), sealed);
}

export function readRecord(
  reader: ByteReader,
  sealed: Sealed,
  copy = new RunCopy(),
): Record | undefined {
  const bytes = readSealed(reader, sealed, copy);
  return bytes && decodeRecord(bytes);
}

export function writeMutation(writer: ByteWriter, { bytes }: Mutation, sealed: Sealed): void {
  writeSealed(writer, bytes, sealed);
}

export function readMutation(
  reader: ByteReader,
  sealed: Sealed,
  copy: RunCopy,
): Mutation | undefined {
  const bytes = readSealed(reader, sealed, copy);
  return bytes && decodeMutation(bytes);
}

function writeSealed(writer: ByteWriter, bytes: Uint8Array, sealed: Sealed): void {
  writer.varint(bytes.length);
  const start = writer.at - writer.start;
  writer.raw(bytes);
  sealed.push(start, start + bytes.length);
}

function readSealed(reader: ByteReader, sealed: Sealed, copy: RunCopy): Uint8Array | undefined {
  const length = reader.varint();
  if (length > reader.left) return undefined;
  sealed.push(reader.at, reader.at + length);
  return copy.take(reader, length);
}

/**
 * Copies mutations out of a receive buffer together: one long copy is cheaper than many short ones.
 */
export class RunCopy {
  #bytes: Uint8Array = NOTHING;
  /** Where in the buffer the copy begins. */
  #start = 0;

  take(reader: ByteReader, length: number): Uint8Array {
    const { at } = reader;
    reader.at += length;
    if (reader.at - this.#start > this.#bytes.length) {
      const end = Math.max(reader.at, Math.min(at + RUN_BYTES, reader.end));
      this.#bytes = copyToSlab(reader.bytes, at, end);
      this.#start = at;
    }
    return this.#bytes.subarray(at - this.#start, reader.at - this.#start);
  }
}

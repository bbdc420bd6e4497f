// Records in a list of keys, as part of peer messages: everything a list shows of a record except
// its value.
//
//   head = origin | seq | hlc | namespace | key | content type | size | deadline | weight f64
//        | count | tag*

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import {
  CONTENT_TYPE_BYTES_MAX,
  recordOfHead,
  TAG_BYTES_MAX,
  TAGS_MAX,
} from '../../../model/encoding.ts';
import { KEY_BYTES_MAX, parseKey } from '../../../model/id.ts';
import { latestOf, type Mutation, type Record } from '../../../model/record.ts';
import { NAME_BYTES_MAX, readNamespace, readOrigin } from './names.ts';
import { ENTRIES_MAX } from './mutation.ts';

/** Numbers, lengths and names. */
const HEAD_BYTES_USUAL = 64 + 2 * NAME_BYTES_MAX;

/** The bound of the heads of these records. */
export function headsBytesMax(records: readonly Record[]): number {
  let bytes = 0;
  for (const record of records) {
    const { key, contentType, tags } = latestOf(record);
    bytes += HEAD_BYTES_USUAL + key.length + contentType.length;
    for (const tag of tags) bytes += 2 + tag.length;
  }
  return bytes;
}

export function writeHeads(writer: ByteWriter, records: readonly Record[]): void {
  writer.varint(records.length);
  for (const record of records) writeHead(writer, latestOf(record));
}

export function readHeads(reader: ByteReader): readonly Record[] | undefined {
  const count = reader.varint();
  if (count > ENTRIES_MAX) return undefined;
  const records: Record[] = [];
  while (records.length < count) {
    const record = readHead(reader);
    if (record === undefined || reader.failed) return undefined;
    records.push(record);
  }
  return records;
}

function writeHead(writer: ByteWriter, record: Mutation): void {
  writer.text(record.origin);
  writer.varint(record.seq);
  writer.u64(record.hlc);
  writer.text(record.namespace);
  writer.text(record.key);
  writer.text(record.contentType);
  writer.varint(record.size);
  writer.varint(record.expiresAtMs);
  writer.f64(record.weight);
  writer.varint(record.tags.length);
  for (const tag of record.tags) writer.text(tag);
}

function readHead(reader: ByteReader): Record | undefined {
  const origin = readOrigin(reader);
  const seq = reader.varint();
  const hlc = reader.u64();
  const namespace = readNamespace(reader);
  const key = parseKey(reader.text(KEY_BYTES_MAX));
  const contentType = reader.text(CONTENT_TYPE_BYTES_MAX);
  const size = reader.varint();
  const expiresAtMs = reader.varint();
  const weight = reader.f64();
  const tags = readTags(reader);
  if (origin === undefined || namespace === undefined || key === undefined) return undefined;
  if (seq === 0 || tags === undefined || Number.isNaN(weight)) return undefined;
  const shown = { origin, seq, hlc, namespace, key, contentType, size, expiresAtMs, weight, tags };
  return recordOfHead({ ...shown, ...UNSHOWN });
}

/** Fields that no list shows. */
const UNSHOWN = {
  lane: 0,
  group: '',
  operation: 'put',
  created: false,
  dependencies: [],
  idempotency: undefined,
} as const;

function readTags(reader: ByteReader): readonly string[] | undefined {
  const count = reader.varint();
  if (count > TAGS_MAX) return undefined;
  const tags: string[] = [];
  while (tags.length < count) tags.push(reader.text(TAG_BYTES_MAX));
  return tags;
}

// The answer to a client's question:
//
//   forward-reply = id | answer u8 | (refused | found | absent | listed)
//   refused       = fault code
//   found         = age | answers | mutation
//   absent        = age | answers
//   listed        = age | count (mutation | head)* | count prefix* | after
//
// An age is in ms, rounded up and plus one; 0 is unknown. A list of keys has an answer number of
// its own, and has heads (parts/head.ts) instead of mutations.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { unreachable } from '../../../base/assert.ts';
import { LIST_LIMIT_MAX, type Staleness } from '../../../model/command.ts';
import { type FaultCode, FAULTS } from '../../../model/fault.ts';
import { KEY_BYTES_MAX } from '../../../model/id.ts';
import type { ForwardAnswer, ForwardReply } from '../../../model/message.ts';
import { encodedOf, type Record } from '../../../model/record.ts';
import { headsBytesMax, readHeads, writeHeads } from '../parts/head.ts';
import {
  readRecord,
  readRecords,
  recordsBytesMax,
  type Sealed,
  writeRecord,
  writeRecords,
} from '../parts/mutation.ts';
import type { MessageCodec } from '../message-codec.ts';

type ListAnswer = ForwardAnswer & { readonly kind: 'listed' };

const ANSWERS = [
  'found',
  'absent',
  'listed',
  'refused',
] as const satisfies readonly ForwardAnswer['kind'][];
/** The answer number of a page of keys without values; in ANSWERS both are `listed`. */
const LISTED_KEYS = ANSWERS.length;
const FAULT_BYTES_MAX = 32;

export const forwardReplyCodec: MessageCodec<ForwardReply> = { bytesMax, write, read };

function bytesMax({ answer }: ForwardReply): number {
  if (answer.kind === 'found') return encodedOf(answer.record).length;
  if (answer.kind !== 'listed') return 0;
  const itemBytes = hasKeysOnly(answer)
    ? headsBytesMax(answer.items)
    : recordsBytesMax(answer.items);
  return answer.prefixes.reduce((sum, prefix) => sum + prefix.length + 2, itemBytes);
}

function write(writer: ByteWriter, { id, answer }: ForwardReply, sealed: Sealed): void {
  writer.varint(id);
  const hasKeys = answer.kind === 'listed' && hasKeysOnly(answer);
  writer.u8(hasKeys ? LISTED_KEYS : ANSWERS.indexOf(answer.kind));
  if (answer.kind === 'refused') return writer.text(answer.code);
  writeAge(writer, answer.stalenessMs);
  switch (answer.kind) {
    case 'found':
      writer.varint(answer.answers);
      return writeRecord(writer, answer.record, sealed);
    case 'absent':
      return writer.varint(answer.answers);
    case 'listed':
      if (hasKeys) writeHeads(writer, answer.items);
      else writeRecords(writer, answer.items, sealed);
      writer.varint(answer.prefixes.length);
      for (const prefix of answer.prefixes) writer.text(prefix);
      return writer.text(answer.after);
    default:
      return unreachable(answer);
  }
}

function read(reader: ByteReader, sealed: Sealed): ForwardReply | undefined {
  const id = reader.varint();
  const answer = readAnswer(reader, sealed);
  return answer && { kind: 'forward-reply', id, answer };
}

function readAnswer(reader: ByteReader, sealed: Sealed): ForwardAnswer | undefined {
  const code = reader.u8();
  const hasKeys = code === LISTED_KEYS;
  const kind = hasKeys ? 'listed' : ANSWERS[code];
  if (kind === undefined || reader.failed) return undefined;
  if (kind === 'refused') return readRefusal(reader);
  const stalenessMs = readAge(reader);
  if (kind === 'listed') {
    const items = hasKeys ? readHeads(reader) : readRecords(reader, sealed);
    return items && readListed(reader, stalenessMs, items);
  }
  const answers = reader.varint();
  if (kind === 'absent') return { kind, stalenessMs, answers };
  const record = readRecord(reader, sealed);
  return record && { kind, record, stalenessMs, answers };
}

function readRefusal(reader: ByteReader): ForwardAnswer | undefined {
  const code = reader.text(FAULT_BYTES_MAX);
  return Object.hasOwn(FAULTS, code) ? { kind: 'refused', code: code as FaultCode } : undefined;
}

function readListed(
  reader: ByteReader,
  stalenessMs: Staleness,
  items: readonly Record[],
): ListAnswer | undefined {
  const count = reader.varint();
  if (items.length + count > LIST_LIMIT_MAX) return undefined;
  const prefixes: string[] = [];
  while (prefixes.length < count && !reader.failed) prefixes.push(reader.text(KEY_BYTES_MAX));
  return { kind: 'listed', items, prefixes, after: reader.text(KEY_BYTES_MAX), stalenessMs };
}

/** The items have no values: the question was for keys. */
function hasKeysOnly({ items }: ListAnswer): boolean {
  const [first] = items;
  return first !== undefined && encodedOf(first).length === 0;
}

function writeAge(writer: ByteWriter, stalenessMs: Staleness): void {
  writer.varint(stalenessMs === 'unknown' ? 0 : Math.ceil(stalenessMs) + 1);
}

function readAge(reader: ByteReader): Staleness {
  const age = reader.varint();
  return age === 0 ? 'unknown' : age - 1;
}

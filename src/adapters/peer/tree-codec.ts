// The messages by which replicas compare hash trees, as bodies of codec.ts: digests are two words each, names carry their
// length, lists their count. Counts are held against what is left before anything is kept.

import { unreachable } from '../../base/assert.ts';
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { KEY_BYTES_MAX, type Key, type NamespaceName, parseKey } from '../../model/id.ts';
import type {
  Digest,
  StoredKey,
  TreeCut,
  TreeKeys,
  TreeKeysRequest,
  TreeMessage,
  TreeRecords,
  TreeRecordsRequest,
  TreeReply,
  TreeRequest,
} from '../../model/message.ts';
import { POSITION_BYTES_MAX, readNamespace, readOrigin } from './parts/names.ts';
import { recordsBytesMax } from './parts/mutation.ts';
import { readVector, VECTOR_ENTRY_BYTES_MAX, writeVector } from './parts/vector.ts';

type Plain = Exclude<TreeMessage, TreeRecords>;
type KeyName = TreeRecordsRequest['keys'][number];

const LEVELS = ['root', 'inner', 'leaves'] as const satisfies readonly TreeRequest['level'][];
const STATES = ['live', 'deleted', 'damaged'] as const satisfies readonly StoredKey['state'][];
const ANSWERS = ['known', 'unknown'] as const satisfies readonly TreeKeys['answer'][];
const REPLIES = ['known', 'unknown', 'waiting'] as const satisfies readonly TreeReply['answer'][];
const NUMBER_BYTES_MAX = 8;
const NAME_BYTES = 84;

/** What the lists of a message take at most. */
export function treeBytesMax(message: TreeMessage): number {
  switch (message.kind) {
    case 'tree-cut-request':
      return 0;
    case 'tree-cut':
      return message.vector.length * VECTOR_ENTRY_BYTES_MAX;
    case 'tree-request':
      return (
        message.nodes.length * NUMBER_BYTES_MAX + message.vector.length * VECTOR_ENTRY_BYTES_MAX
      );
    case 'tree-reply':
      return message.digests.length * 4;
    case 'tree-keys-request':
      return message.leaves.length * NUMBER_BYTES_MAX + 2 * POSITION_BYTES_MAX;
    case 'tree-keys':
      return (
        POSITION_BYTES_MAX + message.keys.reduce((sum, each) => sum + nameBytes(each) + 105, 0)
      );
    case 'tree-records-request':
      return message.keys.reduce((sum, each) => sum + nameBytes(each), 0);
    case 'tree-records':
      return recordsBytesMax(message.records);
    default:
      return unreachable(message);
  }
}

function nameBytes({ key }: KeyName): number {
  return NAME_BYTES + key.length;
}

export function writeTree(writer: ByteWriter, message: Plain): void {
  writer.varint(message.id);
  switch (message.kind) {
    case 'tree-cut-request':
      return;
    case 'tree-cut':
      writer.u8(ANSWERS.indexOf(message.answer));
      return writeVector(writer, message.vector);
    case 'tree-request':
      writer.varint(message.cutId);
      writeVector(writer, message.vector);
      writeDigest(writer, message.root);
      writer.u8(LEVELS.indexOf(message.level));
      writeNumbers(writer, message.nodes);
      return writer.varint(message.skip);
    case 'tree-reply':
      writer.u8(REPLIES.indexOf(message.answer));
      writer.varint(message.digests.length);
      for (const word of message.digests) writer.u32(word);
      return;
    case 'tree-keys-request':
      writeNumbers(writer, message.leaves);
      writer.text(message.after);
      return writer.text(message.upTo);
    case 'tree-keys':
      return writeKeys(writer, message);
    case 'tree-records-request':
      writer.varint(message.keys.length);
      for (const { namespace, key } of message.keys) {
        writer.text(namespace);
        writer.text(key);
      }
      return;
    default:
      return unreachable(message);
  }
}

export function readTree(reader: ByteReader, kind: Plain['kind']): Plain | undefined {
  const id = reader.varint();
  switch (kind) {
    case 'tree-cut-request':
      return { kind, id };
    case 'tree-cut':
      return readCut(reader, id);
    case 'tree-request':
      return readRequest(reader, id);
    case 'tree-reply':
      return readReply(reader, id);
    case 'tree-keys-request':
      return readKeysRequest(reader, id);
    case 'tree-keys':
      return readKeys(reader, id);
    case 'tree-records-request':
      return readRecordsRequest(reader, id);
    default:
      return unreachable(kind);
  }
}

function readCut(reader: ByteReader, id: number): TreeCut | undefined {
  const answer = ANSWERS[reader.u8()];
  const vector = readVector(reader);
  return answer && { kind: 'tree-cut', id, answer, vector };
}

function readRequest(reader: ByteReader, id: number): TreeRequest | undefined {
  const cutId = reader.varint();
  const vector = readVector(reader);
  const root = readDigest(reader);
  const level = LEVELS[reader.u8()];
  const nodes = readNumbers(reader);
  const skip = reader.varint();
  if (level === undefined || nodes === undefined) return undefined;
  return { kind: 'tree-request', id, cutId, vector, root, level, nodes, skip };
}

function readReply(reader: ByteReader, id: number): TreeReply | undefined {
  const answer = REPLIES[reader.u8()];
  const count = reader.varint();
  if (answer === undefined || count % 2 !== 0 || count * 4 > reader.left) return undefined;
  const digests: number[] = [];
  while (digests.length < count) digests.push(reader.u32());
  return { kind: 'tree-reply', id, answer, digests };
}

function readKeysRequest(reader: ByteReader, id: number): TreeKeysRequest | undefined {
  const leaves = readNumbers(reader);
  const after = reader.text(POSITION_BYTES_MAX);
  const upTo = reader.text(POSITION_BYTES_MAX);
  return leaves && { kind: 'tree-keys-request', id, leaves, after, upTo };
}

function writeKeys(writer: ByteWriter, { answer, keys, last, more }: TreeKeys): void {
  writer.u8(ANSWERS.indexOf(answer));
  writer.text(last);
  writer.u8(more ? 1 : 0);
  writer.varint(keys.length);
  for (const { namespace, key, state, hlc, origin, seq } of keys) {
    writer.text(namespace);
    writer.text(key);
    writer.u8(STATES.indexOf(state));
    if (state === 'damaged') continue;
    writer.u64(hlc);
    writer.text(origin);
    writer.varint(seq);
  }
}

function readKeys(reader: ByteReader, id: number): TreeKeys | undefined {
  const answer = ANSWERS[reader.u8()];
  const last = reader.text(POSITION_BYTES_MAX);
  const more = reader.u8();
  const count = reader.varint();
  if (answer === undefined || more > 1 || count > reader.left) return undefined;
  const keys: StoredKey[] = [];
  while (keys.length < count) {
    const stored = readKey(reader);
    if (stored === undefined) return undefined;
    keys.push(stored);
  }
  return { kind: 'tree-keys', id, answer, keys, last, more: more === 1 };
}

function readKey(reader: ByteReader): StoredKey | undefined {
  const name = readName(reader);
  const state = STATES[reader.u8()];
  if (name === undefined || state === undefined || reader.failed) return undefined;
  if (state === 'damaged') return { ...name, state, hlc: 0, origin: '', seq: 0 };
  const hlc = reader.u64();
  const origin = readOrigin(reader);
  const seq = reader.varint();
  return origin === undefined ? undefined : { ...name, state, hlc, origin, seq };
}

function readRecordsRequest(reader: ByteReader, id: number): TreeRecordsRequest | undefined {
  const count = reader.varint();
  if (count > reader.left) return undefined;
  const keys: KeyName[] = [];
  while (keys.length < count) {
    const name = readName(reader);
    if (name === undefined) return undefined;
    keys.push(name);
  }
  return { kind: 'tree-records-request', id, keys };
}

function readName(reader: ByteReader): { namespace: NamespaceName; key: Key } | undefined {
  const namespace = readNamespace(reader);
  const key = parseKey(reader.text(KEY_BYTES_MAX));
  return namespace === undefined || key === undefined ? undefined : { namespace, key };
}

function writeDigest(writer: ByteWriter, [low, high]: Digest): void {
  writer.u32(low);
  writer.u32(high);
}

function readDigest(reader: ByteReader): Digest {
  return [reader.u32(), reader.u32()];
}

function writeNumbers(writer: ByteWriter, numbers: readonly number[]): void {
  writer.varint(numbers.length);
  for (const number of numbers) writer.varint(number);
}

function readNumbers(reader: ByteReader): readonly number[] | undefined {
  const count = reader.varint();
  if (count > reader.left) return undefined;
  const numbers: number[] = [];
  while (numbers.length < count && !reader.failed) numbers.push(reader.varint());
  return numbers;
}

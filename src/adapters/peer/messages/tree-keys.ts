// The versions of the keys under leaves:
//
//  tree-keys = id | answer u8 | last | more u8 | count key*
//  key       = namespace | key | state u8 | (hlc u64 | origin | seq)?
//
// A damaged record has no version.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { StoredKey, TreeKeys } from '../../../model/message.ts';
import { keyNameBytes, readKeyName, writeKeyName } from '../parts/key-name.ts';
import { POSITION_BYTES_MAX, readOrigin } from '../parts/names.ts';
import type { MessageCodec } from '../message-codec.ts';

const ANSWERS = ['known', 'unknown'] as const satisfies readonly TreeKeys['answer'][];
const STATES = ['live', 'deleted', 'damaged'] as const satisfies readonly StoredKey['state'][];
/** State, stamp, origin and sequence number. */
const VERSION_BYTES = 105;

export const treeKeysCodec: MessageCodec<TreeKeys> = { bytesMax, write, read };

function bytesMax({ keys }: TreeKeys): number {
  return keys.reduce((sum, key) => sum + keyNameBytes(key) + VERSION_BYTES, POSITION_BYTES_MAX);
}

function write(writer: ByteWriter, { id, answer, keys, last, more }: TreeKeys): void {
  writer.varint(id);
  writer.u8(ANSWERS.indexOf(answer));
  writer.text(last);
  writer.u8(more ? 1 : 0);
  writer.varint(keys.length);
  for (const key of keys) writeKey(writer, key);
}

function writeKey(writer: ByteWriter, key: StoredKey): void {
  writeKeyName(writer, key);
  writer.u8(STATES.indexOf(key.state));
  if (key.state === 'damaged') return;
  writer.u64(key.hlc);
  writer.text(key.origin);
  writer.varint(key.seq);
}

function read(reader: ByteReader): TreeKeys | undefined {
  const id = reader.varint();
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
  const name = readKeyName(reader);
  const state = STATES[reader.u8()];
  if (name === undefined || state === undefined || reader.failed) return undefined;
  if (state === 'damaged') return { ...name, state, hlc: 0, origin: '', seq: 0 };
  const hlc = reader.u64();
  const origin = readOrigin(reader);
  const seq = reader.varint();
  return origin === undefined ? undefined : { ...name, state, hlc, origin, seq };
}

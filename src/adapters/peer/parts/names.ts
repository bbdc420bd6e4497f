// Names in peer messages. Equal names become one shared string.

import type { ByteReader } from '../../../base/bytes.ts';
import { createInterner, type Interner } from '../../../base/interner.ts';
import {
  KEY_BYTES_MAX,
  type NamespaceName,
  type Origin,
  parseNamespace,
  parseOrigin,
} from '../../../model/id.ts';

export const NAME_BYTES_MAX = 80;
/** A position among idempotency keys has one more letter before it. */
export const POSITION_BYTES_MAX = 1 + NAME_BYTES_MAX + 1 + KEY_BYTES_MAX;

const origins = createInterner(1024, (text) => parseOrigin(text) !== undefined);
const namespaces = createInterner(256, (text) => parseNamespace(text) !== undefined);

export function readOrigin(reader: ByteReader): Origin | undefined {
  return readName(reader, origins) as Origin | undefined;
}

export function readNamespace(reader: ByteReader): NamespaceName | undefined {
  return readName(reader, namespaces) as NamespaceName | undefined;
}

function readName(reader: ByteReader, interner: Interner): string | undefined {
  const length = reader.varint();
  if (length > NAME_BYTES_MAX || length > reader.left) return undefined;
  const start = reader.at;
  reader.at += length;
  return interner.intern(reader.bytes, start, reader.at);
}

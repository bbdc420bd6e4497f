// The full name of a key in peer messages: its namespace, then the key.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { KEY_BYTES_MAX, type Key, type NamespaceName, parseKey } from '../../../model/id.ts';
import { readNamespace } from './names.ts';

export interface KeyName {
  readonly namespace: NamespaceName;
  readonly key: Key;
}

/** A namespace and two lengths. */
const NAMESPACE_BYTES = 84;

export function keyNameBytes({ key }: KeyName): number {
  return NAMESPACE_BYTES + key.length;
}

export function writeKeyName(writer: ByteWriter, { namespace, key }: KeyName): void {
  writer.text(namespace);
  writer.text(key);
}

export function readKeyName(reader: ByteReader): KeyName | undefined {
  const namespace = readNamespace(reader);
  const key = parseKey(reader.text(KEY_BYTES_MAX));
  return namespace === undefined || key === undefined ? undefined : { namespace, key };
}

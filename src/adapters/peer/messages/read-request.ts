// A request for the peer's record of a key: read-request = id | namespace | key | known seq | known
// origin?
//
// The origin follows if the sequence number is not 0.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { KEY_BYTES_MAX, parseKey } from '../../../model/id.ts';
import type { ReadRequest } from '../../../model/message.ts';
import { readNamespace, readOrigin } from '../parts/names.ts';
import { type MessageCodec, noBytes } from '../message-codec.ts';

export const readRequestCodec: MessageCodec<ReadRequest> = { bytesMax: noBytes, write, read };

function write(writer: ByteWriter, { id, namespace, key, known }: ReadRequest): void {
  writer.varint(id);
  writer.text(namespace);
  writer.text(key);
  writer.varint(known?.seq ?? 0);
  if (known !== undefined) writer.text(known.origin);
}

function read(reader: ByteReader): ReadRequest | undefined {
  const id = reader.varint();
  const namespace = readNamespace(reader);
  const key = parseKey(reader.text(KEY_BYTES_MAX));
  const seq = reader.varint();
  const origin = seq === 0 ? undefined : readOrigin(reader);
  if (namespace === undefined || key === undefined || (seq > 0 && origin === undefined))
    return undefined;
  const known = origin === undefined ? undefined : { origin, seq };
  return { kind: 'read-request', id, namespace, key, known };
}

// An idempotency key and the write that it names, in peer messages:
//
//   named write = namespace | key | origin | seq | hlc u64 | request digest u32 | created u8

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { IDEMPOTENCY_KEY_BYTES_MAX } from '../../../model/encoding.ts';
import type { NamedWrite } from '../../../model/message.ts';
import { readNamespace, readOrigin } from './names.ts';

export function writeNamed(writer: ByteWriter, named: NamedWrite): void {
  writer.text(named.namespace);
  writer.text(named.key);
  writer.text(named.origin);
  writer.varint(named.seq);
  writer.u64(named.hlc);
  writer.u32(named.digest);
  writer.u8(named.created ? 1 : 0);
}

export function readNamed(reader: ByteReader): NamedWrite | undefined {
  const namespace = readNamespace(reader);
  const key = reader.text(IDEMPOTENCY_KEY_BYTES_MAX);
  const origin = readOrigin(reader);
  const seq = reader.varint();
  const hlc = reader.u64();
  const digest = reader.u32();
  const created = reader.u8();
  if (namespace === undefined || origin === undefined || seq === 0 || created > 1) return undefined;
  return { namespace, key, origin, seq, hlc, digest, created: created === 1 };
}

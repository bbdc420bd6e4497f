// A replica borrows an idempotency key, or gives it back: claim = id | step u8 | namespace | key

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { IDEMPOTENCY_KEY_BYTES_MAX } from '../../../model/encoding.ts';
import type { Claim } from '../../../model/message.ts';
import { readNamespace } from '../parts/names.ts';
import { type MessageCodec, noBytes } from '../message-codec.ts';

const STEPS = ['ask', 'release'] as const satisfies readonly Claim['step'][];

export const claimCodec: MessageCodec<Claim> = { bytesMax: noBytes, write, read };

function write(writer: ByteWriter, { id, step, namespace, key }: Claim): void {
  writer.varint(id);
  writer.u8(STEPS.indexOf(step));
  writer.text(namespace);
  writer.text(key);
}

function read(reader: ByteReader): Claim | undefined {
  const id = reader.varint();
  const step = STEPS[reader.u8()];
  const namespace = readNamespace(reader);
  const key = reader.text(IDEMPOTENCY_KEY_BYTES_MAX);
  if (step === undefined || namespace === undefined) return undefined;
  return { kind: 'claim', id, step, namespace, key };
}

// The messages by which an idempotency key is claimed, and the writes that such keys name, as bodies of codec.ts.

import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { IDEMPOTENCY_KEY_BYTES_MAX } from '../../model/encoding.ts';
import type { Claim, ClaimReply, NamedWrite } from '../../model/message.ts';
import { readNamespace, readOrigin } from './parts/names.ts';

const STEPS = ['ask', 'release'] as const satisfies readonly Claim['step'][];
const ANSWERS = [
  'lent',
  'taken',
  'unknown',
  'known',
  'full',
] as const satisfies readonly ClaimReply['answer'][];

export function writeClaim(writer: ByteWriter, { id, step, namespace, key }: Claim): void {
  writer.varint(id);
  writer.u8(STEPS.indexOf(step));
  writer.text(namespace);
  writer.text(key);
}

export function readClaim(reader: ByteReader): Claim | undefined {
  const id = reader.varint();
  const step = STEPS[reader.u8()];
  const namespace = readNamespace(reader);
  const key = reader.text(IDEMPOTENCY_KEY_BYTES_MAX);
  if (step === undefined || namespace === undefined) return undefined;
  return { kind: 'claim', id, step, namespace, key };
}

/** With `lent`, members that had it before follow, unless there are none. */
export function writeClaimReply(writer: ByteWriter, said: ClaimReply): void {
  const { id, answer, named, former = 0 } = said;
  writer.varint(id);
  writer.u8(ANSWERS.indexOf(answer));
  if (named !== undefined) writeNamed(writer, named);
  else if (former !== 0) writer.varint(former);
}

export function readClaimReply(reader: ByteReader): ClaimReply | undefined {
  const id = reader.varint();
  const answer = ANSWERS[reader.u8()];
  if (answer === undefined || reader.failed) return undefined;
  if (answer === 'known') {
    const named = readNamed(reader);
    return named && { kind: 'claim-reply', id, answer, named };
  }
  const reply = { kind: 'claim-reply', id, answer, named: undefined } as const;
  return answer !== 'lent' || reader.finished ? reply : { ...reply, former: reader.varint() };
}

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

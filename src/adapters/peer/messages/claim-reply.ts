// The answer to a claim: claim-reply = id | answer u8 | (named write | former members)?
//
// The answer `known` is followed by the named write, `lent` by the former members if there are any.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { bitsOf, isEmpty, NO_MEMBERS, readBits } from '../../../model/member-set.ts';
import type { ClaimReply } from '../../../model/message.ts';
import { readNamed, writeNamed } from '../parts/named.ts';
import { type MessageCodec, noBytes } from '../message-codec.ts';

const ANSWERS = [
  'lent',
  'taken',
  'unknown',
  'known',
  'full',
] as const satisfies readonly ClaimReply['answer'][];

export const claimReplyCodec: MessageCodec<ClaimReply> = { bytesMax: noBytes, write, read };

function write(writer: ByteWriter, reply: ClaimReply): void {
  const { id, answer, named, former = NO_MEMBERS } = reply;
  writer.varint(id);
  writer.u8(ANSWERS.indexOf(answer));
  if (named !== undefined) writeNamed(writer, named);
  else if (!isEmpty(former)) writer.varint(bitsOf(former));
}

function read(reader: ByteReader): ClaimReply | undefined {
  const id = reader.varint();
  const answer = ANSWERS[reader.u8()];
  if (answer === undefined || reader.failed) return undefined;
  if (answer === 'known') {
    const named = readNamed(reader);
    return named && { kind: 'claim-reply', id, answer, named };
  }
  const reply = { kind: 'claim-reply', id, answer, named: undefined } as const;
  if (answer !== 'lent' || reader.finished) return reply;
  const former = readBits(reader.varint());
  return former && { ...reply, former };
}

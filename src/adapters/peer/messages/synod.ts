// A step of Paxos about the next membership: synod = step u8 | epoch | ballot | proposal?

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import {
  membershipBytesMax,
  readBallot,
  readOptional,
  readProposal,
  writeBallot,
  writeOptional,
  writeProposal,
} from '../../../model/membership-bytes.ts';
import type { Synod } from '../../../model/message.ts';
import type { MessageCodec } from '../message-codec.ts';

const STEPS = [
  'prepare',
  'promise',
  'accept',
  'accepted',
  'refused',
  'chosen',
] as const satisfies readonly Synod['step'][];

export const synodCodec: MessageCodec<Synod> = { bytesMax, write, read };

function bytesMax({ proposal }: Synod): number {
  return proposal === undefined ? 0 : membershipBytesMax(proposal.value);
}

function write(writer: ByteWriter, { step, epoch, ballot, proposal }: Synod): void {
  writer.u8(STEPS.indexOf(step));
  writer.varint(epoch);
  writeBallot(writer, ballot);
  writeOptional(writer, proposal, writeProposal);
}

function read(reader: ByteReader): Synod | undefined {
  const step = STEPS[reader.u8()];
  const epoch = reader.varint();
  const ballot = readBallot(reader);
  const proposal = readOptional(reader, readProposal);
  if (step === undefined || ballot === undefined) return undefined;
  return { kind: 'synod', step, epoch, ballot, proposal };
}

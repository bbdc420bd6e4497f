// Peer messages as bytes, version 1 of the peer protocol. messages/ has a file for each kind,
// parts/ has what several kinds share.
//
//  message = kind u8 | length u32 | body
//
// A length precedes each name and key, a count each vector. A mutation is sent with the bytes in
// which it was received, after their length. Reading verifies every mutation (model/encoding.ts).
// It copies the mutation first, so that a stored mutation does not keep a receive buffer of many
// kilobytes in memory.
//
// Reading never throws. Counts and lengths are bounded, and compared with the remaining bytes,
// before memory is allocated. A body must be consumed to its last byte. Otherwise the result is
// `undefined`.

import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import type { Message } from '../../model/message.ts';
import { MESSAGE_BYTES_USUAL, type MessageCodec } from './message-codec.ts';
import { ackCodec } from './messages/ack.ts';
import { behindCodec } from './messages/behind.ts';
import { claimReplyCodec } from './messages/claim-reply.ts';
import { claimCodec } from './messages/claim.ts';
import { entriesCodec } from './messages/entries.ts';
import { forwardReplyCodec } from './messages/forward-reply.ts';
import { forwardRequestCodec } from './messages/forward-request.ts';
import { heartbeatCodec } from './messages/heartbeat.ts';
import { helloCodec } from './messages/hello.ts';
import { pullCodec } from './messages/pull.ts';
import { readReplyCodec } from './messages/read-reply.ts';
import { readRequestCodec } from './messages/read-request.ts';
import { repairCodec } from './messages/repair.ts';
import { snapshotChunkCodec } from './messages/snapshot-chunk.ts';
import { snapshotCreditCodec } from './messages/snapshot-credit.ts';
import { snapshotRequestCodec } from './messages/snapshot-request.ts';
import { surveyReplyCodec } from './messages/survey-reply.ts';
import { surveyRequestCodec } from './messages/survey-request.ts';
import { synodCodec } from './messages/synod.ts';
import { treeCutRequestCodec } from './messages/tree-cut-request.ts';
import { treeCutCodec } from './messages/tree-cut.ts';
import { treeKeysRequestCodec } from './messages/tree-keys-request.ts';
import { treeKeysCodec } from './messages/tree-keys.ts';
import { treeRecordsRequestCodec } from './messages/tree-records-request.ts';
import { treeRecordsCodec } from './messages/tree-records.ts';
import { treeReplyCodec } from './messages/tree-reply.ts';
import { treeRequestCodec } from './messages/tree-request.ts';
import type { Sealed } from './parts/mutation.ts';

/** The place of a kind in this table is its number on the wire: append new kinds, remove none. */
const CODECS = {
  hello: helloCodec,
  entries: entriesCodec,
  ack: ackCodec,
  pull: pullCodec,
  'read-request': readRequestCodec,
  'read-reply': readReplyCodec,
  repair: repairCodec,
  heartbeat: heartbeatCodec,
  behind: behindCodec,
  'snapshot-request': snapshotRequestCodec,
  'snapshot-credit': snapshotCreditCodec,
  'snapshot-chunk': snapshotChunkCodec,
  'tree-cut-request': treeCutRequestCodec,
  'tree-cut': treeCutCodec,
  'tree-request': treeRequestCodec,
  'tree-reply': treeReplyCodec,
  'tree-keys-request': treeKeysRequestCodec,
  'tree-keys': treeKeysCodec,
  'tree-records-request': treeRecordsRequestCodec,
  'tree-records': treeRecordsCodec,
  synod: synodCodec,
  'forward-request': forwardRequestCodec,
  'forward-reply': forwardReplyCodec,
  'survey-request': surveyRequestCodec,
  'survey-reply': surveyReplyCodec,
  claim: claimCodec,
  'claim-reply': claimReplyCodec,
} satisfies { readonly [Kind in Message['kind']]: MessageCodec<Message & { kind: Kind }> };

/** Every kind, in the order of their numbers. */
export const MESSAGE_KINDS = Object.keys(CODECS) as readonly Message['kind'][];

interface Row {
  readonly number: number;
  readonly codec: MessageCodec<Message>;
}

const ROWS: readonly Row[] = MESSAGE_KINDS.map((kind, number) => ({
  number,
  codec: CODECS[kind],
}));
const ROW_OF: ReadonlyMap<string, Row> = new Map(
  ROWS.map((row) => [MESSAGE_KINDS[row.number] as string, row]),
);

function rowOf({ kind }: Message): Row {
  return ROW_OF.get(kind) as Row;
}

/** An upper bound of the message's bytes. */
export function messageBytesMax(message: Message): number {
  return MESSAGE_BYTES_USUAL + rowOf(message).codec.bytesMax(message);
}

export function writeMessage(writer: ByteWriter, message: Message, sealed: Sealed): void {
  const { number, codec } = rowOf(message);
  writer.u8(number);
  writer.u32(0);
  const bodyBytes = writer.at - writer.start;
  codec.write(writer, message, sealed);
  const end = writer.at;
  const body = writer.start + bodyBytes;
  writer.at = body - 4;
  writer.u32(end - body);
  writer.at = end;
}

/** One message, or `undefined` if the bytes are not a valid one. */
export function readMessage(reader: ByteReader, sealed: Sealed): Message | undefined {
  const row = ROWS[reader.u8()];
  const length = reader.u32();
  if (row === undefined || reader.failed || length > reader.left) return undefined;
  const frameEnd = reader.end;
  reader.end = reader.at + length;
  const message = row.codec.read(reader, sealed);
  if (!reader.finished) return undefined;
  reader.end = frameEnd;
  return message;
}

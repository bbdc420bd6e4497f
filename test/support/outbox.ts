// What a part of the core asked for, read from the host's own outbox, under readable names.

import type { Lsn, RangeRequest, RangeResult } from '../../src/model/effect.ts';
import type { Message } from '../../src/model/message.ts';
import type { Client, Reply } from '../../src/model/reply.ts';
import type { HostTurn } from '../../src/host/turn.ts';

export interface Sent {
  readonly peer: number;
  readonly message: Message;
}

/** Returns the messages that were sent since the last call. */
export function sent(out: HostTurn): Sent[] {
  const messages = out.messages.map((message, i) => ({ peer: out.peers[i] as number, message }));
  out.messages.length = 0;
  out.peers.length = 0;
  return messages;
}

/** Batches up to `lsn` become durable: releases the messages that waited for them. */
export function release(out: HostTurn, lsn: Lsn): void {
  out.durable = lsn;
  for (const held of out.gated.splice(0)) {
    if (held.kind === 'message') out.send(held.peer, held.message, held.lsn, held.late);
    else out.reply(held.client, held.reply, held.lsn, held.deadlineMs);
  }
}

/** Gives each requested read its result; true if there was one. */
export function readBack(out: HostTurn, read: (request: RangeRequest) => RangeResult): boolean {
  const reads = out.reads.splice(0);
  for (const { request, owner } of reads) owner.onRead(read(request), out);
  return reads.length > 0;
}

/** Returns the replies since the last call. */
export function replied(out: HostTurn): { client: Client; reply: Reply; lsn: number }[] {
  const held = out.gated.splice(0);
  out.gated.push(...held.filter(({ kind }) => kind === 'message'));
  return [
    ...out.replies.splice(0).map((each) => ({ ...each, lsn: 0 })),
    ...held.flatMap((each) => {
      if (each.kind === 'message' || 'onAnswer' in each.client) return [];
      return [{ client: each.client, reply: each.reply, lsn: each.lsn }];
    }),
  ];
}

/** Gives each part the replies to its own questions; true if there was one. */
export function answerParts(out: HostTurn): boolean {
  const answers = out.answers.splice(0);
  for (const { owner, reply } of answers) owner.onAnswer(reply, out);
  return answers.length > 0;
}

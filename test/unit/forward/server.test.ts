import { beforeEach, describe, expect, it } from 'vitest';
import { ForwardServer } from '../../../src/forward/server.ts';
import type { ListCommand, ReadCommand } from '../../../src/model/command.ts';
import { fault } from '../../../src/model/fault.ts';
import type { ForwardAnswer, ForwardRequest } from '../../../src/model/message.ts';
import type { PeerQuestion } from '../../../src/model/peer-question.ts';
import { recordOf } from '../../../src/model/record.ts';
import type { Reply } from '../../../src/model/reply.ts';
import { key, mutation, namespace } from '../../support/build.ts';
import { EU, MachineRoom, US } from '../../support/machine-room.ts';

const PENDING_MAX = 2;
const NAMESPACES = { ns: {}, fi: { consistency: 'fifo' } };

let room: MachineRoom;
let server: ForwardServer;
/** Reads that have begun and are not answered. */
let begun: (ReadCommand<PeerQuestion> | ListCommand<PeerQuestion>)[];

beforeEach(() => {
  room = new MachineRoom({
    namespaces: NAMESPACES,
    settings: { readsPendingMax: PENDING_MAX },
  });
  begun = [];
  server = new ForwardServer(room.core, (command) => void begun.push(command));
});

const question = {
  kind: 'read',
  namespace: namespace('fi'),
  key: key('a'),
  r: 1,
  session: undefined,
} as const;

function ask(peer: number, id: number, says: Partial<ForwardRequest> = {}): void {
  const asked = { timeoutMs: 900, level: 'fifo', question, ...says } as const;
  server.onRequest(peer, { kind: 'forward-request', id, ...asked }, room.turn);
}

const absent: Reply = {
  kind: 'absent',
  removal: undefined,
  stalenessMs: 7,
  answers: 1,
  heldBy: undefined,
};

/** The oldest of these reads is answered. */
function answer(reply: Reply = absent, lsn = 0, deadlineMs = Number.POSITIVE_INFINITY): void {
  const command = begun.shift();
  if (command === undefined) throw new Error('no read was begun');
  room.turn.reply(command.client, reply, lsn, deadlineMs);
}

/** The answers since the last call. */
function answers(): {
  readonly peer: number;
  readonly id: number;
  readonly answer: ForwardAnswer;
}[] {
  return room.sent().map(({ peer, message }) => {
    if (message.kind !== 'forward-reply') throw new Error(`a server sends no ${message.kind}`);
    return { peer, id: message.id, answer: message.answer };
  });
}

const refusal = (peer: number, id: number, code: string) => {
  return { peer, id, answer: { kind: 'refused', code } };
};

describe('a question of a peer', () => {
  it('is served as a read of a client, and never forwarded again', () => {
    ask(EU, 8);
    expect(begun).toMatchObject([{ ...question, timeoutMs: 900, onUnmet: 'wait' }]);
    expect(answers()).toEqual([]);
  });

  it('is answered with the result of the read, except for where it was read', () => {
    ask(EU, 8);
    const record = recordOf(mutation({ namespace: namespace('fi') }));
    const { id, region } = room.core.self;
    const heldBy = { id, region };
    answer({ kind: 'found', record, stalenessMs: 'unknown', answers: 2, heldBy });
    const found = { kind: 'found', record, stalenessMs: 'unknown', answers: 2 };
    expect(answers()).toEqual([{ peer: EU, id: 8, answer: found }]);
  });

  it('is refused with the code of the failed read, and nothing else of it', () => {
    ask(EU, 8);
    answer({ kind: 'failed', fault: fault('no-quorum', 'too few', { retryAfterMs: 5 }) });
    expect(answers()).toEqual([refusal(EU, 8, 'no-quorum')]);
  });

  it('is refused if the policies differ', () => {
    ask(EU, 1, { level: 'eventual' });
    ask(EU, 2, { question: { ...question, namespace: namespace('none') } });
    ask(EU, 3, { question: { ...question, namespace: namespace('ns') } });
    expect(answers()).toEqual([1, 2, 3].map((id) => refusal(EU, id, 'namespace-not-found')));
    expect(begun).toEqual([]);
  });

  it('is answered once', () => {
    ask(EU, 8);
    const [command] = begun;
    answer();
    if (command !== undefined) room.turn.reply(command.client, absent, 0);
    expect(answers()).toHaveLength(1);
  });
});

describe('an answer', () => {
  it('leaves when what it depends on is durable', () => {
    room.deliver(room.next(room.core.origin));
    ask(EU, 8);
    answer(absent, room.turn.lsn);
    expect(answers()).toEqual([]);
    room.commit();
    expect(answers()).toMatchObject([{ peer: EU, id: 8, answer: { kind: 'absent' } }]);
  });

  it('that waits too long for that becomes a refusal', () => {
    room.deliver(room.next(room.core.origin));
    ask(EU, 8);
    answer(absent, room.turn.lsn, room.now.monoMs + 50);
    const [held] = room.turn.gated;
    if (held?.kind !== 'message') throw new Error('the answer is held');
    expect(held.late?.atMs).toBe(room.now.monoMs + 50);
    expect(held.late?.message()).toMatchObject({ id: 8, answer: { code: 'timeout' } });
  });

  it('goes to the connection of its question, and to no later one', () => {
    ask(EU, 8);
    ask(US, 8);
    server.onDisconnected(EU);
    answer();
    answer();
    expect(answers()).toMatchObject([{ peer: US, id: 8 }]);
  });
});

describe('questions that are not answered yet', () => {
  it('are bounded: a further one is refused until one is answered', () => {
    for (let id = 1; id <= PENDING_MAX; id++) ask(id === 1 ? EU : US, id);
    ask(EU, 9);
    expect(answers()).toEqual([refusal(EU, 9, 'overloaded')]);
    answer();
    expect(answers()).toHaveLength(1);
    ask(EU, 10);
    expect(begun).toHaveLength(PENDING_MAX);
  });

  it('no longer count when their connection has ended', () => {
    for (let id = 1; id <= PENDING_MAX; id++) ask(EU, id);
    server.onDisconnected(EU);
    ask(US, 9);
    expect([answers(), begun.length]).toEqual([[], PENDING_MAX + 1]);
  });
});

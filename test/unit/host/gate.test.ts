import { beforeEach, describe, expect, it } from 'vitest';
import { Gate } from '../../../src/host/gate.ts';
import { HostTurn } from '../../../src/host/turn.ts';
import { fault } from '../../../src/model/fault.ts';
import type { AnswerOwner, LateMessage } from '../../../src/model/effect.ts';
import { answerParts } from '../../support/outbox.ts';
import type { Message } from '../../../src/model/message.ts';
import type { Reply } from '../../../src/model/reply.ts';

const MESSAGE: Message = { kind: 'read-reply', id: 1, answer: 'absent', record: undefined };
const LATE: Message = { kind: 'read-reply', id: 1, answer: 'damaged', record: undefined };
let gate: Gate;
let given: string[];
let turn: HostTurn;
const at = (monoMs: number): HostTurn => turn.at({ wallMs: 0, monoMs });

/** Like the host: the gate gets what a turn has held back, and releases what clients may get. */
function drain(): void {
  for (const outgoing of turn.gated.splice(0)) gate.hold(outgoing, turn);
  for (const { client, reply } of turn.replies.splice(0)) client.onReply(reply);
}

function open(lsn: number, monoMs: number): void {
  gate.open(lsn, at(monoMs));
  drain();
}

function expire(monoMs: number): void {
  gate.expire(at(monoMs));
  drain();
}

function failAll(): void {
  gate.failAll(at(100));
  drain();
}

function send(peer: number, lsn: number, late?: LateMessage): void {
  at(0).send(peer, MESSAGE, lsn, late);
  drain();
}

beforeEach(() => {
  gate = new Gate();
  given = [];
  turn = new HostTurn();
  turn.lsn = 9;
});

function pass(
  name: string,
  lsn: number,
  stalenessMs: number | 'unknown' = 0,
  deadlineMs = Number.POSITIVE_INFINITY,
): void {
  const reply = {
    kind: 'absent',
    removal: undefined,
    stalenessMs,
    answers: 1,
    heldBy: undefined,
  } as const;
  passReply(name, reply, lsn, deadlineMs);
}

function passReply(name: string, reply: Reply, lsn: number, deadlineMs: number): void {
  const client = {
    onReply: (told: Reply) =>
      void given.push(told.kind === 'failed' ? `${name} ${told.fault.code}` : spoken(name, told)),
  };
  at(100).reply(client, reply, lsn, deadlineMs);
  drain();
}

function spoken(name: string, reply: Reply): string {
  const isStale = reply.kind === 'absent' && typeof reply.stalenessMs === 'number';
  return isStale && reply.stalenessMs !== 0 ? `${name} ${reply.stalenessMs} ms` : name;
}

describe('a gate', () => {
  it('holds the reply to a question of a part like that of a client', () => {
    const answered: string[] = [];
    const part: AnswerOwner = { onAnswer: ({ kind }) => void answered.push(kind) };
    const none = { removal: undefined, heldBy: undefined };
    const reply = { kind: 'absent', stalenessMs: 0, answers: 1, ...none } as const;
    at(100).reply(part, reply, 4);
    drain();
    expect(answerParts(turn)).toBe(false);
    open(4, 100);
    expect(answerParts(turn)).toBe(true);
    expect(answered).toEqual(['absent']);
  });

  it('releases at once what depends on nothing, or on a durable batch', () => {
    pass('a', 0);
    open(3, 100);
    pass('b', 3);
    expect(given).toEqual(['a', 'b']);
  });

  it('holds what depends on a batch until that is durable, in order', () => {
    for (const [name, lsn] of [
      ['a', 1],
      ['b', 2],
      ['c', 2],
      ['d', 3],
    ] as const)
      pass(name, lsn);
    pass('free', 0);
    expect(given).toEqual(['free']);
    expect(gate.waiting).toBe(4);
    open(2, 100);
    expect(given).toEqual(['free', 'a', 'b', 'c']);
    open(3, 100);
    expect(given.at(-1)).toBe('d');
    expect(gate.waiting).toBe(0);
  });

  it('adds the time that it held an answer to the staleness', () => {
    pass('bounded', 1, 20);
    pass('unbounded', 1, 'unknown');
    open(1, 130);
    pass('later', 1, 20);
    expect(given).toEqual(['bounded 50 ms', 'unbounded', 'later 20 ms']);
  });

  it('answers at its deadline a client whose batch is not durable, and keeps the order of the others', () => {
    pass('a', 1, 0, 500);
    pass('b', 1, 0, 300);
    pass('c', 2, 0, 400);
    expect(gate.timerMs).toBe(300);
    expire(299);
    expect(given).toEqual([]);
    expire(300);
    expect(given).toEqual(['b timeout']);
    expire(500);
    expect(given).toEqual(['b timeout', 'a timeout', 'c timeout']);
    expect(gate.waiting).toBe(0);
    open(2, 600);
    expect(given).toHaveLength(3);
    expect(gate.timerMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('answers a refusal as definite, and a write as unknown', () => {
    const refusal = { kind: 'failed', fault: fault('precondition-failed', 'it holds v1') } as const;
    passReply('refused', refusal, 1, 300);
    passReply('drained', { kind: 'drained', drained: true }, 1, 300);
    expire(300);
    expect(given).toEqual(['refused timeout', 'drained outcome-unknown']);
  });

  it('holds a bounded number of replies', () => {
    gate = new Gate(2);
    for (const name of ['a', 'b', 'c']) pass(name, 1);
    expect(given).toEqual(['c overloaded']);
    open(1, 200);
    expect(given).toEqual(['c overloaded', 'a 100 ms', 'b 100 ms']);
  });

  it('holds a message until its batch is durable, and releases it before what the core sends because of that', () => {
    send(1, 1);
    send(2, 2);
    expect(gate.timerMs).toBe(Number.POSITIVE_INFINITY);
    open(1, 5);
    expect(turn.peers).toEqual([1]);
    turn.send(1, MESSAGE, 1);
    turn.send(1, MESSAGE, 3);
    expect(turn.peers).toEqual([1, 1]);
    expect(turn.gated).toHaveLength(1);
  });

  it('replaces a message that is late, and drops those whose connection has ended', () => {
    const late = (atMs: number) => ({ atMs, message: () => LATE });
    send(1, 1);
    send(2, 1, late(200));
    send(3, 1, late(300));
    expect(gate.timerMs).toBe(200);
    expire(200);
    expect(turn.peers).toEqual([2]);
    expect(turn.messages).toEqual([LATE]);
    gate.forget(3);
    open(1, 300);
    expect(turn.peers).toEqual([2, 1]);
    expect(gate.timerMs).toBe(Number.POSITIVE_INFINITY);
  });

  it('replaces a message at once, or drops it, at its bound', () => {
    gate = new Gate(1);
    send(1, 1);
    send(2, 1);
    send(3, 1, { atMs: 9, message: () => LATE });
    expect(turn.peers).toEqual([3]);
    open(1, 1);
    expect(turn.peers).toEqual([3, 1]);
  });

  it('drops the messages that it holds when the storage fails', () => {
    send(1, 1);
    failAll();
    open(1, 1);
    expect(turn.peers).toEqual([]);
  });

  it('fails the replies that it holds when the storage fails, each once', () => {
    pass('a', 1);
    open(1, 100);
    pass('b', 2);
    failAll();
    failAll();
    open(2, 100);
    expect(given).toEqual(['a', 'b storage-failed']);
  });
});

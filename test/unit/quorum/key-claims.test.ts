// A replica that claims keys of two peers, which lend them, refuse, or do not answer.

import { beforeEach, describe, expect, it } from 'vitest';
import { hlcFromMs } from '../../../src/model/hlc.ts';
import { single } from '../../../src/model/member-set.ts';
import type { ClaimReply, NamedWrite } from '../../../src/model/message.ts';
import { KeyClaims } from '../../../src/quorum/key-claims.ts';
import { fault } from '../../../src/model/fault.ts';
import { namespace, origin } from '../../support/build.ts';
import { EU, MachineRoom, ownOrigin, US } from '../../support/machine-room.ts';

const NS = namespace('ns');
const KEY = 'order-7';
const EU1 = origin('eu-1.1');
/** The set of one member. */
const DEADLINE_MS = 30_000;
/** A loan lasts this long, and the borrower may write during half of it. */
const LENT_MS = 10_000;
/** Once the borrower is disconnected. */
const RETURN_MS = 1000;
/** As long as what an earlier incarnation has lent may still be written. */
const START_MS = 600_000;

let room: MachineRoom;
let claims: KeyClaims;
/** Requests that continued: their names, and why they may not write. */
let resumed: [name: string, code: string | undefined][];

beforeEach(() => {
  room = new MachineRoom({ settings: { writesPendingMax: 2 } });
  claims = new KeyClaims(room.core);
  claims.open(room.now);
  room.pass(START_MS);
  resumed = [];
  for (const peer of [EU, US]) room.greet(peer);
});

function begin(name = 'one', key = KEY, timeoutMs = DEADLINE_MS): void {
  const deadlineMs = room.now.monoMs + timeoutMs;
  const resume = (why: { code: string } | undefined) => void resumed.push([name, why?.code]);
  claims.begin({ namespace: NS, key, deadlineMs }, resume, room.turn);
}

/** The messages about keys since the last call, such as `1 ask 4`. */
function said(): string[] {
  return room
    .sent()
    .flatMap(({ peer, message }) =>
      message.kind === 'claim' ? [`${peer} ${message.step} ${message.id}`] : [],
    );
}

function answer(peer: number, what: ClaimReply['answer'], says: Partial<ClaimReply> = {}, id = 1) {
  const reply = { kind: 'claim-reply', id, answer: what, named: undefined, ...says } as const;
  claims.onMessage(peer, reply, false, room.turn);
}

/** Lets time pass, from one timer to the next; returns how often one was due. */
function pass(ms: number): number {
  const untilMs = room.now.monoMs + ms;
  let ticks = 0;
  for (; room.core.timers.nextMs <= untilMs && ticks < 1000; ticks++) {
    room.pass(Math.max(room.core.timers.nextMs - room.now.monoMs, 0));
    claims.onDue(room.turn);
  }
  room.pass(untilMs - room.now.monoMs);
  return ticks;
}

function disconnect(peer: number): void {
  room.leave(peer);
  claims.onDisconnected(peer, room.turn);
}

const named = (fields: Partial<NamedWrite> = {}): NamedWrite => {
  const write = { origin: EU1, seq: 3, hlc: hlcFromMs(5), digest: 1, created: true };
  return { namespace: NS, key: KEY, ...write, ...fields };
};

describe('a claim', () => {
  it('asks every peer that can be reached, and continues when a majority has lent the key', () => {
    begin();
    expect(said()).toEqual(['1 ask 1', '2 ask 1']);
    expect([resumed, claims.waiting]).toEqual([[], 1]);
    answer(US, 'lent');
    expect([resumed, claims.waiting]).toEqual([[['one', undefined]], 0]);
    answer(EU, 'lent');
    expect(resumed).toHaveLength(1);
  });

  it('asks no peer if the key is known here', () => {
    room.core.idempotency.learn(named(), room.turn);
    begin();
    expect([said(), resumed]).toEqual([[], [['one', undefined]]]);
  });

  it('in a cluster of one continues at once', () => {
    room = new MachineRoom({ regions: ['ap'] });
    claims = new KeyClaims(room.core);
    claims.open(room.now);
    begin();
    expect(resumed).toEqual([['one', undefined]]);
  });

  it('ends with the write that a peer knows under the key, which is then known here', () => {
    begin();
    answer(EU, 'known', { named: named() });
    expect(resumed).toEqual([['one', undefined]]);
    expect(room.core.idempotency.find(NS, KEY)).toMatchObject({ origin: EU1, seq: 3 });
  });

  it('does not end with a write under another key, nor with one without a key', () => {
    begin();
    answer(EU, 'known', { named: named({ key: 'other' }) });
    answer(US, 'known');
    expect(resumed).toEqual([['one', 'no-quorum']]);
    expect(room.core.idempotency.find(NS, 'other')).toBeUndefined();
  });

  it('that no peer answers is repeated now and then, and ends at its deadline', () => {
    begin();
    expect(pass(DEADLINE_MS - 1)).toBeLessThan(20);
    const steps = said();
    expect(steps.filter((each) => each.includes('ask')).length).toBeGreaterThan(8);
    expect(steps.length).toBeLessThan(30);
    expect(resumed).toEqual([]);
    pass(1);
    expect([resumed, claims.waiting]).toEqual([[['one', 'timeout']], 0]);
  });

  it('that is answered after a pause continues', () => {
    begin();
    pass(7000);
    const last = Math.max(...said().map((each) => Number(each.split(' ')[2])));
    answer(EU, 'lent', {}, last);
    expect(resumed).toEqual([['one', undefined]]);
  });

  it('ignores answers while it pauses: what was lent has been returned', () => {
    begin();
    pass(LENT_MS / 2);
    expect(said()).toContain('1 release 0');
    answer(EU, 'lent');
    expect(resumed).toEqual([]);
  });

  it('ignores an answer to an earlier attempt', () => {
    begin();
    pass(7000);
    answer(EU, 'lent');
    answer(EU, 'known', { named: named() });
    expect(resumed).toEqual([]);
  });

  it('for a key that another replica has returns what was lent, and asks again after a pause', () => {
    begin();
    said();
    answer(EU, 'taken');
    expect(said()).toEqual([]);
    answer(US, 'taken');
    expect(said()).toEqual(['1 release 0', '2 release 0']);
    pass(19);
    expect(said()).toEqual([]);
    pass(1);
    expect(said()).toEqual(['1 ask 2', '2 ask 2']);
  });

  it('pauses longer each time', () => {
    begin();
    const pauses: number[] = [];
    for (let id = 1; id < 5; id++) {
      for (const peer of [EU, US]) answer(peer, 'taken', {}, id);
      const fromMs = room.now.monoMs;
      pauses.push(room.core.timers.nextMs - fromMs);
      pass(pauses.at(-1) ?? 0);
    }
    expect(pauses).toEqual([20, 40, 80, 160]);
  });

  it('for a key that another replica keeps is in flight at its deadline', () => {
    begin('one', KEY, 50);
    for (const peer of [EU, US]) answer(peer, 'taken');
    pass(50);
    expect(resumed).toEqual([['one', 'idempotency-in-flight']]);
  });

  it('is refused if members lend no more, and returns what was lent', () => {
    begin();
    said();
    for (const peer of [EU, US]) answer(peer, 'full');
    expect(resumed).toEqual([['one', 'overloaded']]);
    expect(said()).toEqual(['1 release 0', '2 release 0']);
  });

  it('is refused if no majority can be asked, at the beginning or later', () => {
    disconnect(EU);
    begin();
    disconnect(US);
    begin('two', 'order-8');
    expect(resumed).toEqual([
      ['one', 'no-quorum'],
      ['two', 'no-quorum'],
    ]);
  });

  it('does not count the loan of a peer whose connection has ended', () => {
    room = new MachineRoom({ regions: ['ap', 'eu', 'sa', 'us', 'za'] });
    claims = new KeyClaims(room.core);
    claims.open(room.now);
    room.pass(START_MS);
    const [SA, ZA] = [2, 4];
    for (const peer of [1, 2, 3, 4]) room.greet(peer);
    begin();
    answer(EU, 'lent');
    disconnect(EU);
    answer(SA, 'lent');
    expect(resumed).toEqual([]);
    answer(ZA, 'lent');
    expect(resumed).toEqual([['one', undefined]]);
  });

  it('asks the former borrowers that lenders name, if they can be reached', () => {
    begin();
    said();
    answer(EU, 'lent', { former: single(US) });
    expect([resumed, said()]).toEqual([[], []]);
    answer(US, 'unknown');
    expect(resumed).toEqual([['one', undefined]]);
  });

  it('stops waiting for a former borrower that cannot be reached', () => {
    begin();
    answer(EU, 'lent', { former: single(US) });
    disconnect(US);
    expect(resumed).toEqual([['one', undefined]]);
  });

  it('asks again if a former borrower has the key', () => {
    begin();
    answer(EU, 'lent', { former: single(US) });
    said();
    answer(US, 'taken');
    expect([resumed, said()]).toEqual([[], ['1 release 0', '2 release 0']]);
  });

  it('finds the write that the stream brings, with the next tick', () => {
    begin();
    room.core.idempotency.learn(named(), room.turn);
    claims.onRemembered(NS, KEY, room.turn);
    expect([resumed, room.core.timers.nextMs]).toEqual([[], 0]);
    claims.onDue(room.turn);
    expect(resumed).toEqual([['one', undefined]]);
  });
});

describe('requests under one key', () => {
  it('run one after the other, and those behind the first find what it has written', () => {
    begin('one');
    begin('two');
    expect([said(), claims.waiting]).toEqual([['1 ask 1', '2 ask 1'], 2]);
    claims.begin(
      { namespace: NS, key: 'other', deadlineMs: room.now.monoMs + 9 },
      () => {},
      room.turn,
    );
    expect(said()).toEqual(['1 ask 2', '2 ask 2']);
    room.core.idempotency.learn(named({ origin: ownOrigin(1), seq: 1 }), room.turn);
    answer(EU, 'lent');
    expect(resumed).toEqual([
      ['one', undefined],
      ['two', undefined],
    ]);
    expect(said()).toEqual([]);
  });

  it('claim the key again if the first has written nothing', () => {
    begin('one');
    begin('two');
    said();
    for (const peer of [EU, US]) answer(peer, 'full');
    expect(resumed).toEqual([['one', 'overloaded']]);
    expect(said().filter((each) => each.includes('ask'))).toEqual(['1 ask 2', '2 ask 2']);
  });

  it('have a deadline each', () => {
    begin('one');
    begin('two', KEY, 100);
    pass(99);
    expect(resumed).toEqual([]);
    pass(1);
    expect([resumed, claims.waiting]).toEqual([[['two', 'idempotency-in-flight']], 1]);
  });

  it('fail together when the replica stops', () => {
    begin('one');
    begin('two');
    claims.failAll(fault('draining', 'why'), room.turn);
    expect(resumed).toEqual([
      ['one', 'draining'],
      ['two', 'draining'],
    ]);
    expect([claims.waiting, room.core.timers.nextMs]).toEqual([0, Number.POSITIVE_INFINITY]);
    answer(EU, 'lent');
    expect(resumed).toHaveLength(2);
  });

  it('leave to the lenders the key under which the first has written', () => {
    room.core.idempotency.learn(named({ origin: ownOrigin(1), seq: 1 }), room.turn);
    claims.release(NS, KEY, room.turn);
    expect(said()).toEqual([]);
    claims.release(NS, 'other', room.turn);
    expect(said()).toEqual(['1 release 0', '2 release 0']);
  });
});

describe('a lender', () => {
  function asks(peer: number, says: { key?: string; mayLack?: boolean } = {}): ClaimReply {
    const { key = KEY, mayLack = false } = says;
    const claim = { kind: 'claim', id: 4, step: 'ask', namespace: NS, key } as const;
    claims.onMessage(peer, claim, mayLack, room.turn);
    const [sent] = room.sent();
    if (sent?.message.kind !== 'claim-reply') throw new Error('a claim is answered');
    expect([sent.peer, sent.message.id]).toEqual([peer, 4]);
    return sent.message;
  }

  function givesBack(peer: number): void {
    const claim = { kind: 'claim', id: 0, step: 'release', namespace: NS, key: KEY } as const;
    claims.onMessage(peer, claim, false, room.turn);
  }

  it('lends a key to one replica at a time, until that gives it back', () => {
    expect(asks(EU).answer).toBe('lent');
    expect(asks(US).answer).toBe('taken');
    givesBack(US);
    expect(asks(US).answer).toBe('taken');
    givesBack(EU);
    expect(asks(US)).toMatchObject({ answer: 'lent' });
  });

  it('lends it to the same replica again', () => {
    asks(EU);
    expect(asks(EU)).toEqual({ kind: 'claim-reply', id: 4, answer: 'lent', named: undefined });
  });

  it('lends a doubtful key, and names its former borrower', () => {
    asks(EU);
    pass(LENT_MS);
    expect(asks(US)).toMatchObject({ answer: 'lent', former: single(EU) });
  });

  it('lends the key of a replica that is disconnected, one second later', () => {
    asks(EU);
    disconnect(EU);
    expect(asks(US).answer).toBe('taken');
    pass(RETURN_MS);
    expect(asks(US)).toMatchObject({ answer: 'lent', former: single(EU) });
  });

  it('names all other members for a while after its start: it may have lent before', () => {
    claims = new KeyClaims(room.core);
    claims.open(room.now);
    expect(asks(EU)).toMatchObject({ answer: 'lent', former: single(US) });
    pass(START_MS);
    expect(asks(US, { key: 'other' })).not.toHaveProperty('former');
  });

  it('has the key itself while a local request claims it, and not while that pauses', () => {
    begin();
    said();
    expect(asks(EU).answer).toBe('taken');
    for (const peer of [EU, US]) answer(peer, 'taken');
    said();
    expect(asks(EU).answer).toBe('lent');
  });

  it('has it also if another replica had it before, which may have written nothing', () => {
    asks(EU);
    pass(LENT_MS - 1000);
    begin();
    said();
    pass(1000);
    expect(asks(US).answer).toBe('taken');
  });

  it('answers unknown while it may lack what it knew', () => {
    expect(asks(EU, { mayLack: true }).answer).toBe('unknown');
    room.core.idempotency.learn(named(), room.turn);
    expect(asks(EU, { mayLack: true }).answer).toBe('known');
  });

  it('names the write that it knows, once that is durable here, or else only its name', () => {
    const entry = room.next(EU1, { namespace: NS, idempotency: { key: KEY, digest: 1 } });
    room.deliver(entry);
    room.core.idempotency.remember(entry, room.turn);
    expect(asks(US)).toMatchObject({ answer: 'taken', named: undefined });
    room.commit();
    expect(asks(US)).toMatchObject({ answer: 'known', named: { key: KEY, origin: EU1, seq: 1 } });
    room.core.idempotency.learn(named({ key: 'copied', seq: 9 }), room.turn);
    expect(asks(US, { key: 'copied' }).answer).toBe('known');
  });

  it('lends a key no more once its write has come', () => {
    asks(EU);
    room.core.idempotency.learn(named(), room.turn);
    claims.onRemembered(NS, KEY, room.turn);
    expect(asks(US).answer).toBe('known');
  });

  it('lends as many keys as writes can wait at all members, and then no more', () => {
    for (let n = 0; n < 6; n++) expect(asks(EU, { key: `k${n}` }).answer).toBe('lent');
    expect(asks(EU, { key: 'k6' }).answer).toBe('full');
    expect(asks(EU, { key: 'k5' }).answer).toBe('lent');
    claims.onRemembered(NS, 'k0', room.turn);
    expect(asks(EU, { key: 'k6' }).answer).toBe('lent');
  });
});

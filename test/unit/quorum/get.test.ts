import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { type MemberSet, NO_MEMBERS, remove, single } from '../../../src/model/member-set.ts';
import type { ReadReply } from '../../../src/model/message.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { type QuorumSpec, requirementOf } from '../../../src/model/quorum.ts';
import { type Record, recordOf } from '../../../src/model/record.ts';
import {
  answerOf,
  type PendingRead,
  PendingReads,
  type ReadFinish,
  type ReadOutcome,
  type ReadPurpose,
} from '../../../src/quorum/get.ts';
import { HedgeBudget } from '../../../src/peers/hedge-budget.ts';
import { Nearness } from '../../../src/peers/nearness.ts';
import {
  key,
  membersOf,
  mutation,
  namespace,
  namespacesOf,
  origin,
  setOfBits,
} from '../../support/build.ts';
import { sent } from '../../support/outbox.ts';

const MEMBERS = membersOf(['ap', 'eu', 'eu', 'us', 'us']);
const SELF = 0;
const EVERYBODY = setOfBits(0b11111);
const NS = namespace('ns');
const RULES = namespacesOf(MEMBERS, {}).rulesFor(NS);
const KEY = key('k');
const HOLDS = new Map([[origin('eu-1.1'), 7]]);
const version = (hlc: number): Record => recordOf(mutation({ hlc, namespace: NS, key: KEY }));

let out: HostTurn;
let nearness: Nearness;
let metrics: ReturnType<typeof createMetrics>;
let reads: PendingReads;
let ends: { outcome: ReadOutcome; read: PendingRead }[];
let connected: MemberSet;
let monoMs: number;

beforeEach(() => {
  out = new HostTurn();
  nearness = new Nearness(SELF, MEMBERS.length);
  metrics = createMetrics();
  ends = [];
  connected = EVERYBODY;
  monoMs = 0;
  const finish: ReadFinish = (read, outcome) => void ends.push({ outcome, read });
  reads = new PendingReads({ hedges: new HedgeBudget(), metrics, nearness, finish });
});

const now = () => ({ wallMs: 0, monoMs });

function begin(
  r: QuorumSpec,
  options: { purpose?: ReadPurpose; record?: Record; damaged?: boolean; ownLsn?: number } = {},
): number[] {
  const { purpose = 'read', record, damaged = false, ownLsn = 0 } = options;
  const requirement = requirementOf(r, MEMBERS, MEMBERS[SELF] as (typeof MEMBERS)[number]);
  if (requirement === undefined) throw new Error('the quorum exists');
  const client = purpose === 'heal' ? undefined : { onReply: () => {} };
  const question = {
    purpose,
    client,
    namespace: NS,
    rules: RULES,
    key: KEY,
    requirement,
    deadlineMs: monoMs + 1000,
    unfit: NO_MEMBERS,
  };
  const cut = damaged ? new Map() : undefined;
  const local = { member: SELF, record, cut, lsn: ownLsn, stalenessMs: 0 } as const;
  reads.begin(question, local, connected, out.at(now()));
  return asked();
}

const asked = (): number[] => sent(out).map(({ peer }) => peer);

function answer(peer: number, answered: ReadReply['answer'], record?: Record, id = 1): number[] {
  const reply: ReadReply = { kind: 'read-reply', id, answer: answered, record };
  reads.onReply(peer, reply, HOLDS, connected, out.at(now()));
  return asked();
}

function disconnect(peer: number): number[] {
  connected = remove(connected, peer);
  reads.onDisconnected(peer, connected, out.at(now()));
  return asked();
}

function timer(ms: number): number[] {
  monoMs = ms;
  reads.onDue(connected, out.at(now()));
  return asked();
}

const outcomes = (): string[] => ends.map(({ outcome }) => outcome);

describe('a read that asks', () => {
  it('asks the nearest peers that it needs, and is won by their answers: the newest is the answer', () => {
    for (const [peer, ms] of [
      [3, 5],
      [1, 9],
      [2, 50],
      [4, 60],
    ] as const)
      nearness.observe(peer, ms);
    nearness.rank();
    expect(begin(3, { record: version(2) })).toEqual([3, 1]);
    answer(3, 'record', version(7));
    expect(outcomes()).toEqual([]);
    answer(1, 'absent');
    expect(outcomes()).toEqual(['won']);
    expect(ends[0]?.read.newest).toMatchObject({ hlc: 7 });
    expect(ends[0]?.read.tally.acks).toBe(3);
  });

  it('is won at once by its own answer if that suffices', () => {
    expect(begin(1)).toEqual([]);
    expect(outcomes()).toEqual(['won']);
    expect(reads.waiting).toBe(0);
  });

  it('asks in every region whose majority it needs', () => {
    expect(begin('each')).toEqual([1, 2, 3, 4]);
    answer(1, 'absent');
    answer(2, 'absent');
    answer(3, 'absent');
    expect(outcomes()).toEqual([]);
    answer(4, 'absent');
    expect(outcomes()).toEqual(['won']);
  });

  it('is answered once, whatever answers come late or twice', () => {
    begin(2);
    answer(1, 'absent');
    answer(1, 'absent');
    answer(2, 'record', version(9));
    timer(5000);
    expect(outcomes()).toEqual(['won']);
  });

  it('counts a second answer of the same member only once', () => {
    begin(3);
    answer(1, 'absent');
    answer(1, 'record', version(3));
    expect(outcomes()).toEqual([]);
  });

  it('ignores an answer of a member that it did not ask', () => {
    begin(2);
    answer(4, 'record', version(9));
    expect(outcomes()).toEqual([]);
  });

  it('takes a record under another key for damage, and asks another peer', () => {
    begin(2);
    expect(
      answer(1, 'record', recordOf(mutation({ namespace: NS, key: key('other'), hlc: 9 }))),
    ).toEqual([2]);
    answer(2, 'absent');
    expect(ends[0]?.read.newest).toBeUndefined();
    expect(outcomes()).toEqual(['won']);
  });

  it('asks another peer for every damaged answer, and is lost when none is left', () => {
    begin(3, { damaged: true });
    for (const peer of [1, 2]) answer(peer, 'damaged');
    expect(outcomes()).toEqual(['lost']);
  });

  it('asks another peer if one disconnects, and is lost if too few are left', () => {
    expect(begin(3)).toEqual([1, 2]);
    expect(disconnect(1)).toEqual([3]);
    expect(disconnect(4)).toEqual([]);
    expect(disconnect(2)).toEqual([]);
    expect(outcomes()).toEqual([]);
    disconnect(3);
    expect(outcomes()).toEqual(['lost']);
  });

  it('keeps an answer whose sender disconnects', () => {
    begin(3);
    answer(1, 'record', version(4));
    disconnect(1);
    answer(2, 'absent');
    expect(outcomes()).toEqual(['won']);
    expect(ends[0]?.read.newest).toMatchObject({ hlc: 4 });
  });

  it('asks a peer that connects if it had found too few', () => {
    connected = setOfBits(0b00011);
    expect(begin(3)).toEqual([1]);
    connected = setOfBits(0b00111);
    reads.onConnected(connected, out.at(now()));
    expect(asked()).toEqual([2]);
  });

  it('ends at its deadline', () => {
    begin(2);
    timer(999);
    expect(outcomes()).toEqual([]);
    timer(1000);
    expect(outcomes()).toEqual(['expired']);
    expect(reads.waiting).toBe(0);
  });
});

describe('a hedge', () => {
  it('asks one more peer each time an answer is overdue', () => {
    begin(2);
    expect(timer(out.timers.dueMs('read') - 0.5)).toEqual([]);
    expect(timer(out.timers.dueMs('read'))).toEqual([2]);
    expect(timer(out.timers.dueMs('read'))).toEqual([3]);
    expect(metrics.readHedges).toBe(2);
    answer(3, 'absent');
    expect(outcomes()).toEqual(['won']);
  });

  it('asks only while answers are still needed', () => {
    connected = setOfBits(0b11101);
    begin('each');
    answer(3, 'absent');
    answer(4, 'absent');
    connected = EVERYBODY;
    expect(timer(50)).toEqual([1]);
    expect(timer(900)).toEqual([]);
  });

  it('measures a peer from when that peer was asked', () => {
    begin(2);
    timer(50);
    monoMs = 57;
    answer(2, 'absent');
    expect(nearness.meanMs(2)).toBe(7);
  });
});

describe('a survey', () => {
  it('to explain a key asks all members and waits for all of them', () => {
    expect(begin('all', { purpose: 'explain' })).toEqual([1, 2, 3, 4]);
    for (const peer of [1, 2, 3]) answer(peer, 'absent');
    expect(outcomes()).toEqual([]);
    answer(4, 'damaged');
    expect(outcomes()).toEqual(['won']);
    expect(ends[0]?.read.damaged).toBe(0b10000);
  });

  it('to repair a record waits for all of them, even if its own record is damaged', () => {
    begin('all', { purpose: 'heal', damaged: true });
    answer(1, 'record', version(3));
    answer(2, 'damaged');
    answer(3, 'record', version(5));
    expect(outcomes()).toEqual([]);
    answer(4, 'absent');
    expect(outcomes()).toEqual(['won']);
    expect(ends[0]?.read.newest).toMatchObject({ hlc: 5 });
  });

  it('does not wait for a member that has disconnected, which is not damage', () => {
    begin('all', { purpose: 'explain' });
    for (const peer of [1, 2, 3]) answer(peer, 'absent');
    disconnect(4);
    expect(outcomes()).toEqual(['won']);
    expect(ends[0]?.read.damaged).toBe(0);
  });

  it('without a connected peer ends at once', () => {
    connected = single(SELF);
    begin('all', { purpose: 'explain' });
    expect(outcomes()).toEqual(['won']);
  });
});

describe('reads that are abandoned', () => {
  it('return their clients once, and are not answered', () => {
    begin(2);
    begin('all', { purpose: 'heal', damaged: true });
    begin(3);
    expect(reads.abandon()).toHaveLength(2);
    expect(reads.abandon()).toHaveLength(0);
    timer(5000);
    expect(outcomes()).toEqual([]);
  });
});

describe('a peer that has the same version', () => {
  it('need not send it: it counts, and the local record is its answer', () => {
    const record = version(3);
    const [peer = 0] = begin(2, { record });
    answer(peer, 'same');
    expect(outcomes()).toEqual(['won']);
    expect(ends[0]?.read).toMatchObject({ newest: record });
    expect(ends.map(({ read }) => answerOf(read, peer))).toEqual([record]);
  });

  it('is not believed if this replica has none', () => {
    const [first = 0] = begin(2);
    expect(answer(first, 'same')).toHaveLength(1);
    expect(outcomes()).toEqual([]);
  });
});

describe('a local record that is not durable', () => {
  it('is no answer before it is durable', () => {
    expect(begin(2, { record: version(9), ownLsn: 4 })).toEqual([1]);
    answer(1, 'record', version(7));
    expect(outcomes()).toEqual([]);
    reads.onDurable(3, SELF, out.at(now()));
    expect(outcomes()).toEqual([]);
    reads.onDurable(4, SELF, out.at(now()));
    expect(outcomes()).toEqual(['won']);
    expect(ends[0]?.read.newest).toMatchObject({ hlc: 9 });
  });

  it('is left out if peers are faster', () => {
    begin(2, { record: version(9), ownLsn: 4 });
    answer(1, 'record', version(7));
    timer(50);
    answer(2, 'record', version(7));
    expect(outcomes()).toEqual(['won']);
    expect(ends[0]?.read.newest).toMatchObject({ hlc: 7 });
    reads.onDurable(4, SELF, out.at(now()));
    expect(outcomes()).toEqual(['won']);
  });
});

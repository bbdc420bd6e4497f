import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { type MemberSet, NO_MEMBERS } from '../../../src/model/member-set.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { requirementOf } from '../../../src/model/quorum.ts';
import { PendingWrite } from '../../../src/quorum/put.ts';
import { Replays } from '../../../src/quorum/replay.ts';
import { membersOf, origin, setOfBits } from '../../support/build.ts';
import { replied } from '../../support/outbox.ts';

const MEMBERS = membersOf(['ap', 'eu', 'us']);

let out: HostTurn;
let replays: Replays;
let holders: MemberSet;

beforeEach(() => {
  out = new HostTurn();
  replays = new Replays(3, createMetrics());
  holders = NO_MEMBERS;
});

function begin(w: number, { timeoutMs = 100, respondAsync = false } = {}): void {
  const requirement = requirementOf(w, MEMBERS, MEMBERS[0] as (typeof MEMBERS)[number]);
  if (requirement === undefined) throw new Error('the quorum exists');
  const client = { onReply: () => {} };
  const write = { client, origin: origin('us-1.4'), seq: 9, hlc: 1, created: true, replayed: true };
  replays.begin(
    new PendingWrite({ ...write, respondAsync, replaced: undefined }, requirement, 0, timeoutMs),
    out,
  );
}

function decide(nowMs: number): unknown[] {
  replays.decide(() => holders, out.at({ wallMs: 0, monoMs: nowMs }));
  return replied(out).map(({ reply }) =>
    reply.kind === 'written' ? `${reply.acks} ${reply.settled}` : reply.kind,
  );
}

describe('a replay', () => {
  it('is answered when enough members hold its write', () => {
    begin(2);
    expect(decide(0)).toEqual([]);
    holders = setOfBits(0b100);
    expect(decide(1)).toEqual([]);
    holders = setOfBits(0b101);
    expect(decide(2)).toEqual(['2 true']);
    expect(decide(200)).toEqual([]);
    expect(replays.waiting).toBe(0);
  });

  it('keeps counting a copy that it has counted once', () => {
    begin(2);
    holders = setOfBits(0b001);
    decide(1);
    holders = setOfBits(0b010);
    expect(decide(2)).toEqual(['2 true']);
  });

  it('that must not wait is answered with the first copy', () => {
    begin(3, { respondAsync: true });
    expect(decide(0)).toEqual([]);
    holders = setOfBits(0b010);
    expect(decide(1)).toEqual(['1 false']);
  });

  it('ends at its deadline with an unknown outcome', () => {
    begin(3);
    begin(3, { timeoutMs: 50 });
    expect(out.timers.dueMs('replay')).toBe(50);
    expect(decide(50)).toEqual(['failed']);
    expect(out.timers.dueMs('replay')).toBe(100);
    expect(decide(100)).toEqual(['failed']);
    expect(out.timers.dueMs('replay')).toBe(Number.POSITIVE_INFINITY);
  });

  it('has an unknown outcome when the replica stops', () => {
    begin(3);
    replays.failAll(out);
    expect(replied(out)).toMatchObject([{ reply: { fault: { code: 'outcome-unknown' } } }]);
    expect(replays.waiting).toBe(0);
  });
});

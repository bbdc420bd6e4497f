// Writes that wait for copies, compared with a model that checks every write after every event.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostTurn } from '../../src/host/turn.ts';
import { has } from '../../src/model/member-set.ts';
import { createMetrics } from '../../src/model/metrics.ts';
import { type QuorumSpec, requirementOf } from '../../src/model/quorum.ts';
import type { Client, Reply } from '../../src/model/reply.ts';
import { PendingWrite, PendingWrites } from '../../src/quorum/put.ts';
import { membersOf, origin } from '../support/build.ts';
import { replied } from '../support/outbox.ts';

const MEMBERS = membersOf(['ap', 'eu', 'eu', 'us', 'us']);
const SELF = MEMBERS[1] as (typeof MEMBERS)[number];
const ORIGIN = origin('eu-1.1');

const quorum = fc.constantFrom<QuorumSpec>(1, 2, 3, 'majority', 'all', 'local', 'each');
const begin = fc.record({
  kind: fc.constant('begin' as const),
  quorum,
  skip: fc.integer({ min: 1, max: 3 }),
  timeoutMs: fc.integer({ min: 1, max: 20 }),
  respondAsync: fc.boolean(),
});
const step = fc.oneof(
  { weight: 4, arbitrary: begin },
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('cursor' as const),
      member: fc.nat(MEMBERS.length - 1),
      // Relative to the head of the log; a peer that lost its disk reports less than before.
      behind: fc.nat(6),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(15) }) },
);

interface Twin {
  readonly client: Client;
  readonly seq: number;
  readonly quorum: QuorumSpec;
  readonly deadlineMs: number;
  readonly respondAsync: boolean;
  readonly voters: Set<number>;
  answer: 'written' | 'async' | 'unknown' | undefined;
}

const isMet = ({ quorum: spec, voters }: Twin): boolean => {
  const groups = requirementOf(spec, MEMBERS, SELF)?.groups ?? [];
  return groups.every(
    ({ members, count }) => [...voters].filter((index) => has(members, index)).length >= count,
  );
};

class Scene {
  readonly pending = new PendingWrites(ORIGIN, SELF.index, MEMBERS.length, createMetrics());
  readonly out = new HostTurn();
  readonly twins: Twin[] = [];
  nowMs = 0;
  head = 0;

  begin(fields: {
    quorum: QuorumSpec;
    skip: number;
    timeoutMs: number;
    respondAsync: boolean;
  }): void {
    const client = { onReply: () => {} };
    this.head += fields.skip;
    const deadlineMs = this.nowMs + fields.timeoutMs;
    const requirement = requirementOf(fields.quorum, MEMBERS, SELF);
    if (requirement === undefined) throw new Error('the quorum exists');
    const facts = {
      client,
      origin: ORIGIN,
      seq: this.head,
      hlc: 1,
      created: true,
      replayed: false,
      replaced: undefined,
    };
    const { respondAsync, timeoutMs } = fields;
    this.pending.begin(
      new PendingWrite({ ...facts, respondAsync }, requirement, this.nowMs, timeoutMs),
      this.out,
    );
    const twin = { client, seq: this.head, quorum: fields.quorum, deadlineMs };
    const rest = { respondAsync, voters: new Set<number>(), answer: undefined };
    this.twins.push({ ...twin, ...rest });
  }

  cursor(member: number, seq: number): void {
    for (const twin of this.twins) {
      if (twin.answer !== undefined || twin.seq > seq) continue;
      const isNew = !twin.voters.has(member);
      twin.voters.add(member);
      if (isMet(twin)) twin.answer = 'written';
      else if (twin.respondAsync && member === SELF.index && isNew) twin.answer = 'async';
    }
    this.pending.onCursor(member, seq, this.out.at({ wallMs: 0, monoMs: this.nowMs }));
  }

  time(ms: number): void {
    this.nowMs += ms;
    for (const twin of this.twins) {
      if (twin.answer === undefined && twin.deadlineMs <= this.nowMs) twin.answer = 'unknown';
    }
    this.pending.expire(this.out.at({ wallMs: 0, monoMs: this.nowMs }));
  }

  /** Every answer that was sent is the one that the model gives, and was sent once. */
  check(answered: Map<Client, Reply>): void {
    for (const { client, reply } of replied(this.out)) {
      expect(answered.has(client)).toBe(false);
      answered.set(client, reply);
    }
    for (const twin of this.twins) expect(kindOf(answered.get(twin.client))).toBe(twin.answer);
    const waiting = this.twins.filter(({ answer }) => answer === undefined);
    expect(this.pending.waiting).toBe(waiting.length);
    const dueMs = Math.min(...waiting.map(({ deadlineMs }) => deadlineMs));
    expect(this.out.timers.dueMs('write')).toBeLessThanOrEqual(dueMs);
  }
}

function kindOf(reply: Reply | undefined): Twin['answer'] {
  if (reply === undefined) return undefined;
  if (reply.kind === 'written') return reply.settled ? 'written' : 'async';
  if (reply.kind === 'failed' && reply.fault.code === 'outcome-unknown') return 'unknown';
  throw new Error(`not an answer to a write: ${reply.kind}`);
}

describe('writes that wait for copies', () => {
  it('are answered exactly once, never as won below W, in any order of cursors and deadlines', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const scene = new Scene();
        const answered = new Map<Client, Reply>();
        for (const taken of steps) {
          if (taken.kind === 'begin') scene.begin(taken);
          else if (taken.kind === 'time') scene.time(taken.ms);
          else scene.cursor(taken.member, Math.max(scene.head - taken.behind, 0));
          scene.check(answered);
        }
        scene.time(100);
        scene.check(answered);
        expect(answered.size).toBe(scene.twins.length);
      }),
      { numRuns: 500 },
    );
  });

  it('are all answered outcome-unknown when the storage fails', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        const scene = new Scene();
        for (const taken of steps) {
          if (taken.kind === 'begin') scene.begin(taken);
          else if (taken.kind === 'cursor') scene.cursor(taken.member, scene.head - taken.behind);
        }
        const before = replied(scene.out).length;
        scene.pending.failAll(scene.out.at({ wallMs: 0, monoMs: 0 }));
        const replies = replied(scene.out);
        expect(before + replies.length).toBe(scene.twins.length);
        expect(scene.pending.waiting).toBe(0);
        for (const { reply } of replies) expect(kindOf(reply)).toBe('unknown');
      }),
    );
  });
});

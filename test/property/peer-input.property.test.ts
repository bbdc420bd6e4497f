// Whatever an authenticated peer sends, in any order and any number of times, the replica answers
// or ignores it: none of our assertions depends on the good behaviour of a peer, and stored data
// can be recovered.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Input } from '../../src/model/effect.ts';
import type { Message } from '../../src/model/message.ts';
import { type Mutation, recordOf } from '../../src/model/record.ts';
import type { VectorEntries } from '../../src/model/vector.ts';
import { delOf, getOf, listOf, putOf } from '../cluster/cluster.ts';
import { anyMembership, anyVote } from '../support/arbitrary-message.ts';
import { helloOf, membershipOf, key, mutation, namespace, origin, run } from '../support/build.ts';
import { Solo } from '../support/solo.ts';

const REGIONS = ['ap', 'eu', 'us'];
const MEMBERSHIP = membershipOf(REGIONS);
const ORIGINS = ['ap-1.1', 'ap-1.2', 'eu-1.1', 'eu-1.2', 'us-1.1', 'zz-9.1'].map(origin);
const NAMESPACES = ['ns', 'fi', 'unknown'].map(namespace);
const KEYS = ['a', 'b', 'c'].map(key);
const NOW_HLC = 1_000_000 * 1024;

const anOrigin = fc.constantFrom(...ORIGINS);
const ofOthers = fc.constantFrom(...ORIGINS.filter((of) => !of.startsWith('ap-1')));
const seq = fc.nat(8);
/** Sometimes a peer claims more of this replica's log than exists, which ends the run. */
const vector: fc.Arbitrary<VectorEntries> = fc.array(
  fc.oneof(
    { weight: 20, arbitrary: fc.tuple(ofOthers, seq) },
    { weight: 5, arbitrary: fc.tuple(fc.constant(origin('ap-1.1')), fc.nat(1)) },
    { weight: 1, arbitrary: fc.tuple(anOrigin, seq) },
  ),
  { maxLength: 4 },
);

/** Logs with valid chains, so that some of the entries are acceptable. */
const LOGS = new Map(
  ORIGINS.map((of) => [
    of,
    run(of, 8, (n) => ({
      hlc: NOW_HLC + n,
      namespace: NAMESPACES[n % 3] ?? namespace('ns'),
      key: KEYS[n % 3] ?? key('a'),
    })),
  ]),
);

const stray: fc.Arbitrary<Mutation> = fc
  .record({
    origin: anOrigin,
    seq: fc.integer({ min: 1, max: 8 }),
    hlc: fc.constantFrom(1, NOW_HLC, NOW_HLC * 2),
    lane: fc.constantFrom(0, 0, 3),
    group: fc.constantFrom('', '', 'g'),
    namespace: fc.constantFrom(...NAMESPACES),
    key: fc.constantFrom(...KEYS),
    operation: fc.constantFrom('put' as const, 'delete' as const),
  })
  .map((fields) => mutation(fields));

const chained = fc
  .tuple(
    fc.oneof({ weight: 20, arbitrary: ofOthers }, { weight: 1, arbitrary: anOrigin }),
    fc.nat(8),
    fc.nat(8),
  )
  .map(([of, from, to]) => ({ of, entries: LOGS.get(of)?.slice(from, to) ?? [] }));

const message: fc.Arbitrary<Message> = fc.oneof(
  fc.record({
    kind: fc.constant('hello' as const),
    origin: anOrigin,
    vector: fc.array(fc.tuple(ofOthers, seq), { maxLength: 4 }),
    hlc: fc.constantFrom(0, NOW_HLC, NOW_HLC * 2),
    policyDigest: fc.nat(),
    windowBytes: fc.constantFrom(0, 1, 100, 1e6),
    url: fc.constantFrom('', 'http://10.0.0.1:7070'),
    membership: fc.constant(MEMBERSHIP),
    vote: fc.option(anyVote, { nil: undefined }),
  }),
  chained.map(({ of, entries }) => ({ kind: 'entries' as const, origin: of, entries })),
  fc.record({
    kind: fc.constant('entries' as const),
    origin: ofOthers,
    entries: fc.array(stray, { maxLength: 3 }),
  }),
  fc.record({ kind: fc.constant('ack' as const), vector, windowBytes: fc.constantFrom(0, 1e6) }),
  fc.record({
    kind: fc.constant('pull' as const),
    origin: anOrigin,
    from: seq,
    bytesMax: fc.constantFrom(0, 1, 1e9),
  }),
  fc.record({
    kind: fc.constant('read-request' as const),
    id: fc.nat(3),
    namespace: fc.constantFrom(...NAMESPACES),
    key: fc.constantFrom(...KEYS),
    known: fc.option(fc.record({ origin: anOrigin, seq: fc.integer({ min: 1, max: 12 }) }), {
      nil: undefined,
    }),
  }),
  fc
    .record({
      id: fc.nat(5),
      answer: fc.constantFrom(
        'record' as const,
        'absent' as const,
        'damaged' as const,
        'same' as const,
      ),
      record: stray.map(recordOf),
    })
    .map(({ id, answer, record }) => ({
      kind: 'read-reply' as const,
      id,
      answer,
      record: answer === 'record' ? record : undefined,
    })),
  stray.map((record) => ({ kind: 'repair' as const, record: recordOf(record) })),
  fc.record({
    kind: fc.constant('heartbeat' as const),
    hlc: fc.constantFrom(0, NOW_HLC, NOW_HLC * 2),
    vector,
    ping: fc.nat(5000),
    echo: fc.nat(5000),
    echoDelayMs: fc.nat(5000),
    heads: vector,
    wallMs: fc.constantFrom(0, 1e6, 1e12),
    commitAgeMs: fc.constantFrom(0, 10, 1e6),
    health: fc.constant([]),
  }),
  fc.record({
    kind: fc.constant('synod' as const),
    step: fc.constantFrom('prepare', 'promise', 'accept', 'accepted', 'refused' as const),
    epoch: fc.constantFrom(1, 2),
    ballot: fc.record({ round: fc.nat(5), by: ofOthers }),
    proposal: fc.option(
      fc.record({
        ballot: fc.record({ round: fc.nat(5), by: ofOthers }),
        value: fc.oneof(anyMembership, fc.constant(MEMBERSHIP)),
      }),
      { nil: undefined },
    ),
  }),
);

const peer = fc.constantFrom(1, 2);
const step: fc.Arbitrary<Input | { kind: 'ask'; asked: unknown } | { kind: 'time'; ms: number }> =
  fc.oneof(
    {
      weight: 10,
      arbitrary: fc.record({ kind: fc.constant('message' as const), peer, message }),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('connected' as const), peer }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('disconnected' as const), peer }) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(fc.constantFrom('a', 'b'), fc.constantFrom('ns', 'fi'), fc.nat(4))
        .map(([name, ns, n]) => ({
          kind: 'ask' as const,
          asked: [
            putOf(name, 'v', { ns, w: 1 }),
            putOf(name, 'v', { ns, w: 3, timeoutMs: 100 }),
            delOf(name, { ns, w: 1 }),
            getOf(name, { ns, r: 2, timeoutMs: 100 }),
            listOf({ ns }),
          ][n],
        })),
    },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.nat(500) }) },
  );

const OPTIONS = {
  regions: REGIONS,
  namespaces: { ns: {}, fi: { consistency: 'fifo' } },
  settings: { tailBytes: 300, windowBytes: 500, frameBytes: 200, cacheBytes: 1000 },
};

describe('a replica', () => {
  it('survives any messages of its peers, and what it has stored is whole', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'large' }), (steps) => {
        const solo = new Solo(OPTIONS);
        for (const taken of [...OPENING, ...steps]) {
          if (solo.out.haltReason !== undefined) break;
          if (taken.kind === 'ask') solo.ask(taken.asked as Parameters<Solo['ask']>[0]);
          else if (taken.kind === 'time') {
            solo.now.monoMs += taken.ms;
            solo.now.wallMs += taken.ms;
            solo.step({ kind: 'tick' });
          } else solo.step(taken);
          solo.sent();
        }
        // Only a peer that knows more of this replica's log than it ever wrote may stop it.
        expect(solo.out.haltReason ?? 'peers know a later life').toContain(
          'peers know a later life',
        );
        const again = new Solo({ ...OPTIONS, storage: solo.storage, incarnation: 9 });
        expect(again.out.haltReason).toBeUndefined();
      }),
      { numRuns: 300 },
    );
  });
});

const hello = (of: string): Message => helloOf(of, MEMBERSHIP);

const OPENING: readonly Input[] = [
  { kind: 'connected', peer: 1 },
  { kind: 'connected', peer: 2 },
  { kind: 'message', peer: 1, message: hello('eu-1.1') },
  { kind: 'message', peer: 2, message: hello('us-1.1') },
];

// A peer that knows the secret and sends any well-formed message, with extreme numbers, to a
// replica in each phase of its incarnation: nothing throws, the replica ends only for the intended
// reasons, and what it stored is whole. This covers every assertion that a peer's message could
// reach.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HLC_MAX } from '../../src/model/hlc.ts';
import { INCARNATION_MAX, type Origin, parseOrigin } from '../../src/model/id.ts';
import type { Membership } from '../../src/model/membership.ts';
import type { Message } from '../../src/model/message.ts';
import { type Mutation, recordOf } from '../../src/model/record.ts';
import { delOf, getOf, listOf, putOf } from '../cluster/cluster.ts';
import { messageArbitraries } from '../support/arbitrary-message.ts';
import { helloOf, key, membershipOf, mutation, namespace, origin, run } from '../support/build.ts';
import { Solo } from '../support/solo.ts';

const REGIONS = ['ap', 'eu', 'us'];
const MEMBERSHIP = membershipOf(REGIONS);
const NOW_HLC = 1_000_000 * 1024;
const OWN = origin('ap-1.7');
const ORIGINS = [
  OWN,
  'ap-1.1',
  'ap-1.8',
  `ap-1.${INCARNATION_MAX}`,
  'eu-1.1',
  'eu-1.2',
  `eu-1.${INCARNATION_MAX}`,
  'us-1.1',
  'zz-9.1',
].map(origin);

const NUMBERS = [0, 1, 2, 255, 65_536, 2 ** 32, 2 ** 48, 2 ** 48 + 1, Number.MAX_SAFE_INTEGER];
const aNumber = fc.oneof(fc.constantFrom(...NUMBERS), fc.nat(9));
const aStamp = fc.constantFrom(0, NOW_HLC, NOW_HLC * 2, HLC_MAX, Number.MAX_SAFE_INTEGER);

const record: fc.Arbitrary<Mutation> = fc
  .record({
    origin: fc.constantFrom(...ORIGINS),
    seq: fc.oneof(fc.integer({ min: 1, max: 4 }), fc.constantFrom(2 ** 48 + 1, 2 ** 53 - 1)),
    hlc: aStamp,
    lane: fc.constantFrom(0, 0, 0, 2 ** 53 - 1),
    namespace: fc.constantFrom(namespace('ns'), namespace('fi'), namespace('no')),
    key: fc.constantFrom(key('a'), key('b')),
    operation: fc.constantFrom('put' as const, 'delete' as const),
    expiresAtMs: fc.constantFrom(0, 0, 1, 2_000_000, Number.MAX_SAFE_INTEGER),
    weight: fc.constantFrom(0, 0, 1, Number.NaN, Number.POSITIVE_INFINITY),
    dependencies: fc.array(
      fc.record({ origin: fc.constantFrom(...ORIGINS), seq: fc.constantFrom(1, 2 ** 53 - 1) }),
      { maxLength: 2 },
    ),
  })
  .map((fields) => mutation(fields));

const LOGS = new Map(
  ORIGINS.map((of) => [
    of,
    run(of, 6, (n) => ({
      hlc: NOW_HLC + n,
      namespace: namespace(n % 2 === 0 ? 'ns' : 'fi'),
      key: key(n % 3 === 0 ? 'a' : 'b'),
    })),
  ]),
);

const seats = MEMBERSHIP.seats;
const membership: fc.Arbitrary<Membership> = fc.constantFrom(
  MEMBERSHIP,
  { ...MEMBERSHIP, epoch: 2, seats: seats.slice(1) },
  { ...MEMBERSHIP, epoch: 2, seats: seats.slice(0, 2) },
  { ...MEMBERSHIP, epoch: 999, seats: seats.slice(1, 2) },
  { ...MEMBERSHIP, epoch: Number.MAX_SAFE_INTEGER },
);

/** Replaces some of the drawn names and numbers by ones that mean something to the replica. */
function familiar(value: unknown, dice: readonly number[]): unknown {
  let at = 0;
  const roll = (): number => dice[at++ % dice.length] ?? 0;
  const change = (each: unknown, name: string): unknown => {
    if (
      each instanceof Uint8Array ||
      (typeof each === 'object' && each !== null && 'bytes' in each)
    )
      return each;
    if (Array.isArray(each)) return each.map((one) => change(one, name));
    if (typeof each === 'object' && each !== null)
      return Object.fromEntries(
        Object.entries(each).map(([field, one]) => [field, change(one, field)]),
      );
    if (typeof each === 'string' && parseOrigin(each) !== undefined)
      return ORIGINS[roll() % ORIGINS.length];
    if (typeof each === 'number' && ['id', 'cutId', 'epoch'].includes(name)) return roll() % 3;
    if (typeof each === 'number' && roll() % 2 === 0 && !SMALL.has(name))
      return NUMBERS[roll() % NUMBERS.length];
    return each;
  };
  return change(value, '');
}

/** The codec bounds these (adapters/peer/codec.ts and its neighbours). */
const SMALL = new Set(['limit', 'timeoutMs', 'nodes', 'leaves', 'digests', 'root', 'r', 'taken']);

const chained: fc.Arbitrary<Message> = fc
  .tuple(fc.constantFrom(...ORIGINS), fc.nat(6), fc.nat(6))
  .map(([of, from, to]) => ({
    kind: 'entries',
    origin: of,
    entries: LOGS.get(of)?.slice(from, to) ?? [],
  }));
const strays: fc.Arbitrary<Message> = fc
  .tuple(fc.constantFrom(...ORIGINS), fc.array(record, { minLength: 1, maxLength: 3 }))
  .map(([of, entries]) => ({ kind: 'entries', origin: of, entries }));
const hello: fc.Arbitrary<Message> = fc
  .tuple(messageArbitraries.hello, membership, fc.constantFrom('eu-1', 'us-1'), aNumber)
  .map(([drawn, members, id, life]) => ({
    ...drawn,
    origin: `${id}.${Math.max(1, life % INCARNATION_MAX)}` as Origin,
    membership: members,
  }));
const { 'read-reply': _, entries: __, ...others } = messageArbitraries;
const message: fc.Arbitrary<Message> = fc.oneof(
  { weight: 3, arbitrary: hello },
  { weight: 3, arbitrary: chained },
  { weight: 2, arbitrary: strays },
  {
    weight: 2,
    arbitrary: record.map((each) => ({ kind: 'repair' as const, record: recordOf(each) })),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(fc.nat(3), record).map(([id, each]) => ({
      kind: 'read-reply' as const,
      id,
      answer: 'record' as const,
      record: recordOf(each),
    })),
  },
  {
    weight: 20,
    arbitrary: fc
      .tuple(
        fc.oneof(...Object.values(others)),
        fc.array(fc.nat(1000), { minLength: 8, maxLength: 8 }),
      )
      .map(
        ([drawn, dice]) => ({ ...(familiar(drawn, dice) as Message), kind: drawn.kind }) as Message,
      ),
  },
);

type Step =
  | { readonly kind: 'say'; readonly peer: number; readonly message: Message }
  | { readonly kind: 'meet'; readonly peer: number }
  | { readonly kind: 'part'; readonly peer: number }
  | { readonly kind: 'ask'; readonly n: number }
  | { readonly kind: 'time'; readonly ms: number }
  | { readonly kind: 'shut-down' };

const peer = fc.constantFrom(1, 2);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 40, arbitrary: fc.record({ kind: fc.constant('say' as const), peer, message }) },
  {
    weight: 2,
    arbitrary: fc.oneof(
      fc.record({ kind: fc.constant('meet' as const), peer }),
      fc.record({ kind: fc.constant('part' as const), peer }),
    ),
  },
  { weight: 9, arbitrary: fc.record({ kind: fc.constant('ask' as const), n: fc.nat(5) }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(1, 200, 4000) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'shut-down' as const }) },
);

const ASKED = [
  putOf('a', 'v', { w: 1 }),
  putOf('b', 'v', { w: 3, timeoutMs: 100 }),
  delOf('a', { ns: 'fi', w: 1 }),
  getOf('a', { r: 2, timeoutMs: 100 }),
  getOf('b', { ns: 'fi', r: 3, timeoutMs: 100 }),
  listOf({ ns: 'fi' }),
];

/** Phases: waiting for its peers, open, and recovering what it lost. */
const PHASES = [
  { bootGraceMs: 5000, isFresh: false },
  { bootGraceMs: 0, isFresh: false },
  { bootGraceMs: 0, isFresh: true },
];
const MEANT = ['peers know a later life', 'the members have changed', 'this replica was forgotten'];

describe('a peer that knows the secret and sends any messages', () => {
  it.each(PHASES)(
    'causes no exception, and what is stored stays whole: %o',
    ({ bootGraceMs, isFresh }) => {
      fc.assert(
        fc.property(fc.array(step, { maxLength: 50, size: 'large' }), (steps) => {
          const first = new Solo(optionsOf(0));
          if (!isFresh) for (const asked of ASKED.slice(0, 3)) first.ask(asked);
          const storage = isFresh ? {} : { storage: first.storage };
          const solo = new Solo({ ...optionsOf(bootGraceMs), ...storage, incarnation: 7 });
          for (const id of [1, 2]) solo.step({ kind: 'connected', peer: id });
          solo.message(1, helloOf('eu-1.1', MEMBERSHIP));
          solo.message(2, helloOf('us-1.1', MEMBERSHIP));
          for (const each of steps) {
            if (solo.out.haltReason !== undefined) break;
            take(solo, each);
            solo.sent();
          }
          const reason = solo.out.haltReason ?? MEANT[0];
          expect(MEANT.some((meant) => reason?.includes(meant))).toBe(true);
          if (reason === MEANT[0] || reason?.includes('later life')) {
            const again = new Solo({ ...optionsOf(0), storage: solo.storage, incarnation: 9 });
            expect(again.out.haltReason).toBeUndefined();
          }
        }),
        { numRuns: 250 },
      );
    },
  );
});

function take(solo: Solo, each: Step): void {
  if (each.kind === 'say') solo.message(each.peer, each.message);
  else if (each.kind === 'meet') solo.step({ kind: 'connected', peer: each.peer });
  else if (each.kind === 'part') solo.step({ kind: 'disconnected', peer: each.peer });
  else if (each.kind === 'ask') solo.ask(ASKED[each.n] as (typeof ASKED)[number]);
  else if (each.kind === 'shut-down') solo.step({ kind: 'shut-down' });
  else {
    solo.now.monoMs += each.ms;
    solo.now.wallMs += each.ms;
    solo.step({ kind: 'tick' });
  }
}

function optionsOf(bootGraceMs: number) {
  return {
    regions: REGIONS,
    namespaces: { ns: {}, fi: { consistency: 'fifo' } },
    settings: { tailBytes: 300, windowBytes: 500, frameBytes: 200, cacheBytes: 1000, bootGraceMs },
  };
}

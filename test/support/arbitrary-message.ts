// Arbitrary peer messages: every kind, with vectors, runs of entries and records that the model
// allows.

import * as fc from 'fast-check';
import { type Draft, encodeMutation, recordOfHead } from '../../src/model/encoding.ts';
import { LAG_RULES, LAG_STATES } from '../../src/model/lag.ts';
import { type Region, replicaOf } from '../../src/model/id.ts';
import { FORMER_MAX, type Membership, type Vote } from '../../src/model/membership.ts';
import { type Message, type StoredKey, SURVEY_KEYS_MAX } from '../../src/model/message.ts';
import { LEVELS } from '../../src/model/level.ts';
import { TIMEOUT_MS_MAX } from '../../src/model/policy.ts';
import { latestOf, type Mutation, type Record, recordOf } from '../../src/model/record.ts';
import type { VectorEntries } from '../../src/model/vector.ts';
import { anyDraft, anyKey, anyNamespace, anyOrigin, anySeq } from './arbitrary.ts';
import { setOfBits } from './build.ts';

const anySession = fc.option(
  fc.array(fc.tuple(anyOrigin, anySeq), { maxLength: 4 }).map((entries) => new Map(entries)),
  { nil: undefined },
);
const anyVector: fc.Arbitrary<VectorEntries> = fc.array(fc.tuple(anyOrigin, anySeq), {
  maxLength: 8,
});
const anyRecord = anyDraft.map((draft) => recordOf(encodeMutation(draft, 0)));
const anyPosition = fc
  .tuple(anyNamespace, anyKey)
  .map(([namespace, key]) => `${namespace}\0${key}`);
const anyId = fc.maxSafeNat();
const anyU32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });
const anyMs = fc.double({ min: 0, max: 1e15, noNaN: true }).map((ms) => ms + 0);

const anyCount = fc.integer({ min: 0, max: 2 ** 50 });
const anyHealth = fc.record({
  namespace: anyNamespace,
  state: fc.constantFrom(...LAG_STATES),
  rule: fc.constantFrom(undefined, ...LAG_RULES),
  forMs: anyCount,
  answers: fc.boolean(),
  missingMs: fc.option(anyCount, { nil: undefined }),
  missingEntries: fc.option(anyCount, { nil: undefined }),
});
/** A key, or none. */
const anyBound = fc.oneof(anyKey, fc.constant(''));
const anyAge = fc.oneof(anyCount, fc.constant('unknown' as const));
const anyDigest = fc.tuple(anyU32, anyU32);
const anyStoredKey: fc.Arbitrary<StoredKey> = fc.oneof(
  fc.record({
    namespace: anyNamespace,
    key: anyKey,
    state: fc.constantFrom('live' as const, 'deleted' as const),
    hlc: anyId,
    origin: anyOrigin,
    seq: anySeq,
  }),
  fc.record({
    namespace: anyNamespace,
    key: anyKey,
    state: fc.constant('damaged' as const),
    hlc: fc.constant(0),
    origin: fc.constant('' as const),
    seq: fc.constant(0),
  }),
);

const anyRun = fc
  .tuple(anyOrigin, fc.nat(1_000_000), fc.array(anyDraft, { maxLength: 5 }))
  .map(([origin, before, drafts]) => ({
    kind: 'entries' as const,
    origin,
    entries: chained(drafts.map((draft, at) => ({ ...draft, origin, seq: before + at + 1 }))),
  }));

function chained(drafts: readonly Draft[]): Mutation[] {
  let chain = 0;
  return drafts.map((draft) => {
    const mutation = encodeMutation(draft, chain);
    chain = mutation.chain;
    return mutation;
  });
}

const anyEpoch = fc.integer({ min: 1, max: 1_000_000 });
const anyReplicaId = anyOrigin.map(replicaOf);
const anyAddress = fc.stringMatching(/^[a-z0-9.:/]{0,40}$/);
const anyBallot = fc.record({ round: fc.nat(), by: anyOrigin });

export const anyMembership: fc.Arbitrary<Membership> = fc.record({
  epoch: anyEpoch,
  seats: fc
    .uniqueArray(
      fc.record({
        id: anyReplicaId,
        region: anyReplicaId.map((id) => id as string as Region),
        peerAddress: anyAddress,
        httpUrl: fc.option(fc.constantFrom('http://127.0.0.1:7070', 'https://eu.example.org'), {
          nil: undefined,
        }),
        since: anyEpoch,
      }),
      { minLength: 1, maxLength: 31, selector: ({ id }) => id },
    )
    .map((seats) => seats.sort((a, b) => (a.id < b.id ? -1 : 1))),
  former: fc.array(fc.record({ id: anyReplicaId, since: anyEpoch, peerAddress: anyAddress }), {
    maxLength: FORMER_MAX,
  }),
});
const anyProposal = fc.record({ ballot: anyBallot, value: anyMembership });

export const anyVote: fc.Arbitrary<Vote> = fc.record({
  promised: fc.option(anyBallot, { nil: undefined }),
  accepted: fc.option(anyProposal, { nil: undefined }),
});

const anyNamed = fc.record({
  namespace: anyNamespace,
  key: anyKey.map((each) => each.slice(0, 255)),
  origin: anyOrigin,
  seq: anySeq.filter((seq) => seq > 0),
  hlc: anyId,
  digest: anyU32,
  created: fc.boolean(),
});
const anyLosses = fc.array(
  fc.record({
    origin: anyOrigin,
    seq: anySeq,
    by: fc.record({ hlc: anyId, origin: anyOrigin, seq: anySeq }),
    isLive: fc.boolean(),
  }),
  { minLength: 1, maxLength: 5 },
);
/** One arbitrary for each kind; a missing kind is a type error. */
export const messageArbitraries: {
  readonly [Kind in Message['kind']]: fc.Arbitrary<Extract<Message, { readonly kind: Kind }>>;
} = {
  hello: fc
    .record(
      {
        kind: fc.constant('hello'),
        origin: anyOrigin,
        vector: anyVector,
        hlc: anyId,
        policyDigest: anyU32,
        windowBytes: anyId,
        url: fc.constantFrom('', 'http://127.0.0.1:7070', 'https://eu.example.org'),
        membership: anyMembership,
        vote: fc.option(anyVote, { nil: undefined }),
        remembers: anyVector,
        superseded: anyLosses,
      },
      {
        requiredKeys: [
          'kind',
          'origin',
          'vector',
          'hlc',
          'policyDigest',
          'windowBytes',
          'url',
          'membership',
          'vote',
        ],
      },
    )
    .map((hello) =>
      hello.superseded !== undefined && hello.remembers === undefined
        ? { ...hello, remembers: [] }
        : hello,
    ),
  entries: anyRun,
  ack: fc.record(
    { kind: fc.constant('ack'), vector: anyVector, windowBytes: anyId, superseded: anyLosses },
    { requiredKeys: ['kind', 'vector', 'windowBytes'] },
  ),
  pull: fc.record({
    kind: fc.constant('pull'),
    origin: anyOrigin,
    from: anySeq,
    bytesMax: anyId,
  }),
  behind: fc.record({ kind: fc.constant('behind'), origin: anyOrigin, floor: anySeq }),
  'snapshot-request': fc.record({
    kind: fc.constant('snapshot-request'),
    id: anyId,
    after: anyPosition,
    bytesMax: anyId,
    parts: anyId,
  }),
  'snapshot-credit': fc.record({ kind: fc.constant('snapshot-credit'), id: anyId, parts: anyId }),
  'snapshot-chunk': fc.record({
    kind: fc.constant('snapshot-chunk'),
    id: anyId,
    covers: fc.array(fc.record({ origin: anyOrigin, seq: anySeq, chain: anyId, hlc: anyId }), {
      maxLength: 4,
    }),
    records: fc.array(anyRecord, { maxLength: 4 }),
    named: fc.array(anyNamed, { maxLength: 4 }),
    after: anyPosition,
    last: anyPosition,
    more: fc.boolean(),
  }),
  'read-request': fc.record({
    kind: fc.constant('read-request'),
    id: anyId,
    namespace: anyNamespace,
    key: anyKey,
    known: fc.option(fc.record({ origin: anyOrigin, seq: anySeq.filter((seq) => seq > 0) }), {
      nil: undefined,
    }),
  }),
  'read-reply': fc.oneof(
    fc.record({
      kind: fc.constant('read-reply' as const),
      id: anyId,
      answer: fc.constant('record' as const),
      record: anyRecord,
    }),
    fc.record({
      kind: fc.constant('read-reply' as const),
      id: anyId,
      answer: fc.constantFrom('absent' as const, 'damaged' as const, 'same' as const),
      record: fc.constant(undefined),
    }),
  ),
  repair: fc.record({ kind: fc.constant('repair'), record: anyRecord }),
  heartbeat: fc.record({
    kind: fc.constant('heartbeat'),
    hlc: anyId,
    vector: anyVector,
    ping: anyMs,
    echo: anyMs,
    echoDelayMs: anyMs,
    heads: anyVector,
    wallMs: anyMs,
    commitAgeMs: anyMs,
    health: fc.array(anyHealth, { maxLength: 4 }),
  }),
  'tree-cut-request': fc.record({ kind: fc.constant('tree-cut-request'), id: anyId }),
  'tree-cut': fc.record({
    kind: fc.constant('tree-cut'),
    id: anyId,
    answer: fc.constantFrom('known' as const, 'unknown' as const),
    vector: anyVector,
  }),
  'forward-request': fc.record({
    kind: fc.constant('forward-request'),
    id: anyId,
    timeoutMs: fc.integer({ min: 1, max: TIMEOUT_MS_MAX }),
    level: fc.constantFrom(...LEVELS),
    question: fc.oneof(
      fc.record({
        kind: fc.constant('read' as const),
        namespace: anyNamespace,
        key: anyKey,
        r: fc.constantFrom(undefined, 1, 31, 'majority' as const, 'all' as const, 'each' as const),
        session: anySession,
      }),
      fc.record({
        kind: fc.constant('list' as const),
        namespace: anyNamespace,
        prefix: anyBound,
        start: anyBound,
        end: anyBound,
        after: anyBound,
        reverse: fc.boolean(),
        limit: fc.integer({ min: 1, max: 1000 }),
        delimiter: fc.constantFrom('', '/', '::'),
        values: fc.boolean(),
        r: fc.constantFrom(undefined, 2, 'majority' as const, 'each' as const),
        bytesMax: fc.option(anyCount, { nil: undefined }),
        session: anySession,
      }),
    ),
  }),
  'survey-request': fc.record({
    kind: fc.constant('survey-request'),
    id: anyId,
    namespace: anyNamespace,
    from: anyBound,
    to: anyBound,
    reverse: fc.boolean(),
    limit: fc.integer({ min: 1, max: SURVEY_KEYS_MAX }),
  }),
  'survey-reply': fc.record({
    kind: fc.constant('survey-reply'),
    id: anyId,
    answer: fc.constantFrom('known' as const, 'unknown' as const),
    keys: fc.array(
      fc.record({
        key: anyKey,
        isDeleted: fc.boolean(),
        hlc: anyId,
        origin: anyOrigin,
        seq: anySeq,
      }),
      { maxLength: 8 },
    ),
    more: fc.boolean(),
  }),
  claim: fc.record({
    kind: fc.constant('claim'),
    id: anyId,
    step: fc.constantFrom('ask', 'release'),
    namespace: anyNamespace,
    key: fc.string({ maxLength: 60, unit: 'binary-ascii' }),
  }),
  'claim-reply': fc.oneof(
    fc.record({
      kind: fc.constant('claim-reply' as const),
      id: anyId,
      answer: fc.constantFrom(
        'lent' as const,
        'taken' as const,
        'unknown' as const,
        'full' as const,
      ),
      named: fc.constant(undefined),
    }),
    fc.record({
      kind: fc.constant('claim-reply' as const),
      id: anyId,
      answer: fc.constant('lent' as const),
      named: fc.constant(undefined),
      former: fc.integer({ min: 1, max: 0x7fff_ffff }).map(setOfBits),
    }),
    fc.record({
      kind: fc.constant('claim-reply' as const),
      id: anyId,
      answer: fc.constant('known' as const),
      named: anyNamed,
    }),
  ),
  'forward-reply': fc.record({
    kind: fc.constant('forward-reply'),
    id: anyId,
    answer: fc.oneof(
      fc.record({
        kind: fc.constant('found' as const),
        record: anyRecord,
        stalenessMs: anyAge,
        answers: fc.nat(31),
      }),
      fc.record({
        kind: fc.constant('absent' as const),
        removal: fc.option(fc.record({ origin: anyOrigin, seq: anySeq }), { nil: undefined }),
        stalenessMs: anyAge,
        answers: fc.nat(31),
      }),
      fc.record({
        kind: fc.constant('listed' as const),
        items: fc.oneof(
          fc.array(anyRecord, { maxLength: 4 }),
          fc.array(anyRecord.map(bare), { maxLength: 4 }),
        ),
        prefixes: fc.array(anyKey, { maxLength: 4 }),
        shown: anyVector,
        after: anyBound,
        stalenessMs: anyAge,
      }),
      fc.record({
        kind: fc.constant('refused' as const),
        code: fc.constantFrom('replica-stale' as const, 'no-quorum' as const, 'timeout' as const),
      }),
    ),
  }),
  'tree-request': fc.record({
    kind: fc.constant('tree-request'),
    id: anyId,
    cutId: anyId,
    vector: anyVector,
    root: anyDigest,
    level: fc.constantFrom('root' as const, 'inner' as const, 'leaves' as const),
    nodes: fc.array(fc.nat(127), { maxLength: 20 }),
    skip: fc.nat(16_384),
  }),
  'tree-reply': fc.record({
    kind: fc.constant('tree-reply'),
    id: anyId,
    answer: fc.constantFrom('known' as const, 'waiting' as const, 'unknown' as const),
    digests: fc.array(anyDigest, { maxLength: 20 }).map((digests) => digests.flat()),
  }),
  'tree-keys-request': fc.record({
    kind: fc.constant('tree-keys-request'),
    id: anyId,
    leaves: fc.array(fc.nat(16_383), { maxLength: 20 }),
    after: fc.oneof(anyPosition, fc.constant('')),
    upTo: fc.oneof(anyPosition, fc.constant('')),
  }),
  'tree-keys': fc.record({
    kind: fc.constant('tree-keys'),
    id: anyId,
    answer: fc.constantFrom('known' as const, 'unknown' as const),
    keys: fc.array(anyStoredKey, { maxLength: 8 }),
    last: fc.oneof(anyPosition, fc.constant('')),
    more: fc.boolean(),
  }),
  'tree-records-request': fc.record({
    kind: fc.constant('tree-records-request'),
    id: anyId,
    keys: fc.array(fc.record({ namespace: anyNamespace, key: anyKey }), { maxLength: 8 }),
  }),
  'tree-records': fc.record({
    kind: fc.constant('tree-records'),
    id: anyId,
    taken: fc.nat(100),
    records: fc.array(anyRecord, { maxLength: 4 }),
  }),
  synod: fc.record({
    kind: fc.constant('synod'),
    step: fc.constantFrom('prepare', 'promise', 'accept', 'accepted', 'refused', 'chosen'),
    epoch: anyEpoch,
    ballot: anyBallot,
    proposal: fc.option(anyProposal, { nil: undefined }),
  }),
};

export const anyMessage: fc.Arbitrary<Message> = fc.oneof(...Object.values(messageArbitraries));

/** A record as a list of keys shows it. */
function bare(record: Record): Record {
  const latest = latestOf(record);
  const { origin, seq, hlc, namespace, key } = latest;
  const { contentType, size, expiresAtMs, weight, tags } = latest;
  const shown = { origin, seq, hlc, namespace, key, contentType, size, expiresAtMs, weight, tags };
  const unshown = { lane: 0, group: '', created: false, dependencies: [], idempotency: undefined };
  return recordOfHead({ ...shown, ...unshown, operation: 'put' });
}

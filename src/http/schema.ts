// The JSON that clients see, each shape once: for OpenAPI, for checking what comes in, and as the types of what goes
// out. An object takes no member that is not named here. What is not known is `null` or `"unknown"`, never zero.

import { type Static, Type } from 'typebox';
import { HEALTH_RULES, HEALTH_STATES, type HealthRule, type HealthState } from '../model/health.ts';

const closed = { additionalProperties: false };
const words = <T extends string>(known: readonly T[], description: string) =>
  Type.Unsafe<T>({ type: 'string', enum: [...known], description });
const version = Type.String({ description: 'The dot of the write: replica.incarnation.sequence' });
const staleness = Type.Union([Type.Integer(), Type.Literal('unknown')], {
  description: 'ms; an upper bound that is proved, or unknown',
});
const vector = Type.Record(Type.String(), Type.Integer(), {
  description: 'Sequence number by origin',
});
const keyText = Type.String({ description: 'The key, where it is UTF-8' });
const keyBase64 = Type.String({ description: 'The key, where it is not UTF-8' });

const CheckSchema = Type.Object(
  { name: Type.String(), ok: Type.Boolean(), detail: Type.String() },
  closed,
);

const newerVersion = Type.String({
  description: 'A newer version that a replica shows in the place of the write',
});

export const ProblemSchema = Type.Object(
  {
    type: Type.String({ description: 'Ends in the code of the problem' }),
    title: Type.String(),
    status: Type.Integer(),
    detail: Type.String(),
    instance: Type.String({ description: 'The id of the request' }),
    retryable: Type.Boolean(),
    indeterminate: Type.Boolean({ description: 'It may have happened' }),
    node: Type.String(),
    region: Type.String(),
    required: Type.Optional(Type.Integer({ description: 'Copies or answers asked for' })),
    acks: Type.Optional(Type.Integer({ description: 'Copies or answers there were' })),
    dot: Type.Optional(version),
    supersededBy: Type.Optional(newerVersion),
    item: Type.Optional(
      Type.Integer({ description: 'Of an atomic batch: the operation concerned, counted from 0' }),
    ),
    state: Type.Optional(
      words<HealthState>(HEALTH_STATES, 'Of the namespace here, where it is not answered for'),
    ),
    alternates: Type.Optional(
      Type.Array(
        Type.Object({ id: Type.String(), url: Type.Union([Type.String(), Type.Null()]) }, closed),
        { description: 'Replicas that may be able to answer, the nearest first' },
      ),
    ),
    checks: Type.Optional(Type.Array(CheckSchema)),
  },
  { ...closed, description: 'RFC 9457' },
);

const RecordSchema = Type.Object(
  {
    key: Type.Optional(keyText),
    keyBase64: Type.Optional(keyBase64),
    version,
    contentType: Type.String(),
    size: Type.Integer({ description: 'Bytes of the value' }),
    modified: Type.String({ description: 'RFC 3339' }),
    expires: Type.Optional(Type.String({ description: 'RFC 3339' })),
    tags: Type.Optional(Type.Array(Type.String())),
    weight: Type.Optional(Type.Number()),
    value: Type.Optional(Type.String({ description: 'The value, where its bytes are text' })),
    valueBase64: Type.Optional(Type.String({ description: 'The value, where it is not text' })),
  },
  closed,
);

export const EnvelopeSchema = Type.Object(
  { ...RecordSchema.properties, stalenessMs: staleness },
  closed,
);

export const ListSchema = Type.Object(
  {
    items: Type.Array(RecordSchema),
    prefixes: Type.Array(Type.String(), { description: 'Folded at the delimiter' }),
    prefixesBase64: Type.Optional(
      Type.Array(Type.String(), { description: 'Those that are not UTF-8' }),
    ),
    cursor: Type.Union([Type.String(), Type.Null()], { description: 'null at the end' }),
    asOf: Type.Object(
      {
        replica: Type.String(),
        time: Type.String({ description: 'RFC 3339' }),
        stalenessMs: staleness,
      },
      closed,
    ),
  },
  closed,
);

const BatchItemSchema = Type.Object(
  {
    op: Type.Union([Type.Literal('put'), Type.Literal('get'), Type.Literal('delete')]),
    key: Type.Optional(Type.String()),
    keyBase64: Type.Optional(Type.String()),
    value: Type.Optional(Type.String({ description: 'Stored as UTF-8' })),
    valueBase64: Type.Optional(Type.String()),
    contentType: Type.Optional(Type.String()),
    ttl: Type.Optional(Type.String({ description: 'As in 10s' })),
    ifMatch: Type.Optional(Type.String({ description: 'As the header' })),
    ifNoneMatch: Type.Optional(Type.String({ description: 'As the header' })),
    tags: Type.Optional(Type.Array(Type.String())),
    weight: Type.Optional(Type.Number()),
  },
  closed,
);

export const BatchSchema = Type.Object(
  {
    ops: Type.Array(BatchItemSchema),
    atomic: Type.Optional(
      Type.Boolean({
        description:
          'Puts and deletes that happen together or not at all, everywhere; conditions are checked before the first of them',
      }),
    ),
  },
  closed,
);

const BatchResultSchema = Type.Object(
  {
    status: Type.Integer({ description: 'What the operation alone would be answered' }),
    acks: Type.Optional(Type.Integer({ description: 'Durable copies known' })),
    replicas: Type.Optional(Type.Integer()),
    version: Type.Optional(version),
    supersededBy: Type.Optional(newerVersion),
    record: Type.Optional(RecordSchema),
    stalenessMs: Type.Optional(staleness),
    servedBy: Type.Optional(
      Type.String({ description: 'The replica that answered in the place of this one' }),
    ),
    problem: Type.Optional(ProblemSchema),
  },
  closed,
);

export const BatchResultsSchema = Type.Object({ results: Type.Array(BatchResultSchema) }, closed);

export const RangeDeletedSchema = Type.Object(
  {
    deleted: Type.Integer({ description: 'Keys of which the version that was seen is deleted' }),
    cursor: Type.Union([Type.String(), Type.Null()], {
      description: 'Where the next page begins; null at the end',
    }),
  },
  closed,
);

export const WriteStatusSchema = Type.Object(
  {
    dot: version,
    reached: Type.Array(Type.String(), {
      description: 'Rungs of the ladder: logged, quorum, region:…, all',
    }),
    holders: Type.Array(Type.String(), { description: 'Replicas known to hold it durably' }),
    replicas: Type.Integer(),
  },
  closed,
);

const MissingSchema = Type.Array(
  Type.Object({ origin: Type.String(), entries: Type.Integer() }, closed),
  { description: 'What it lacks of what is known here' },
);

export const ExplainSchema = Type.Object(
  {
    namespace: Type.String(),
    key: Type.Optional(keyText),
    keyBase64: Type.Optional(keyBase64),
    replicas: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          region: Type.String(),
          answer: Type.Union([
            Type.Literal('record'),
            Type.Literal('absent'),
            Type.Literal('damaged'),
            Type.Literal('no-answer'),
          ]),
          version: Type.Optional(version),
          newest: Type.Optional(Type.Boolean({ description: 'No replica has a newer version' })),
          deleted: Type.Optional(Type.Boolean()),
          size: Type.Optional(Type.Integer()),
          modified: Type.Optional(Type.String()),
          ageMs: Type.Optional(Type.Number({ description: 'By the clock of this replica' })),
          expires: Type.Optional(Type.String()),
          missing: MissingSchema,
        },
        closed,
      ),
    ),
    tombstone: Type.Optional(
      Type.Object(
        {
          version,
          blockedBy: Type.Array(Type.String(), {
            description:
              'Replicas that have not acknowledged the delete, or else cannot be reached; empty while it is about to go',
          }),
        },
        { ...closed, description: 'The newest version is a delete that is still remembered' },
      ),
    ),
  },
  closed,
);

const NamespaceHealthSchema = Type.Object(
  {
    namespace: Type.String(),
    state: words<HealthState>(HEALTH_STATES, 'How fit it is to answer reads'),
    rule: Type.Union([words<HealthRule>(HEALTH_RULES, ''), Type.Null()], {
      description:
        'The limit that was passed: pauseLagMs, staleAfter.timeMs, staleAfter.entries; disk: one of time, for a commit that hangs',
    }),
    forMs: Type.Number({ description: 'How long it has been in this state' }),
    answers: Type.Boolean({ description: 'Reads are answered' }),
    byMinServing: Type.Boolean({ description: 'Answered only because too few others would' }),
    missingMs: Type.Union([Type.Number(), Type.Null()], {
      description: 'By how much its lag must shrink before it returns; null: not known',
    }),
    missingEntries: Type.Union([Type.Integer(), Type.Null()], {
      description: 'Log entries that it is known to lack; null: not known',
    }),
  },
  closed,
);

const CopySchema = Type.Object(
  {
    parts: Type.Integer({ description: 'Taken over since the process began' }),
    records: Type.Integer({ description: 'In those parts' }),
    share: Type.Number({ description: 'Of the space of keys, 0 to 1' }),
  },
  { ...closed, description: 'The snapshot that it copies' },
);

const ClockSchema = Type.Object(
  {
    state: Type.String({
      description:
        'agreed, held, alone: writes are stamped; measuring, drifted, disputed: they are refused',
    }),
    aheadMs: Type.Integer({
      description: 'By how much its clock is ahead of what a majority agrees upon',
    }),
  },
  closed,
);

export const ReplicaSchema = Type.Object(
  {
    id: Type.String(),
    region: Type.String(),
    self: Type.Boolean(),
    url: Type.Union([Type.String(), Type.Null()], { description: 'Of its HTTP API' }),
    state: Type.String({
      description: 'starting, catching-up, serving, draining, failed; a peer: connected or down',
    }),
    stalenessMs: staleness,
    rttMs: Type.Union([Type.Number(), Type.Null()]),
    entriesItLacks: Type.Union([Type.Integer(), Type.Null()]),
    entriesWeLack: Type.Union([Type.Integer(), Type.Null()]),
    vector,
    antiEntropy: Type.Optional(
      Type.Object(
        {
          result: Type.Union(
            [Type.Literal('equal'), Type.Literal('different'), Type.Literal('unknown')],
            { description: 'Of the last comparison of hash trees with this peer' },
          ),
          lastSuccess: Type.Union([Type.String(), Type.Null()], {
            description: 'When they were last equal, by the clock of the answering one',
          }),
        },
        closed,
      ),
    ),
    treeRoot: Type.Optional(
      Type.String({
        description: 'Root of the hash tree of live records, equal where they are; or unknown',
      }),
    ),
    divergentKeys: Type.Optional(
      Type.Union([Type.Integer(), Type.Null()], {
        description: 'Keys whose difference from a peer the last comparisons confirmed',
      }),
    ),
    origin: Type.Optional(Type.String({ description: 'The current life of the answering one' })),
    stableCut: Type.Optional(vector),
    namespaces: Type.Union([Type.Array(NamespaceHealthSchema), Type.Null()], {
      description:
        'Namespaces whose lag a policy bounds; of a peer those that it told not to serve simply; null: not known',
    }),
    entriesMissing: Type.Union([Type.Integer(), Type.Null()], {
      description:
        'Of the answering one: log entries that its peers are known to hold and it lacks',
    }),
    commitAgeMs: Type.Union([Type.Number(), Type.Null()], {
      description: 'How long its commit under way has taken',
    }),
    clock: Type.Optional(ClockSchema),
    diskLow: Type.Optional(
      Type.Boolean({
        description:
          'Of the answering one: its disk is almost full, and it refuses writes but deletes',
      }),
    ),
    copy: Type.Optional(CopySchema),
  },
  closed,
);

export const ClusterSchema = Type.Object(
  {
    node: Type.String({ description: 'Who answers: all of this is its view' }),
    epoch: Type.Integer({ description: 'Numbers the memberships: who the members are' }),
    regions: Type.Array(Type.String()),
    replicas: Type.Array(ReplicaSchema),
    forgotten: Type.Array(Type.String(), { description: 'The last that were members' }),
  },
  closed,
);

export const PlaceSchema = Type.Object(
  {
    id: Type.String(),
    region: Type.String(),
    peer: Type.String({ description: 'host:port of its peer channel' }),
    http: Type.Optional(Type.String({ description: 'Base URL of its HTTP API' })),
  },
  closed,
);

const MembershipSchema = Type.Object(
  {
    epoch: Type.Integer(),
    members: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          region: Type.String(),
          peer: Type.String(),
          http: Type.Union([Type.String(), Type.Null()]),
          since: Type.Integer({ description: 'The epoch in which it became a member' }),
        },
        closed,
      ),
    ),
  },
  closed,
);

const JobProgressSchema = Type.Object(
  {
    step: Type.Optional(words(['waiting', 'preparing', 'accepting'], 'Of a change of the members')),
    agreed: Type.Optional(Type.Array(Type.String(), { description: 'Replicas, in this step' })),
    members: Type.Optional(Type.Integer({ description: 'Of whom a majority has to agree' })),
    requests: Type.Optional(Type.Integer({ description: 'Of a drain: not answered yet' })),
    graceMs: Type.Optional(Type.Integer({ description: 'Of a drain: clients are still answered' })),
    entriesMissing: Type.Optional(Type.Union([Type.Integer(), Type.Null()])),
    copy: Type.Optional(
      Type.Object(
        { parts: Type.Integer(), records: Type.Integer(), share: Type.Number() },
        { ...closed, description: 'Of a snapshot that is copied' },
      ),
    ),
    waiting: Type.Optional(
      Type.Array(Type.String(), { description: 'Namespaces that are not answered' }),
    ),
    equalTo: Type.Optional(
      Type.Array(Type.String(), { description: 'Peers seen to hold the same since it began' }),
    ),
  },
  closed,
);

export const JobSchema = Type.Object(
  {
    id: Type.String(),
    kind: words(['join', 'forget', 'drain', 'resume', 'resync'], 'What is done'),
    target: Type.String({ description: 'The replica that it is about' }),
    node: Type.String({ description: 'The replica that was asked, and knows of it until it ends' }),
    state: words(['running', 'done', 'failed'], 'How it stands'),
    since: Type.String({ description: 'RFC 3339' }),
    ended: Type.Union([Type.String(), Type.Null()]),
    progress: Type.Optional(JobProgressSchema),
    membership: Type.Optional(MembershipSchema),
    problem: Type.Optional(ProblemSchema),
  },
  closed,
);

const quorum = Type.Union([Type.Integer(), Type.String()], {
  description: 'A number, majority, all, local or each',
});

export const RouteSchema = Type.Object(
  {
    node: Type.String({ description: 'Who answers: round trips are from there' }),
    endpoints: Type.Array(
      Type.Object(
        {
          id: Type.String(),
          region: Type.String(),
          url: Type.Union([Type.String(), Type.Null()], { description: 'Of its HTTP API' }),
          state: Type.String({
            description:
              'Of the namespace there, where its lag is bounded; else of the replica; a peer: connected or down',
          }),
          answers: Type.Boolean({ description: 'Reads are answered' }),
          rttMs: Type.Union([Type.Number(), Type.Null()]),
          stalenessMs: staleness,
          entriesBehind: Type.Union([Type.Integer(), Type.Null()]),
        },
        closed,
      ),
    ),
  },
  closed,
);

export const NamespaceSchema = Type.Object(
  {
    name: Type.String(),
    consistency: Type.String(),
    conflict: Type.String(),
    w: quorum,
    r: quorum,
    timeoutMs: Type.Integer(),
    overlap: Type.Boolean({ description: 'Reads meet every completed write' }),
    staleAfter: Type.Union([
      Type.Object(
        { timeMs: Type.Optional(Type.Integer()), entries: Type.Optional(Type.Integer()) },
        { ...closed, description: 'Further behind, a replica does not answer reads' },
      ),
      Type.Null(),
    ]),
    onIsolated: Type.Union([Type.Literal('refuse'), Type.Literal('accept')], {
      description:
        'Of writes at a replica that hears no majority: refused with no-quorum, or taken',
    }),
    pauseLagMs: Type.Union([Type.Integer(), Type.Null()], {
      description: 'Reads pause where writes take so much longer than usual to arrive',
    }),
    minServing: Type.Integer({ description: 'Replicas that do not pause' }),
  },
  closed,
);

export const NamespacesSchema = Type.Object({ namespaces: Type.Array(NamespaceSchema) }, closed);

export const RootSchema = Type.Object(
  {
    name: Type.Literal('conit'),
    version: Type.String(),
    docs: Type.String({ description: 'Path of the page that describes the API' }),
    openapi: Type.String({ description: 'Path of the specification' }),
  },
  closed,
);

export const ReadySchema = Type.Object(
  { status: Type.Literal('ready'), checks: Type.Optional(Type.Array(CheckSchema)) },
  closed,
);

/** Those that OpenAPI gives a name of their own. */
export const SCHEMAS = {
  About: RootSchema,
  Batch: BatchSchema,
  BatchItem: BatchItemSchema,
  BatchResult: BatchResultSchema,
  BatchResults: BatchResultsSchema,
  Check: CheckSchema,
  Cluster: ClusterSchema,
  Envelope: EnvelopeSchema,
  Explain: ExplainSchema,
  Job: JobSchema,
  JobProgress: JobProgressSchema,
  List: ListSchema,
  Membership: MembershipSchema,
  Namespace: NamespaceSchema,
  NamespaceHealth: NamespaceHealthSchema,
  Namespaces: NamespacesSchema,
  Place: PlaceSchema,
  Problem: ProblemSchema,
  RangeDeleted: RangeDeletedSchema,
  Ready: ReadySchema,
  Record: RecordSchema,
  Replica: ReplicaSchema,
  Route: RouteSchema,
  WriteStatus: WriteStatusSchema,
} as const;

export type BatchItem = Static<typeof BatchItemSchema>;
export type BatchResult = Static<typeof BatchResultSchema>;
export type ClusterView = Static<typeof ClusterSchema>;
export type EndpointView = Static<typeof RouteSchema>['endpoints'][number];
export type MembershipView = Static<typeof MembershipSchema>;
export type ExplainView = Static<typeof ExplainSchema>;
export type JobView = Static<typeof JobSchema>;
export type ListView = Static<typeof ListSchema>;
export type NamespaceView = Static<typeof NamespaceSchema>;
export type ReadyCheck = Static<typeof CheckSchema>;
export type RecordView = Static<typeof RecordSchema>;
export type ReplicaView = Static<typeof ReplicaSchema>;
export type WriteStatusView = Static<typeof WriteStatusSchema>;

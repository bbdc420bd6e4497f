// The JSON that clients see, each shape once: for OpenAPI, for checking input, and as the types of
// output. An object refuses members that its shape does not name. An unknown value is `null` or
// `"unknown"`, never zero.

import { LAG_RULES, LAG_STATES } from '../model/lag.ts';
import {
  byName,
  either,
  flag,
  list,
  maybe,
  number,
  object,
  only,
  orNull,
  type Shown,
  text,
  whole,
  words,
} from './shape.ts';

const version = text('The dot of the write: replica.incarnation.sequence');
const staleness = either([whole(), only('unknown')], 'ms; a proved upper bound, or unknown');
const vector = byName(whole(), 'Sequence number by origin');
const keyText = text('The key, if it is UTF-8');
const keyBase64 = text('The key, if it is not UTF-8');

const CheckShape = object({ name: text(), ok: flag(), detail: text() });

const newerVersion = text('A newer version that a replica reported for this write');

export const ProblemShape = object(
  {
    type: text('A URI that ends with the code of the problem'),
    title: text(),
    status: whole(),
    detail: text(),
    instance: text('The id of the request'),
    retryable: flag(),
    indeterminate: flag('Whether it may have happened'),
    node: text(),
    region: text(),
    required: maybe(whole('Copies or answers asked for')),
    acks: maybe(whole('Copies or answers received')),
    dot: maybe(version),
    supersededBy: maybe(newerVersion),
    item: maybe(whole('Of an atomic batch: the operation concerned, counted from 0')),
    state: maybe(words(LAG_STATES, 'The state of the namespace here, if its reads are refused')),
    alternates: maybe(
      list(
        object({ id: text(), url: orNull(text()) }),
        'Replicas that may be able to answer, the nearest first',
      ),
    ),
    checks: maybe(list(CheckShape)),
  },
  'RFC 9457',
);

const record = {
  key: maybe(keyText),
  keyBase64: maybe(keyBase64),
  version,
  contentType: text(),
  size: whole('Bytes of the value'),
  modified: text('RFC 3339'),
  expires: maybe(text('RFC 3339')),
  tags: maybe(list(text())),
  weight: maybe(number()),
  value: maybe(text('The value, if its bytes are text')),
  valueBase64: maybe(text('The value, if it is not text')),
};

const RecordShape = object(record);

export const EnvelopeShape = object({ ...record, stalenessMs: staleness });

export const ListShape = object({
  items: list(RecordShape),
  prefixes: list(text(), 'Grouped at the delimiter'),
  prefixesBase64: maybe(list(text(), 'Prefixes that are not UTF-8')),
  cursor: orNull(text(), 'null at the end'),
  asOf: object({
    replica: text(),
    time: text('RFC 3339'),
    stalenessMs: staleness,
  }),
});

const BatchItemShape = object({
  op: either([only('put'), only('get'), only('delete')]),
  key: maybe(text()),
  keyBase64: maybe(text()),
  value: maybe(text('Stored as UTF-8')),
  valueBase64: maybe(text()),
  contentType: maybe(text()),
  ttl: maybe(text('As in 10s')),
  ifMatch: maybe(text('As the header')),
  ifNoneMatch: maybe(text('As the header')),
  tags: maybe(list(text())),
  weight: maybe(number()),
});

export const BatchShape = object({
  ops: list(BatchItemShape),
  atomic: maybe(
    flag(
      'Puts and deletes that happen together or not at all, everywhere; conditions are checked before the first of them',
    ),
  ),
});

const BatchResultShape = object({
  status: whole('The status of the operation as a single request'),
  acks: maybe(whole('Durable copies known')),
  replicas: maybe(whole()),
  version: maybe(version),
  supersededBy: maybe(newerVersion),
  record: maybe(RecordShape),
  stalenessMs: maybe(staleness),
  servedBy: maybe(text('The replica that answered instead of this one')),
  problem: maybe(ProblemShape),
});

export const BatchResultsShape = object({ results: list(BatchResultShape) });

export const RangeDeletedShape = object({
  deleted: whole('Keys whose listed version is deleted'),
  cursor: orNull(text(), 'Where the next page begins; null at the end'),
});

export const WriteStatusShape = object({
  dot: version,
  reached: list(text(), 'Steps reached: logged, quorum, region:…, all'),
  holders: list(text(), 'Replicas known to hold it durably'),
  replicas: whole(),
});

const MissingShape = list(
  object({ origin: text(), entries: whole() }),
  'What it lacks of the entries known here',
);

export const ExplainShape = object({
  namespace: text(),
  key: maybe(keyText),
  keyBase64: maybe(keyBase64),
  replicas: list(
    object({
      id: text(),
      region: text(),
      answer: either([only('record'), only('absent'), only('damaged'), only('no-answer')]),
      version: maybe(version),
      newest: maybe(flag('No replica has a newer version')),
      deleted: maybe(flag()),
      size: maybe(whole()),
      modified: maybe(text()),
      ageMs: maybe(number('By the clock of this replica')),
      expires: maybe(text()),
      missing: MissingShape,
    }),
  ),
  tombstone: maybe(
    object(
      {
        version,
        blockedBy: list(
          text(),
          'Replicas that have not acknowledged the delete, or cannot be reached; empty when it will soon be dropped',
        ),
      },
      'The newest version is a tombstone',
    ),
  ),
});

const NamespaceHealthShape = object({
  namespace: text(),
  state: words(LAG_STATES, 'Its state for reads'),
  rule: orNull(
    words(LAG_RULES, ''),
    'The exceeded limit: pauseLagMs, staleAfter.timeMs, staleAfter.entries; disk: a limit of time, exceeded by a commit that hangs',
  ),
  forMs: number('How long it has been in this state'),
  answers: flag('Reads are answered'),
  byMinServing: flag('Answered only because too few others do'),
  missingMs: orNull(
    number(),
    'By how much its lag must shrink before it answers reads again; null: unknown',
  ),
  missingEntries: orNull(whole(), 'Log entries that it is known to lack; null: unknown'),
});

const CopyShape = object(
  {
    parts: whole('Parts copied since the process started'),
    records: whole('Records in those parts'),
    share: number('The covered share of the key space, 0 to 1'),
  },
  'The snapshot that it copies',
);

const ClockShape = object({
  state: text(
    'agreed, held, alone: writes are stamped; measuring, drifted, disputed: they are refused',
  ),
  aheadMs: whole('By how much its clock is ahead of the agreed clock of a majority'),
});

export const ReplicaShape = object({
  id: text(),
  region: text(),
  self: flag(),
  url: orNull(text(), 'Of its HTTP API'),
  state: text('starting, catching-up, serving, draining, failed; a peer: connected or down'),
  stalenessMs: staleness,
  rttMs: orNull(number()),
  entriesItLacks: orNull(whole()),
  entriesWeLack: orNull(whole()),
  vector,
  antiEntropy: maybe(
    object({
      result: either(
        [only('equal'), only('different'), only('unknown')],
        'Of the last comparison of hash trees with this peer',
      ),
      lastSuccess: orNull(
        text(),
        'When they were last equal, by the clock of the replica that answers',
      ),
    }),
  ),
  treeRoot: maybe(
    text('Root of the hash tree of live records; equal roots mean equal records; or unknown'),
  ),
  divergentKeys: maybe(
    orNull(whole(), 'Keys whose difference from a peer the last comparisons confirmed'),
  ),
  origin: maybe(text('The current incarnation of the answering replica')),
  stableCut: maybe(vector),
  namespaces: orNull(
    list(NamespaceHealthShape),
    'Namespaces whose lag a policy bounds; for a peer those that it reported as not serving; null: unknown',
  ),
  entriesMissing: orNull(
    whole(),
    'For the answering replica: log entries that its peers are known to hold and it lacks',
  ),
  commitAgeMs: orNull(number(), 'How long its commit in progress has taken'),
  clock: maybe(ClockShape),
  diskLow: maybe(
    flag(
      'For the answering replica: its disk is almost full, and it refuses writes except deletes',
    ),
  ),
  copy: maybe(CopyShape),
});

export const ClusterShape = object({
  node: text('The replica that answers: all of this is its view'),
  epoch: whole('Number of the membership'),
  regions: list(text()),
  replicas: list(ReplicaShape),
  forgotten: list(text(), 'The members that were forgotten last'),
});

export const PlaceShape = object({
  id: text(),
  region: text(),
  peer: text('host:port of its peer channel'),
  http: maybe(text('Base URL of its HTTP API')),
});

const MembershipShape = object({
  epoch: whole(),
  members: list(
    object({
      id: text(),
      region: text(),
      peer: text(),
      http: orNull(text()),
      since: whole('The epoch in which it became a member'),
    }),
  ),
});

const JobProgressShape = object({
  step: maybe(words(['waiting', 'preparing', 'accepting'], 'Of a change of the members')),
  agreed: maybe(list(text(), 'Replicas, in this step')),
  members: maybe(whole('The members, a majority of which has to agree')),
  requests: maybe(whole('For a drain: requests not answered yet')),
  graceMs: maybe(whole('For a drain: clients are still answered')),
  entriesMissing: maybe(orNull(whole())),
  copy: maybe(
    object({ parts: whole(), records: whole(), share: number() }, 'For a snapshot that is copied'),
  ),
  waiting: maybe(list(text(), 'Namespaces whose reads are refused')),
  equalTo: maybe(list(text(), 'Peers seen to hold the same since it began')),
});

export const JobShape = object({
  id: text(),
  kind: words(['join', 'forget', 'drain', 'resume', 'resync'], 'What is done'),
  target: text('The replica that the job changes'),
  node: text('The replica that runs the job and knows it until its process ends'),
  state: words(['running', 'done', 'failed'], 'Its state'),
  since: text('RFC 3339'),
  ended: orNull(text()),
  progress: maybe(JobProgressShape),
  membership: maybe(MembershipShape),
  problem: maybe(ProblemShape),
});

const quorum = either([whole(), text()], 'A number, majority, all, local or each');

export const RouteShape = object({
  node: text('The replica that answers: round trips are measured from there'),
  endpoints: list(
    object({
      id: text(),
      region: text(),
      url: orNull(text(), 'Of its HTTP API'),
      state: text(
        'Of the namespace there, if its lag is bounded; else of the replica; a peer: connected or down',
      ),
      answers: flag('Reads are answered'),
      rttMs: orNull(number()),
      stalenessMs: staleness,
      entriesBehind: orNull(whole()),
    }),
  ),
});

export const NamespaceShape = object({
  name: text(),
  consistency: text(),
  causalScope: orNull(
    either([only('cluster'), only('unit')]),
    'Among which writes causal order holds; null: the level keeps none',
  ),
  conflict: text(),
  w: quorum,
  r: quorum,
  timeoutMs: whole(),
  overlap: flag('Reads see every completed write'),
  staleAfter: orNull(
    object(
      { timeMs: maybe(whole()), entries: maybe(whole()) },
      'Further behind, a replica does not answer reads',
    ),
  ),
  onIsolated: either(
    [only('refuse'), only('accept')],
    'Writes at a replica that hears no majority: refused with no-quorum, or accepted',
  ),
  bounds: object(
    { t: orNull(whole(), 'In ms; null: any staleness') },
    'No answer is staler, unless the request says otherwise',
  ),
  pauseLagMs: orNull(whole(), 'Reads pause if writes take this much longer than usual to arrive'),
  minServing: whole('At least this many replicas keep answering reads'),
  session: list(text(), 'The guarantees of a session whose request does not name any'),
});

export const NamespacesShape = object({ namespaces: list(NamespaceShape) });

export const RootShape = object({
  name: only('conit'),
  version: text(),
  docs: text('Path of the page that describes the API'),
  openapi: text('Path of the specification'),
});

export const ReadyShape = object({ status: only('ready'), checks: maybe(list(CheckShape)) });

/** The shapes that OpenAPI names. */
export const SHAPES = {
  About: RootShape,
  Batch: BatchShape,
  BatchItem: BatchItemShape,
  BatchResult: BatchResultShape,
  BatchResults: BatchResultsShape,
  Check: CheckShape,
  Cluster: ClusterShape,
  Envelope: EnvelopeShape,
  Explain: ExplainShape,
  Job: JobShape,
  JobProgress: JobProgressShape,
  List: ListShape,
  Membership: MembershipShape,
  Namespace: NamespaceShape,
  NamespaceLag: NamespaceHealthShape,
  Namespaces: NamespacesShape,
  Place: PlaceShape,
  Problem: ProblemShape,
  RangeDeleted: RangeDeletedShape,
  Ready: ReadyShape,
  Record: RecordShape,
  Replica: ReplicaShape,
  Route: RouteShape,
  WriteStatus: WriteStatusShape,
} as const;

export type BatchView = Shown<typeof BatchShape>;
export type BatchItem = Shown<typeof BatchItemShape>;
export type BatchResult = Shown<typeof BatchResultShape>;
export type ClusterView = Shown<typeof ClusterShape>;
export type EndpointView = Shown<typeof RouteShape>['endpoints'][number];
export type ExplainView = Shown<typeof ExplainShape>;
export type JobProgress = Shown<typeof JobProgressShape>;
export type JobView = Shown<typeof JobShape>;
export type ListView = Shown<typeof ListShape>;
export type MembershipView = Shown<typeof MembershipShape>;
export type NamespaceHealthView = Shown<typeof NamespaceHealthShape>;
export type NamespaceView = Shown<typeof NamespaceShape>;
export type PlaceView = Shown<typeof PlaceShape>;
export type ProblemView = Shown<typeof ProblemShape>;
export type ReadyCheck = Shown<typeof CheckShape>;
export type RecordView = Shown<typeof RecordShape>;
export type ReplicaView = Shown<typeof ReplicaShape>;
export type RangeDeletedView = Shown<typeof RangeDeletedShape>;
export type VersionView = ExplainView['replicas'][number];
export type WriteStatusView = Shown<typeof WriteStatusShape>;

// Impossible claims of peers. Peers are trusted: the protocol survives crashes, not lies
// (docs/limits.md). But a number that no clock, log or membership can have produced is found by one
// comparison, while believing it can end a replica for good: so it is refused before any part of
// the replica sees it.
//
//   life        an incarnation that begins more than a year from now; the clock numbers
//               incarnations (model/id.ts)
//   stamp       a stamp that no clock shows: beyond the year 2200, or of a stored record more than
//               a day from now
//   deadline    one hundred years after its own stamp; a `ttl` is ten years at most
//   number      a sequence number, ballot, epoch, weight or time that counting cannot reach
//   stranger    a log of a replica that is no member and never was, as far as this replica or two
//               of its peers know
//   lives       more logs of one replica than it can have begun
//   ack         more of this incarnation's log than it has made durable, or any of a later
//               incarnation of this replica
//   identity    a greeting in another replica's name
//
// A message with such a claim is dropped as a whole. If a request waits for it as its answer, it
// becomes the refusal of its kind, so that the request asks another peer at once. A vector loses
// the entries concerned and counts for the rest. Each reason is logged once for each incarnation of
// a peer, and counted.

import { assert, unreachable } from '../base/assert.ts';
import type { Now, Outbox, Turn } from '../model/effect.ts';
import { type Hlc, HLC_MAX, hlcFromMs, hlcToMs } from '../model/hlc.ts';
import {
  type Incarnation,
  incarnationAt,
  incarnationOf,
  type LaneId,
  type Origin,
  type ReplicaId,
  replicaOf,
  type Seq,
} from '../model/id.ts';
import {
  type Ballot,
  EPOCH_MAX,
  type Membership,
  ROUND_MAX,
  type Vote,
} from '../model/membership.ts';
import type { ForwardAnswer, Hello, LaneHead, Message, SnapshotChunk } from '../model/message.ts';
import type { ClaimReason, Metrics } from '../model/metrics.ts';
import { type Mutation, type Record, versionsOf } from '../model/record.ts';
import type { Log } from '../store/log.ts';
import type { Peers } from './peers.ts';
import type { Settings } from '../model/settings.ts';
import type { VectorEntries } from '../model/vector.ts';

const YEAR_MS = 366 * 86_400_000;
/**
 * In seconds, which number the incarnations. Clocks have been wrong by a year; the numbers last for
 * a hundred more.
 */
const LIFE_AHEAD_MAX = YEAR_MS / 1000;
const STAMP_AHEAD_MS_MAX = 86_400_000;
const DEADLINE_MS_MAX = 100 * YEAR_MS;
/** A thousand writes a millisecond for a hundred years stay below it. */
const SEQ_MAX = 2 ** 48;
/** Milliseconds since 1970 beyond which there is no date (ECMA-262, 21.4.1.1). */
const DATE_MS_MAX = 8.64e15;
/** Logs of one replica that are accepted from peers: one for each incarnation in which it wrote. */
const LANES_PER_REPLICA_MAX = 4096;
/** Replicas that were members too long ago to be in the membership. */
const ELDERS_MAX = 64;
/**
 * Logs of unknown replicas that are remembered until a second peer names them; more are ignored.
 */
const RUMOURS_MAX = 1024;

/**
 * Whether an incarnation can have begun by now. If our clock is far behind, our own incarnation
 * gives the time.
 */
function isPossibleLife(life: Incarnation, own: Incarnation, wallMs: number): boolean {
  return life <= Math.max(incarnationAt(wallMs), own) + LIFE_AHEAD_MAX;
}

export interface PeerCheckOptions {
  readonly log: Log;
  readonly metrics: Metrics;
  readonly origin: Origin;
  readonly peers: Peers;
  readonly settings: Settings;
}

/**
 * Stored logs that arrived before this check would have refused them. If more replicas are unknown
 * than any membership had, none of these is believed.
 */
export function incredible(
  origins: readonly LaneId[],
  { seats, former }: Membership,
  own: LaneId,
  { wallMs }: Now,
): ReadonlySet<LaneId> {
  const life = incarnationOf(own);
  const known = new Set([...seats, ...former].map(({ id }) => id));
  const strangers = origins.filter((origin) => !known.has(replicaOf(origin)));
  const names = new Set(strangers.map(replicaOf));
  const parked = new Set(
    origins.filter((origin) => !isPossibleLife(incarnationOf(origin), life, wallMs)),
  );
  if (names.size > ELDERS_MAX || strangers.length > ELDERS_MAX * LANES_PER_REPLICA_MAX)
    for (const origin of strangers) parked.add(origin);
  return parked;
}

/** A peer holds logs of an unknown replica. */
interface Rumour {
  readonly peer: number;
  readonly vector: (readonly [LaneId, Seq])[];
}

export class PeerCheck {
  readonly #options: PeerCheckOptions;
  readonly #self: ReplicaId;
  readonly #incarnation: Incarnation;
  /** Those that are or were members. */
  readonly #known = new Set<ReplicaId>();
  #elders = 0;
  readonly #rumours = new Map<ReplicaId, Rumour>();
  #rumoured = 0;
  readonly #lanes = new Map<ReplicaId, number>();
  readonly #noted = new Set<string>();

  constructor(options: PeerCheckOptions) {
    this.#options = options;
    this.#self = replicaOf(options.origin);
    this.#incarnation = incarnationOf(options.origin);
  }

  /** Storage is read: the replicas that the membership names, and those with logs here. */
  begin({ seats, former }: Membership): void {
    for (const { id } of [...seats, ...former]) this.#known.add(id);
    for (const { id: origin } of this.#options.log.lanes()) {
      const id = replicaOf(origin);
      if (!this.#known.has(id)) this.#befriend(id);
      this.#countLane(id);
    }
  }

  /** The believable part of the message, or its replacement; `undefined`: nothing. */
  admit(
    peer: { readonly index: number; readonly id: ReplicaId },
    message: Message,
    turn: Turn,
  ): Message | undefined {
    const reason = this.#refusalOf(peer.id, message, turn.now);
    if (reason !== undefined) {
      this.#note(peer.id, reason, message.kind, turn);
      return refusalIn(message);
    }
    if (message.kind === 'hello') this.#hearOf(peer.index, message.vector);
    return this.#purged(peer.id, message, turn);
  }

  #refusalOf(id: ReplicaId, message: Message, { wallMs }: Now): ClaimReason | undefined {
    switch (message.kind) {
      case 'hello':
        return this.#ofHello(id, message, wallMs);
      case 'entries':
        return this.#ofLane(message.origin, wallMs, true) ?? worstOf(message.entries, HLC_MAX);
      case 'pull':
        return message.from < 1 || message.from > SEQ_MAX ? 'number' : undefined;
      case 'behind':
        return message.floor > SEQ_MAX ? 'number' : this.#ofLane(message.origin, wallMs, false);
      case 'heartbeat':
        return message.wallMs > DATE_MS_MAX ? 'number' : undefined;
      case 'synod':
        return isBallot(message.ballot) && isBallot(message.proposal?.ballot)
          ? undefined
          : 'number';
      case 'snapshot-chunk':
        return ofChunk(message, latestStamp(wallMs));
      case 'read-reply':
      case 'repair':
        return message.record && worstIn([message.record], latestStamp(wallMs));
      case 'tree-records':
        return worstIn(message.records, latestStamp(wallMs));
      case 'forward-reply':
        return ofAnswer(message.answer, latestStamp(wallMs));
      case 'claim-reply':
        return (message.named?.hlc ?? 0) > latestStamp(wallMs) ? 'stamp' : undefined;
      case 'ack':
      case 'claim':
      case 'read-request':
      case 'forward-request':
      case 'survey-request':
      // A version that it names is shown only if a read of the key finds it.
      case 'survey-reply':
      case 'snapshot-request':
      case 'snapshot-credit':
      case 'tree-cut-request':
      case 'tree-cut':
      case 'tree-request':
      case 'tree-reply':
      case 'tree-keys-request':
      case 'tree-keys':
      case 'tree-records-request':
        return undefined;
      default:
        return unreachable(message);
    }
  }

  #ofHello(id: ReplicaId, hello: Hello, wallMs: number): ClaimReason | undefined {
    if (replicaOf(hello.origin) !== id) return 'identity';
    if (!isPossibleLife(incarnationOf(hello.origin), this.#incarnation, wallMs)) return 'life';
    return hello.membership.epoch <= EPOCH_MAX && isVote(hello.vote) ? undefined : 'number';
  }

  /**
   * The message without the impossible entries of its vectors; the same message if all are
   * possible.
   */
  #purged(id: ReplicaId, message: Message, turn: Turn): Message {
    if (message.kind === 'snapshot-chunk') {
      const covers = message.covers.filter((cover) =>
        this.#isCover(id, cover, turn.now.wallMs, turn),
      );
      return covers.length === message.covers.length ? message : { ...message, covers };
    }
    if (!('vector' in message)) return message;
    const sifted = this.#with(message, this.#sift(id, message, turn.now.wallMs, turn));
    if (sifted.kind === 'hello' && sifted.remembers !== undefined) {
      const told = { kind: sifted.kind, vector: sifted.remembers };
      return { ...sifted, remembers: this.#sift(id, told, turn.now.wallMs, turn) };
    }
    if (sifted.kind !== 'heartbeat') return sifted;
    const heads = sifted.heads.filter(([of]) => replicaOf(of) === id);
    return heads.length === sifted.heads.length ? sifted : { ...sifted, heads };
  }

  #with<T extends Message & { readonly vector: VectorEntries }>(
    message: T,
    vector: VectorEntries,
  ): T {
    return vector === message.vector ? message : { ...message, vector };
  }

  #sift(
    id: ReplicaId,
    { kind, vector }: { readonly kind: Message['kind']; readonly vector: VectorEntries },
    wallMs: number,
    out: Outbox,
  ): VectorEntries {
    // For an incarnation whose number a restored directory used again, the greeting may claim more
    // than is here (stale-disk.ts).
    const isGreeting = kind === 'hello';
    let kept: (readonly [LaneId, Seq])[] | undefined;
    for (let n = 0; n < vector.length; n++) {
      const entry = vector[n] as readonly [LaneId, Seq];
      const reason = this.#ofEntry(entry, isGreeting, wallMs);
      if (reason === undefined) kept?.push(entry);
      else {
        kept ??= vector.slice(0, n);
        this.#note(id, reason, kind, out);
      }
    }
    return kept ?? vector;
  }

  #ofEntry(
    [origin, seq]: readonly [LaneId, Seq],
    isGreeting: boolean,
    wallMs: number,
  ): ClaimReason | undefined {
    if (seq > SEQ_MAX) return 'number';
    const lane = this.#options.log.lane(origin);
    if (origin === this.#options.origin)
      return !isGreeting && seq > (lane?.durable ?? 0) ? 'ack' : undefined;
    return lane === undefined ? this.#ofLane(origin, wallMs, false) : undefined;
  }

  #isCover(id: ReplicaId, { origin, seq }: LaneHead, wallMs: number, out: Outbox): boolean {
    const isLater = replicaOf(origin) === this.#self && incarnationOf(origin) > this.#incarnation;
    const reason = isLater ? 'ack' : this.#ofEntry([origin, seq], false, wallMs);
    if (reason !== undefined) this.#note(id, reason, 'snapshot-chunk', out);
    return reason === undefined;
  }

  /** For a log; one that exists here is not questioned. `begins`: it is to be kept from now on. */
  #ofLane(origin: LaneId, wallMs: number, begins: boolean): ClaimReason | undefined {
    if (this.#options.log.lane(origin) !== undefined) return undefined;
    if (!isPossibleLife(incarnationOf(origin), this.#incarnation, wallMs)) return 'life';
    const id = replicaOf(origin);
    if (!this.#known.has(id)) return 'stranger';
    if ((this.#lanes.get(id) ?? 0) >= LANES_PER_REPLICA_MAX) return 'lives';
    if (begins) this.#countLane(id);
    return undefined;
  }

  #countLane(id: ReplicaId): void {
    this.#lanes.set(id, (this.#lanes.get(id) ?? 0) + 1);
  }

  /**
   * A replica that was a member long ago is in no membership, and its logs are in every vector. Two
   * peers that name it are believed; in a cluster of two, the one other replica is.
   */
  #hearOf(peer: number, vector: VectorEntries): void {
    for (const entry of vector) {
      const id = replicaOf(entry[0]);
      if (this.#known.has(id)) continue;
      const rumour = this.#rumours.get(id);
      if (
        this.#options.settings.members.length <= 2 ||
        (rumour !== undefined && rumour.peer !== peer)
      )
        this.#befriend(id);
      else if (this.#rumoured++ < RUMOURS_MAX) {
        if (rumour === undefined) this.#rumours.set(id, { peer, vector: [entry] });
        else rumour.vector.push(entry);
      }
    }
  }

  #befriend(id: ReplicaId): void {
    const rumour = this.#rumours.get(id);
    assert(!this.#known.has(id), 'peer check: a replica becomes known once');
    this.#rumours.delete(id);
    if (this.#elders >= ELDERS_MAX) return;
    this.#elders++;
    this.#known.add(id);
    if (rumour !== undefined) this.#options.peers.get(rumour.peer)?.learn(rumour.vector);
  }

  #note(peer: ReplicaId, reason: ClaimReason, message: Message['kind'], out: Outbox): void {
    this.#options.metrics.claimsRefused[reason]++;
    const name = `${peer} ${reason}`;
    if (this.#noted.has(name)) return;
    this.#noted.add(name);
    out.note('error', 'claim-refused', { peer, reason, message });
  }
}

/** Replaces an answer: the peer gave none. */
function refusalIn(message: Message): Message | undefined {
  const { kind } = message;
  if (kind === 'read-reply') return { ...message, answer: 'damaged', record: undefined };
  if (kind === 'claim-reply') return { kind, id: message.id, answer: 'unknown', named: undefined };
  if (kind !== 'forward-reply') return undefined;
  return { ...message, answer: { kind: 'refused', code: 'record-corrupt' } };
}

function latestStamp(wallMs: number): Hlc {
  return Math.min(hlcFromMs(wallMs + STAMP_AHEAD_MS_MAX), HLC_MAX);
}

function worstIn(records: readonly Record[], stampMax: Hlc): ClaimReason | undefined {
  return worstOf(records.flatMap(versionsOf), stampMax);
}

function worstOf(mutations: readonly Mutation[], stampMax: Hlc): ClaimReason | undefined {
  for (const mutation of mutations) {
    const reason = reasonOf(mutation, stampMax);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function reasonOf(mutation: Mutation, stampMax: Hlc): ClaimReason | undefined {
  const { hlc, expiresAtMs, seq, weight } = mutation;
  if (hlc > stampMax) return 'stamp';
  if (expiresAtMs > 0 && expiresAtMs - hlcToMs(hlc) > DEADLINE_MS_MAX) return 'deadline';
  return seq <= SEQ_MAX && Number.isFinite(weight) ? undefined : 'number';
}

function ofChunk(
  { covers, records, named }: SnapshotChunk,
  stampMax: Hlc,
): ClaimReason | undefined {
  for (const { hlc } of covers) if (hlc > stampMax) return 'stamp';
  for (const { hlc } of named) if (hlc > stampMax) return 'stamp';
  return worstIn(records, stampMax);
}

function ofAnswer(answer: ForwardAnswer, stampMax: Hlc): ClaimReason | undefined {
  if (answer.kind === 'found') return worstIn([answer.record], stampMax);
  return answer.kind === 'listed' ? worstIn(answer.items, stampMax) : undefined;
}

function isVote(vote: Vote | undefined): boolean {
  return isBallot(vote?.promised) && isBallot(vote?.accepted?.ballot);
}

function isBallot(ballot: Ballot | undefined): boolean {
  return ballot === undefined || ballot.round <= ROUND_MAX;
}

// A client's write in a multi-leader namespace (DESIGN §5): admitted or refused with a definite fault, given the next
// dot, logged and applied in one batch, and answered when the copies that it asked for are durable. Nothing is minted
// before every check has passed, so a refused write never happened.

import { assert } from '../base/assert.ts';
import type { ClockState } from '../model/clock.ts';
import type { Condition, WriteCommand } from '../model/command.ts';
import type { Now, Outbox } from '../model/effect.ts';
import { encodeMutation } from '../model/encoding.ts';
import { type Hlc, hlcToMs } from '../model/hlc.ts';
import { type Dot, formatDot } from '../model/id.ts';
import { majority, type Requirement } from '../model/quorum.ts';
import {
  compareVersions,
  isLive,
  type Mutation,
  type Record,
  type Version,
} from '../model/record.ts';
import { PendingWrite, PendingWrites } from '../quorum/put.ts';
import { Replays } from '../quorum/replay.ts';
import { isReachable } from '../quorum/tally.ts';
import type { KnownWrite } from '../store/idempotency.ts';
import type { Lane } from '../store/lane.ts';
import { LIVE_LANE } from '../store/log.ts';
import type { Cell } from '../store/table.ts';
import { type Context, refuse } from './context.ts';
import type { Namespace } from './namespaces.ts';

const NO_DOTS: readonly Dot[] = [];
const NO_VALUE = new Uint8Array(0);

/** What a write says, whoever it is of. */
type Content = Omit<
  WriteCommand,
  'kind' | 'client' | 'w' | 'timeoutMs' | 'conditions' | 'respondAsync'
>;

const DELETE = {
  operation: 'delete',
  value: NO_VALUE,
  contentType: '',
  ttlMs: 0,
  idempotency: undefined,
  tags: [],
  weight: 0,
} as const;

export class Writes {
  readonly #context: Context;
  readonly #pending: PendingWrites;
  readonly #replays: Replays;

  constructor(context: Context) {
    const { origin, self, settings, metrics } = context;
    this.#context = context;
    this.#pending = new PendingWrites(origin, self.index, settings.members.length, metrics);
    this.#replays = new Replays(settings.members.length, metrics);
  }

  get waiting(): number {
    return this.#pending.waiting + this.#replays.waiting;
  }

  get timerMs(): number {
    return Math.min(this.#pending.deadlineMs, this.#replays.deadlineMs);
  }

  begin(command: WriteCommand, now: Now, out: Outbox): void {
    const namespace = this.#context.namespaces.find(command.namespace);
    if (namespace === undefined) {
      refuse(command.client, out, 'namespace-not-found', 'no policy names this namespace');
      return;
    }
    const requirement =
      command.w === undefined ? namespace.w : this.#context.namespaces.requirement(command.w);
    if (requirement === undefined) {
      const detail = `w exceeds the ${this.#context.settings.members.length} replicas of the namespace`;
      refuse(command.client, out, 'invalid-parameter', detail);
      return;
    }
    if (
      command.idempotency !== undefined &&
      this.#replay(command, namespace, requirement, now, out)
    )
      return;
    if (this.#admits(command, namespace, requirement, now, out))
      this.#write(command, namespace, requirement, now, out);
  }

  /** Room for writes of its own, which nobody waits for. */
  get hasRoom(): boolean {
    return (
      this.#context.room.takes('delete', 0) &&
      this.waiting < this.#context.settings.writesPendingMax
    );
  }

  /**
   * Deletes a version that has expired; false when it has not, or must wait. The delete is stamped just behind the version
   * that it removes: whatever else was written meanwhile, and is not here yet, wins over it.
   */
  expire(expired: Record, now: Now, out: Outbox): boolean {
    const { clock, table, origin, ownLanes } = this.#context;
    const { namespace, key } = expired;
    const seq = (ownLanes.at(-1) as Lane).head + 1;
    const hlc = stampBehind(expired, { origin, seq });
    const cell = table.read(namespace, key);
    if (cell.record !== expired || isLive(expired, now.wallMs) || !this.hasRoom) return false;
    if (this.#mayStamp(now) !== undefined || !clock.witness(hlc, now.wallMs)) return false;
    this.#mint({ ...DELETE, namespace, key }, cell, false, hlc, now, out);
    return true;
  }

  /** Everything up to `seq` of this life's log is durable at `member`. */
  onCursor(member: number, seq: number, now: Now, out: Outbox): void {
    this.#pending.onCursor(member, seq, now.monoMs, out);
  }

  /** What the members hold has changed, or time has passed. */
  onProgress(now: Now, out: Outbox): void {
    this.#replays.decide((dot) => this.#holders(dot), now.monoMs, out);
  }

  onTimer(now: Now, out: Outbox): void {
    this.#pending.expire(now.monoMs, out);
    this.onProgress(now, out);
  }

  failAll(now: Now, out: Outbox): void {
    this.#pending.failAll(now.monoMs, out);
    this.#replays.failAll(out);
  }

  /** Why nothing can be stamped now; nothing where it can. */
  #mayStamp({ wallMs }: Now): Doubt | undefined {
    const { agreed, clock, settings } = this.#context;
    if (!agreed.isTrusted) return doubtOf(agreed.state, agreed.aheadMs);
    const aheadMs = hlcToMs(clock.last) - wallMs;
    // Who is alone by its settings has nobody who could mind.
    if (aheadMs <= settings.clockDriftMaxMs || settings.members.length === 1) return undefined;
    const detail = `${FOLLOWS} ${Math.ceil(aheadMs)} ms; ${NOTHING_WRITTEN}`;
    return { code: 'clock-drift', detail, retryAfterMs: Math.ceil(aheadMs) };
  }

  #admits(
    command: WriteCommand,
    { policy }: Namespace,
    requirement: Requirement,
    now: Now,
    out: Outbox,
  ): boolean {
    const { peers, room, settings } = this.#context;
    const doubt = this.#mayStamp(now);
    if (doubt !== undefined) {
      const { code, detail, retryAfterMs } = doubt;
      refuse(command.client, out, code, detail, { retryAfterMs });
    } else if (!room.takes(command.operation, bytesOf(command))) {
      refuse(command.client, out, 'low-disk', LOW_DISK[command.operation]);
    } else if (this.#isFull(command, out)) {
      return false;
    } else if (!command.respondAsync && !isReachable(requirement, peers.reachable)) {
      refuse(command.client, out, 'no-quorum', 'too few replicas can be reached for this w', {
        required: requirement.count,
        retryAfterMs: 1000,
      });
    } else if (policy.onIsolated === 'refuse' && !peers.hearsMajority(now.monoMs)) {
      refuse(command.client, out, 'no-quorum', ISOLATED, {
        required: majority(settings.members.length),
        retryAfterMs: 1000,
      });
    } else {
      return true;
    }
    return false;
  }

  #isFull({ client }: WriteCommand, out: Outbox): boolean {
    const { writesPendingMax } = this.#context.settings;
    if (this.waiting < writesPendingMax) return false;
    const detail = `${writesPendingMax} writes are waiting already`;
    refuse(client, out, 'overloaded', detail, { retryAfterMs: 1000 });
    return true;
  }

  #write(
    command: WriteCommand,
    namespace: Namespace,
    requirement: Requirement,
    now: Now,
    out: Outbox,
  ): void {
    const cell = this.#context.table.read(command.namespace, command.key);
    const live = isLive(cell.record, now.wallMs) ? cell.record : undefined;
    const { client } = command;
    const timeoutMs = command.timeoutMs ?? namespace.policy.timeoutMs;
    const deadlineMs = now.monoMs + timeoutMs;
    if (cell.damaged && (command.conditions.length > 0 || command.operation === 'delete')) {
      refuse(client, out, 'record-corrupt', 'the stored record cannot be read');
    } else if (!this.#canReplace(cell, now)) {
      refuse(client, out, 'clock-drift', 'the stored version is stamped ahead of this clock');
    } else if (!command.conditions.every((condition) => holds(condition, live))) {
      refuse(client, out, 'precondition-failed', precondition(live), {}, cell.lsn, deadlineMs);
    } else if (command.operation === 'delete' && live === undefined) {
      refuse(client, out, 'not-found', 'there is nothing to delete', {}, cell.lsn, deadlineMs);
    } else {
      const hlc = this.#context.clock.tick(now.wallMs);
      const mutation = this.#mint(command, cell, live === undefined, hlc, now, out);
      const outcome = { created: mutation.created, replayed: false };
      this.#pending.begin(this.#pendingOf(command, mutation, outcome, requirement, timeoutMs, now));
    }
  }

  /** A write must be newer than what it replaces, or it would be acknowledged and lost. */
  #canReplace({ record }: Cell, now: Now): boolean {
    return record === undefined || this.#context.clock.witness(record.hlc, now.wallMs);
  }

  #mint(command: Content, cell: Cell, created: boolean, hlc: Hlc, now: Now, out: Outbox): Mutation {
    const { log, table, idempotency, origin, ownLanes, room } = this.#context;
    const lane = ownLanes[ownLanes.length - 1] as Lane;
    const isPut = command.operation === 'put';
    const mutation = encodeMutation(
      {
        origin,
        seq: lane.head + 1,
        hlc,
        lane: LIVE_LANE,
        group: '',
        namespace: command.namespace,
        key: command.key,
        operation: command.operation,
        created: isPut && created,
        dependencies: this.#dependencies(lane, cell.record),
        expiresAtMs: isPut && command.ttlMs > 0 ? deadlineOf(command.ttlMs, hlc, now) : 0,
        tags: command.tags,
        weight: command.weight,
        idempotency: command.idempotency,
        contentType: isPut ? command.contentType : '',
        value: isPut ? command.value : NO_VALUE,
      },
      lane.chain,
    );
    room.spend(mutation.bytes.length);
    log.append(lane, mutation, out);
    if (cell.damaged) table.replace(mutation, out);
    else assert(table.apply(mutation, out) === 'won', 'writes: newer than what it replaces');
    idempotency.remember(mutation, out);
    this.#context.metrics.writes++;
    return mutation;
  }

  /** The version that is replaced; the first entry of a life also names the end of the life before. */
  #dependencies(lane: Lane, replaced: Record | undefined): readonly Dot[] {
    const dots: Dot[] = [];
    if (lane.head === 0) {
      const earlier = this.#context.ownLanes.findLast((own) => own !== lane && own.head > 0);
      if (earlier !== undefined) dots.push({ origin: earlier.origin, seq: earlier.head });
    }
    if (replaced !== undefined && replaced.origin !== lane.origin) {
      dots.push({ origin: replaced.origin, seq: replaced.seq });
    }
    return dots.length === 0 ? NO_DOTS : dots;
  }

  #pendingOf(
    command: WriteCommand,
    version: Version,
    outcome: { readonly created: boolean; readonly replayed: boolean },
    requirement: Requirement,
    timeoutMs: number,
    now: Now,
  ): PendingWrite {
    const { client, respondAsync } = command;
    const { origin, seq, hlc } = version;
    const { created, replayed } = outcome;
    const facts = { client, origin, seq, hlc, created, replayed, respondAsync };
    return new PendingWrite(facts, requirement, now.monoMs, timeoutMs);
  }

  /** True when the idempotency key settled the matter. */
  #replay(
    command: WriteCommand,
    namespace: Namespace,
    requirement: Requirement,
    now: Now,
    out: Outbox,
  ): boolean {
    const { key, digest } = command.idempotency as { key: string; digest: number };
    const known: KnownWrite | 'unreadable' | undefined = this.#context.idempotency.find(
      command.namespace,
      key,
    );
    if (known === undefined) return false;
    if (known === 'unreadable') {
      refuse(
        command.client,
        out,
        'record-corrupt',
        'the memory of this idempotency key cannot be read',
      );
    } else if (known.digest !== digest) {
      refuse(command.client, out, 'idempotency-mismatch', 'this key named another request before');
    } else if (!this.#isFull(command, out)) {
      const timeoutMs = command.timeoutMs ?? namespace.policy.timeoutMs;
      const outcome = { created: known.created, replayed: true };
      this.#replays.begin(this.#pendingOf(command, known, outcome, requirement, timeoutMs, now));
      this.onProgress(now, out);
    }
    return true;
  }

  #holders(dot: Dot): number {
    return this.#context.peers.holders(dot, this.#context.log.durable);
  }
}

const ISOLATED =
  'this replica hears no majority, so nobody would see the write; the policy of the namespace refuses it then (onIsolated)';

interface Doubt {
  readonly code: 'clock-drift' | 'catching-up';
  readonly detail: string;
  readonly retryAfterMs: number;
}

const NOTHING_WRITTEN = 'nothing was written; write at another replica';
const FOLLOWS = 'this replica has stamped, or follows, what is ahead of the agreed clock by';

function doubtOf(state: ClockState, aheadMs: number): Doubt {
  if (state === 'measuring') {
    const detail = 'the clock of this replica has not been compared with its peers yet';
    return { code: 'catching-up', detail, retryAfterMs: 1000 };
  }
  const apart = `is ${Math.abs(aheadMs / 1000).toFixed(3)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
  const detail =
    state === 'disputed'
      ? `the clocks of this replica and its peers differ, and no majority tells which is right; ${SET_RIGHT}`
      : `the clock of this replica ${apart} that of a majority; ${NOTHING_WRITTEN}, or ${SET_RIGHT}`;
  return { code: 'clock-drift', detail, retryAfterMs: 1000 };
}

const SET_RIGHT = 'set the clock right';

const LOW_DISK = {
  put: 'the disk of this replica is almost full: nothing was written; deletes and reads go on here',
  delete: 'the disk of this replica is full: nothing was deleted; free some space on it',
} as const;

function bytesOf({ key, value }: WriteCommand): number {
  return key.length + value.length;
}

/** The smallest stamp with which the dot is newer than the version. */
function stampBehind(version: Version, { origin, seq }: Dot): Hlc {
  const { hlc } = version;
  return compareVersions({ hlc, origin, seq }, version) > 0 ? hlc : hlc + 1;
}

/** Of later writes later, as their stamps are, where the clock was set back; others see the whole lifetime even so. */
function deadlineOf(ttlMs: number, hlc: Hlc, { wallMs }: Now): number {
  return Math.ceil(Math.max(wallMs, hlcToMs(hlc)) + ttlMs);
}

function holds(condition: Condition, live: Record | undefined): boolean {
  switch (condition.kind) {
    case 'match-any':
      return live !== undefined;
    case 'absent':
      return live === undefined;
    case 'match':
      return live !== undefined && condition.versions.includes(formatDot(live.origin, live.seq));
    case 'unmodified-since':
      return live === undefined || Math.floor(hlcToMs(live.hlc) / 1000) * 1000 <= condition.dateMs;
    case 'none-match':
      return live === undefined || !condition.versions.includes(formatDot(live.origin, live.seq));
  }
}

function precondition(live: Record | undefined): string {
  return live === undefined
    ? 'the key holds no value'
    : `the key holds version ${formatDot(live.origin, live.seq)}`;
}

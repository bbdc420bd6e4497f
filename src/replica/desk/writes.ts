// A client's write, or run of writes, in a multi-leader namespace (docs/consistency.md): admitted
// or refused with a definite fault, given the next dot, logged and applied in one batch, and
// answered when the requested copies are durable. Nothing is minted before every check has passed,
// so a refused write never happened. A run is checked item by item, then logged and applied in one
// step, which is one batch; it waits for copies as one write.
//
// A delete is a write like any other: it leaves a tombstone whether or not the key has a value
// here, because the value may still be on its way. A condition is compared with this replica's own
// record, after the read quorum that the request or the policy names was asked and its answer is
// merged (looks.ts).
//
// A delete may remove one version only: one that has expired, or one that was listed in a range of
// keys. It is stamped just after that version, so a newer one at any replica wins over it.

import { assert, present } from '../../base/assert.ts';
import type { ReadCommand, RunCommand, WriteCommand } from '../../model/command.ts';
import type { Asker, Now, Turn } from '../../model/effect.ts';
import { encodeMutation } from '../../model/encoding.ts';
import { type Hlc, hlcToMs, type HybridClock } from '../../model/hlc.ts';
import { type Fault, type FaultCode, fault } from '../../model/fault.ts';
import type { Dot, Seq } from '../../model/id.ts';
import { type MemberSet, single } from '../../model/member-set.ts';
import type { Superseded } from '../../model/message.ts';
import { intersects, type Requirement } from '../../model/quorum.ts';
import {
  dotsOf,
  type Idempotency,
  latestOf,
  type Mutation,
  type Record,
  recordOf,
  shows,
  stampOf,
  type Version,
} from '../../model/record.ts';
import { runName } from '../../model/run.ts';
import {
  decide,
  type Decision,
  faultOfItem,
  type Decidable,
  refused,
} from '../../conflict/decide.ts';
import { compareVersions } from '../../conflict/version-order.ts';
import { PendingWrite, PendingWrites, type RunFacts, type WriteFacts } from '../../quorum/put.ts';
import { Replays } from '../../quorum/replay.ts';
import { isReachable } from '../../quorum/tally.ts';
import type { Cell } from '../../store/cells.ts';
import type { Table } from '../../store/table.ts';
import { stampDoubt } from '../../consistency/clock-doubt.ts';
import { refuse, refuseWith } from '../../model/refuse.ts';
import { readQuorum, type Terms, UNMEETABLE, unmeetable } from '../../model/terms.ts';
import { KeyClaims, type KeyClaimsOptions } from '../../quorum/key-claims.ts';
import { Looks, type Resume } from '../../quorum/looks.ts';
import type { Namespace } from '../../model/namespaces.ts';
import { isConditional, readsOf, type Writing } from '../../model/writing.ts';
import type { AgreedClock } from '../../consistency/agreed-clock.ts';
import type { Metrics } from '../../model/metrics.ts';
import { applyEntry, type ApplyOptions } from '../../store/apply.ts';
import type { Room } from '../../store/room.ts';
import { Past, type PastOptions } from '../../order/past.ts';
import { isOneScope } from '../../order/scope.ts';
import type { Admits } from './desk.ts';

const NO_DOTS: readonly Dot[] = [];
const NO_VALUE = new Uint8Array(0);

/** The parts of a write that do not depend on its client. */
type Content = Omit<
  WriteCommand,
  | 'kind'
  | 'client'
  | 'w'
  | 'r'
  | 'timeoutMs'
  | 'conditions'
  | 'respondAsync'
  | 'returnsOld'
  | 'removes'
>;

type Outcome = Pick<WriteFacts, 'created' | 'replayed' | 'replaced'>;

const LOOKED_TOO_LONG = fault(
  'timeout',
  'the deadline passed before the read quorum had answered; nothing was written',
);

const AHEAD = refused(
  'clock-drift',
  'the stored version is stamped ahead of this clock; nothing was written. Try again later',
);
const REMOVED_AHEAD =
  'the version to be deleted is stamped ahead of this clock; it stays. Try again later';

const UNITS_DIFFER =
  'an atomic batch changes keys of one unit in a namespace with "causalScope": "unit"; nothing was written';

/** After this many losses to concurrent values the client gets its answer. */
const DELETE_REPEATS_MAX = 2;

const DELETE = {
  operation: 'delete',
  value: NO_VALUE,
  contentType: '',
  ttlMs: 0,
  idempotency: undefined,
  session: undefined,
  tags: [],
  weight: 0,
} as const;

/** A write's part in a run. */
interface InRun {
  readonly group: string;
  /** What the whole run replaces, which its first entry names. */
  readonly replaced: readonly Dot[];
}

const NO_RUN: InRun = { group: '', replaced: NO_DOTS };

export interface WritesOptions extends KeyClaimsOptions, ApplyOptions, PastOptions {
  readonly agreed: AgreedClock;
  readonly clock: HybridClock;
  readonly metrics: Metrics;
  readonly room: Room;
  readonly table: Table;
}

export interface WritesParts {
  readonly admits: Admits;
  /** Runs a read as if a client had sent it. */
  readonly read: (command: ReadCommand<Asker>, terms: Terms, turn: Turn) => void;
}

export class Writes {
  readonly #options: WritesOptions;
  readonly #admits: Admits;
  readonly #pending: PendingWrites;
  readonly #replays: Replays;
  readonly #looks: Looks;
  readonly #past: Past;
  readonly claims: KeyClaims;

  constructor(options: WritesOptions, { admits, read }: WritesParts) {
    const { origin, self, settings, metrics } = options;
    this.#options = options;
    this.#admits = admits;
    this.#pending = new PendingWrites(origin, self.index, settings.members.length, metrics);
    this.#replays = new Replays(settings.members.length, metrics);
    this.#looks = new Looks(read);
    this.#past = new Past(options);
    this.claims = new KeyClaims(options);
  }

  get waiting(): number {
    const prepared = this.#looks.waiting + this.claims.waiting;
    return this.#pending.waiting + this.#replays.waiting + prepared;
  }

  begin(command: Writing, terms: Terms, turn: Turn): void {
    if (this.#isSettled(command, terms, turn)) return;
    const quorum = this.#lookOf(command, terms.namespace);
    if (quorum === 'none') this.#claim(command, terms, turn);
    else if (quorum === UNMEETABLE)
      refuseWith(command.client, turn, unmeetable('r', terms.namespace));
    else this.#look(command, terms, quorum, turn);
  }

  /** Why no further write can wait; `undefined` if one can. */
  get fullness(): Fault | undefined {
    const { writesPendingMax } = this.#options.settings;
    if (this.waiting < writesPendingMax) return undefined;
    const detail = `${writesPendingMax} writes are waiting already`;
    return fault('overloaded', detail, { retryAfterMs: 1000 });
  }

  /** There is room for writes of this replica itself, for which no client waits. */
  get hasRoom(): boolean {
    return this.#options.room.takes('delete', 0) && this.fullness === undefined;
  }

  /**
   * Deletes a version that has expired; false if it has not, or must wait. The delete is stamped
   * just after the version that it removes: any other concurrent write, which may not be here yet,
   * wins over it.
   */
  expire(expired: Record, turn: Turn): boolean {
    const { clock, table } = this.#options;
    const { namespace, key } = expired;
    const hlc = stampBehind(latestOf(expired), this.#nextDot);
    const cell = table.read(namespace, key);
    if (cell.record !== expired || shows(expired, turn.now.wallMs) || !this.hasRoom) return false;
    if (stampDoubt(this.#options, turn.now) !== undefined || !clock.witness(hlc, turn.now.wallMs))
      return false;
    this.#mint({ ...DELETE, namespace, key }, cell, false, hlc, turn);
    return true;
  }

  /** Everything up to `seq` of this incarnation's log is durable at `member`. */
  onCursor(member: number, seq: number, turn: Turn): void {
    this.#pending.onCursor(member, seq, turn);
    for (const write of this.#pending.takeBeaten()) this.#repeat(write, turn);
  }

  /** A peer reports which writes lost there; called before its acknowledgement is counted. */
  onSuperseded(lost: readonly Superseded[] | undefined): void {
    if (lost !== undefined) for (const each of lost) this.#pending.onSuperseded(each);
  }

  /**
   * A delete that lost to a value from a clock ahead of this one deletes again, with a larger
   * stamp. Until it is answered it counts as if it began now. If the clock may not advance that
   * far, the answer names the value.
   */
  #repeat(write: PendingWrite, turn: Turn): void {
    const { repeat, superseded, repeatsLeft, deadlineMs } = write;
    const again = present(repeat, 'writes: a write that is beaten can be repeated');
    const { by } = present(superseded, 'writes: it lost to a version that is known');
    assert(repeatsLeft > 0, 'writes: it is repeated a few times');
    const { namespace, key } = again;
    const { clock, table, metrics, room } = this.#options;
    const cell = table.read(namespace, key);
    const mayStamp = room.takes('delete', 0) && stampDoubt(this.#options, turn.now) === undefined;
    const mayGoOn = mayStamp && deadlineMs > turn.now.monoMs && !cell.damaged;
    const isAbove = clock.witness(by.hlc, turn.now.wallMs);
    if (!mayGoOn || !isAbove || !this.#canReplace(cell, turn.now))
      return this.#pending.answer(write, true, turn);
    const hlc = clock.tick(turn.now.wallMs);
    const { origin, seq } = this.#mint(again, cell, false, hlc, turn);
    const { client, created, replayed, respondAsync, replaced } = write;
    const facts = { client, origin, seq, hlc, created, replayed, respondAsync, replaced };
    const timeoutMs = deadlineMs - turn.now.monoMs;
    const next = new PendingWrite(facts, write.tally.requirement, turn.now.monoMs, timeoutMs);
    if (repeatsLeft > 1) {
      next.repeat = again;
      next.repeatsLeft = repeatsLeft - 1;
    }
    metrics.deletesRepeated++;
    this.#pending.begin(next, turn);
  }

  /** A member's vector has changed, or time has passed. */
  onProgress(turn: Turn): void {
    this.#replays.decide((dot) => this.#holders(dot), turn);
  }

  onDue(turn: Turn): void {
    this.claims.onDue(turn);
    this.expireLate(turn);
  }

  /** Answers writes, and retries of known writes, that lack copies at their deadline. */
  expireLate(turn: Turn): void {
    this.#pending.expire(turn);
    this.onProgress(turn);
  }

  /** The replica stops: requests that have written nothing are refused. */
  failUnwritten(code: FaultCode, turn: Turn): void {
    const stopped = fault(code, 'the replica has stopped; nothing was written');
    this.#looks.failAll(stopped, turn);
    this.claims.failAll(stopped, turn);
  }

  /** Answers the others. */
  failAll(turn: Turn): void {
    this.#pending.failAll(turn);
    this.#replays.failAll(turn);
  }

  /** True if the memory of its idempotency key answered it, or it was not admitted. */
  #isSettled(command: Writing, terms: Terms, turn: Turn): boolean {
    if (command.idempotency !== undefined && this.#replay(command, terms, turn)) return true;
    return !this.#admits(command, terms, turn);
  }

  /** The replicas that it asks first. */
  #lookOf(command: Writing, namespace: Namespace): Requirement | 'none' {
    const { r } = command;
    if (r === undefined && !isConditional(command)) return 'none';
    const quorum = readQuorum(namespace, r);
    return isReachable(quorum, single(this.#options.self.index)) ? 'none' : quorum;
  }

  /** The read quorum's answer is merged here first; then all checks are repeated. */
  #look(command: Writing, terms: Terms, quorum: Requirement, turn: Turn): void {
    const { client } = command;
    const resume: Resume = (failed, later) => {
      const late = later.now.monoMs >= terms.deadlineMs ? LOOKED_TOO_LONG : undefined;
      const reason = failed ?? late;
      if (reason !== undefined) refuseWith(client, later, reason);
      else if (!this.#isSettled(command, terms, later)) this.#claim(command, terms, later);
    };
    this.#looks.begin(readsOf(command), { ...terms, quorum }, resume, turn);
  }

  /**
   * All retries become one write: a majority lends the request's idempotency key, or knows its
   * write.
   */
  #claim(command: Writing, terms: Terms, turn: Turn): void {
    const { client, namespace, idempotency } = command;
    if (idempotency === undefined || !this.#isOnce(command, terms)) {
      this.#write(command, terms, turn);
      return;
    }
    const { key } = idempotency;
    const resume: Resume = (failed, later) => {
      if (failed !== undefined) refuseWith(client, later, failed);
      else if (this.#isSettled(command, terms, later) || !this.#write(command, terms, later))
        this.claims.release(namespace, key, later);
      else this.claims.onRemembered(namespace, key, later);
    };
    this.claims.begin({ namespace, key, deadlineMs: terms.deadlineMs }, resume, turn);
  }

  /** Its copies overlap with every majority. */
  #isOnce(command: Writing, { namespace, quorum }: Terms): boolean {
    if (command.respondAsync || namespace.members.length === 1) return false;
    const most = namespace.requirement('majority');
    return most !== undefined && intersects(most, quorum);
  }

  /** True if a write was made. */
  #write(command: Writing, terms: Terms, turn: Turn): boolean {
    if (command.kind === 'run') return this.#writeRun(command, terms, turn);
    const { client, namespace, key } = command;
    const cell = this.#options.table.read(namespace, key);
    const decision = this.#decide(command, cell, turn.now);
    if (decision.kind === 'accepted')
      return this.#accept(command, terms, cell, decision.live, turn);
    const { code, detail, seen } = decision;
    if (code === 'precondition-failed')
      refuse(client, turn, code, detail, { seen }, cell.lsn, terms.deadlineMs);
    else refuse(client, turn, code, detail);
    return false;
  }

  /**
   * A write must be newer than the version it replaces; a delete of one version is stamped just
   * after that.
   */
  #decide(decidable: Decidable, cell: Cell, now: Now): Decision {
    const isAbove = decidable.removes !== undefined || this.#canReplace(cell, now);
    return isAbove ? decide(decidable, cell, now.wallMs) : AHEAD;
  }

  /**
   * Stamps, logs and applies it, and begins to count its copies. False if no stamp is available.
   */
  #accept(
    command: WriteCommand,
    terms: Terms,
    cell: Cell,
    live: Record | undefined,
    turn: Turn,
  ): boolean {
    const hlc = this.#stampOf(command, turn.now);
    if (hlc === undefined) {
      refuse(command.client, turn, 'clock-drift', REMOVED_AHEAD);
      return false;
    }
    const mutation = this.#mint(command, cell, live === undefined, hlc, turn);
    const replaced = command.returnsOld ? live : undefined;
    const outcome = { created: mutation.created, replayed: false, replaced };
    const pending = this.#pendingOf(command, terms, mutation, outcome, turn.now);
    if (isRepeatable(command)) {
      pending.repeat = command;
      pending.repeatsLeft = DELETE_REPEATS_MAX;
    }
    this.#pending.begin(pending, turn);
    return true;
  }

  /** Every item is decided before the first entry. */
  #writeRun(command: RunCommand, terms: Terms, turn: Turn): boolean {
    const { client, namespace, items } = command;
    if (!isOneScope(terms.namespace, namespace, items)) {
      refuse(client, turn, 'invalid-parameter', UNITS_DIFFER);
      return false;
    }
    const cells = items.map(({ key }) => this.#options.table.read(namespace, key));
    for (const [item, decidable] of items.entries()) {
      const decision = this.#decide(decidable, cells[item] as Cell, turn.now);
      if (decision.kind === 'accepted') continue;
      // The decisions depend on all of them.
      const lsn = Math.max(...cells.map((cell) => cell.lsn));
      const reply = { kind: 'failed', fault: faultOfItem(item, decision) } as const;
      turn.reply(client, reply, lsn, terms.deadlineMs);
      return false;
    }
    this.#acceptRun(command, terms, cells, turn);
    return true;
  }

  /** Every entry in this step. `cells`: what each key holds before the first. */
  #acceptRun(command: RunCommand, terms: Terms, cells: readonly Cell[], turn: Turn): void {
    const { namespace, items } = command;
    const { table, clock } = this.#options;
    const hlc = clock.tick(turn.now.wallMs);
    // A run is shown as a whole: its first entry waits for everything that any of it depends on.
    const replaced = cells.flatMap(({ record }) => (record === undefined ? [] : dotsOf(record)));
    const entries = items.map((item, index) => {
      const isLast = index === items.length - 1;
      const idempotency = isLast ? command.idempotency : undefined;
      const session = index === 0 ? command.session : undefined;
      const cell = table.read(namespace, item.key);
      const isNew = !shows(cell.record, turn.now.wallMs);
      const run = {
        group: runName(index, items.length),
        replaced: index === 0 ? replaced : NO_DOTS,
      };
      return this.#mint({ ...item, namespace, idempotency, session }, cell, isNew, hlc, turn, run);
    });
    const first = present(entries[0], 'writes: a run has an entry');
    const last = present(entries.at(-1), 'writes: a run has an entry');
    assert(last.seq === first.seq + items.length - 1, 'writes: a run has no gap');
    const outcome = { created: false, replayed: false, replaced: undefined };
    const pending = this.#pendingOf(command, terms, last, outcome, turn.now);
    const created = entries.map((entry) => entry.created);
    pending.run = runFacts(last.seq, created);
    this.#pending.begin(pending, turn);
  }

  /**
   * The present stamp, or the one just after the version that the command removes; `undefined` if
   * that is ahead of the clock.
   */
  #stampOf({ removes }: WriteCommand, { wallMs }: Now): Hlc | undefined {
    const { clock } = this.#options;
    if (removes === undefined) return clock.tick(wallMs);
    const hlc = stampBehind(removes, this.#nextDot);
    return clock.witness(hlc, wallMs) ? hlc : undefined;
  }

  get #nextDot(): Dot {
    const { log, ownLanes } = this.#options;
    return log.next(present(ownLanes.at(-1), 'writes: this incarnation has a lane'));
  }

  /** A write that is older than the version it replaces would be acknowledged and lost. */
  #canReplace({ record }: Cell, now: Now): boolean {
    return record === undefined || this.#options.clock.witness(stampOf(record), now.wallMs);
  }

  #mint(
    command: Content,
    cell: Cell,
    created: boolean,
    hlc: Hlc,
    turn: Turn,
    run: InRun = NO_RUN,
  ): Mutation {
    const { log, table, ownLanes, room } = this.#options;
    const lane = present(ownLanes.at(-1), 'writes: this incarnation has a lane');
    assert(lane.applied === lane.received, 'writes: own entries are shown as they are logged');
    const isPut = command.operation === 'put';
    const mutation = encodeMutation(
      {
        origin: lane.origin,
        seq: log.next(lane).seq,
        hlc,
        lane: lane.number,
        group: run.group,
        namespace: command.namespace,
        key: command.key,
        operation: command.operation,
        created: isPut && created,
        dependencies: this.#past.of(lane, command, cell.record, run.replaced),
        expiresAtMs: isPut && command.ttlMs > 0 ? deadlineOf(command.ttlMs, hlc, turn.now) : 0,
        tags: command.tags,
        weight: command.weight,
        idempotency: command.idempotency,
        contentType: isPut ? command.contentType : '',
        value: isPut ? command.value : NO_VALUE,
      },
      lane.chain,
    );
    room.spend(mutation.bytes.length);
    log.append(lane, mutation, turn);
    if (cell.damaged) table.heal(recordOf(mutation), turn);
    const merged = applyEntry(this.#options, lane, mutation, turn);
    assert(merged === 'won' || cell.damaged, 'writes: newer than what it replaces');
    this.#options.metrics.writes++;
    return mutation;
  }

  #pendingOf(
    { client, respondAsync }: Writing,
    { quorum, deadlineMs }: Terms,
    { origin, seq, hlc }: Version,
    { created, replayed, replaced }: Outcome,
    now: Now,
  ): PendingWrite {
    const facts = { client, origin, seq, hlc, created, replayed, respondAsync, replaced };
    return new PendingWrite(facts, quorum, now.monoMs, deadlineMs - now.monoMs);
  }

  /** True if the idempotency key decided the request. */
  #replay(command: Writing, terms: Terms, turn: Turn): boolean {
    const { client, namespace, idempotency } = command;
    const { key, digest } = idempotency as Idempotency;
    const known = this.#options.idempotency.find(namespace, key);
    if (known === undefined) return false;
    if (known === 'unreadable') {
      const detail =
        'what was written under this idempotency key cannot be read here; retry elsewhere';
      refuse(client, turn, 'record-corrupt', detail);
    } else if (known.digest !== digest) {
      const detail = 'this idempotency key belongs to another request; nothing was written';
      refuse(client, turn, 'idempotency-mismatch', detail);
    } else if (this.fullness !== undefined) {
      refuseWith(client, turn, this.fullness);
    } else {
      const outcome = { created: known.created, replayed: true, replaced: undefined };
      const pending = this.#pendingOf(command, terms, known, outcome, turn.now);
      if (command.kind === 'run')
        pending.run = runFacts(known.seq, this.#createdBy(command, known));
      this.#replays.begin(pending, turn);
      this.onProgress(turn);
    }
    return true;
  }

  /** Only while it is visible: an overwritten value counts as not created. */
  #createdBy({ namespace, items }: RunCommand, { origin, seq }: Version): boolean[] {
    const first = seq - items.length + 1;
    return items.map(({ key }, index) => {
      const { record } = this.#options.table.read(namespace, key);
      const shown = record && latestOf(record);
      return shown?.origin === origin && shown.seq === first + index && shown.created;
    });
  }

  #holders(dot: Dot): MemberSet {
    return this.#options.peers.holders(dot, this.#options.log.durable);
  }
}

function runFacts(last: Seq, created: readonly boolean[]): RunFacts {
  return { first: last - created.length + 1, created, superseded: new Map() };
}

/** A plain delete: repeating it has the same effect, and its first dot is not remembered. */
function isRepeatable(command: WriteCommand): boolean {
  const { operation, conditions, idempotency, respondAsync, removes } = command;
  if (operation !== 'delete' || respondAsync || removes !== undefined) return false;
  return conditions.length === 0 && idempotency === undefined;
}

/** The smallest stamp with which the dot is newer than the version. */
function stampBehind(version: Version, { origin, seq }: Dot): Hlc {
  const { hlc } = version;
  return compareVersions({ hlc, origin, seq }, version) > 0 ? hlc : hlc + 1;
}

/**
 * Deadlines follow the order of stamps even if the clock was set back: a later write never expires
 * before an earlier one.
 */
function deadlineOf(ttlMs: number, hlc: Hlc, { wallMs }: Now): number {
  return Math.ceil(Math.max(wallMs, hlcToMs(hlc)) + ttlMs);
}

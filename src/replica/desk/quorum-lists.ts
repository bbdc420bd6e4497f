// Lists that ask several replicas (`r` of more than this one). Each replica names the versions that
// it has under the next keys of the range (a survey), and this replica reads its own records. A
// page shows only keys that all answers cover: behind the last key of the shortest answer it is
// unknown which keys that replica has.
//
//   surveying -> reading     enough replicas have named their versions; in `fifo` namespaces this
//                            replica also has all of them on its disk
//   reading   -> resolving   this replica has read its own records; a key on which the replicas
//                            differ is read by itself, like a GET with the same `r`
//   resolving -> surveying   the range has more keys, and the page has room
//   *         -> answered    the page is full, or the range ends, or a bound or the deadline is
//                            reached; with a cursor if there is more
//
// The replicas agree on a key if they name the same version, or if enough of them hold the newest
// one that every later read finds it (model/quorum.ts). Where they differ, the read of that key
// merges, writes back and repairs. So a list promises for each key what a read does: it shows every
// write that was acknowledged before with w, if r + w > N, and if 2r > N a later list never shows
// an older version. A key whose newest version is a delete is left out.
//
// In `fifo` namespaces a key that is read by itself could overtake earlier writes of its origin.
// There a page shows this replica's own records at one moment, once everything that the others have
// named is durable here.
//
// With a delimiter, keys with an equal part up to it fold into one prefix, and the next survey
// skips the rest of them.
//
// A list of keys only reads no values: its own page and the surveys of its peers are heads. A key
// on which replicas differ is read with its value, because it is repaired; the list keeps its head.
//
// Bounds: RUNNING_MAX lists, and their common bytes (list-room.ts). A survey names SURVEY_KEYS_MAX
// keys at most. A list reads UNSETTLED_MAX differing keys in a round, and all lists READS_MAX at a
// time (read-window.ts). A page ends with a cursor after a number of rounds or bytes
// (list-round.ts), or half of its client's time.

import { assert } from '../../base/assert.ts';
import { createRing } from '../../base/ring.ts';
import type { ListCommand } from '../../model/command.ts';
import type {
  AnswerOwner,
  Asker,
  Now,
  Outbox,
  RangeEntry,
  RangeResult,
  Turn,
} from '../../model/effect.ts';
import { type Fault, type FaultCode, fault } from '../../model/fault.ts';
import { has, single, union } from '../../model/member-set.ts';
import type { SurveyReply } from '../../model/message.ts';
import { isHeld, type Member } from '../../model/quorum.ts';
import {
  ANSWERS_LATE,
  ANSWERS_TOO_FEW,
  RANGE_DAMAGED,
  RANGE_UNREADABLE,
  STOPPED,
} from '../../model/reasons.ts';
import { encodedOf, type Record } from '../../model/record.ts';
import type { Reply } from '../../model/reply.ts';
import { covers } from '../../model/vector.ts';
import { foldedPrefix, keyRangeOf, restOf } from '../../store/key-range.ts';
import { recordsIn } from '../../store/page.ts';
import { spanOfKeys } from '../../store/layout.ts';
import type { Heal } from '../../model/heal.ts';
import type { Terms } from '../../model/terms.ts';
import type { StalenessBound } from '../../lag/staleness.ts';
import type { Metrics } from '../../model/metrics.ts';
import type { HedgeBudget } from '../../peers/hedge-budget.ts';
import type { Nearness } from '../../peers/nearness.ts';
import type { Log } from '../../store/log.ts';
import type { Table } from '../../store/table.ts';
import type { Peers } from '../../peers/peers.ts';
import type { ReadAdmission } from '../../lag/read-admission.ts';
import { Inquirer } from '../../quorum/inquiry.ts';
import {
  COMPARED_PAGE_BYTES_MAX,
  emptyPage,
  fold,
  isFull,
  keep,
  listedOf,
} from '../../quorum/list-page.ts';
import { type ListRoom, looksAt } from '../../quorum/list-room.ts';
import {
  freshRound,
  hide,
  isAnswer,
  isByStream,
  isEnough,
  keysOf,
  type Listing,
  pageBytes,
  roundBytes,
} from '../../quorum/list-round.ts';
import {
  hasNewest,
  isBefore,
  isShown,
  onRowRead,
  recordOfReply,
  type Row,
  see,
  versionOf,
} from '../../quorum/list-rows.ts';
import { type Expected, ReadWindow } from '../../quorum/read-window.ts';
import type { Hasten, Reads } from './reads.ts';

const RUNNING_MAX = 256;
const UNSETTLED_MAX = 64;
const AGAIN = { retryAfterMs: 1000 };
const FULL = fault(
  'overloaded',
  `${RUNNING_MAX} lists that ask other replicas are running; ask again later`,
  AGAIN,
);
const NO_ROOM = fault(
  'overloaded',
  'all lists together hold as much memory as they may; ask again later',
  AGAIN,
);

export interface ListParts {
  readonly admission: ReadAdmission;
  readonly reads: Reads;
  readonly heal: Heal;
  readonly hasten: Hasten;
}

export interface QuorumListsOptions {
  readonly table: Table;
  readonly staleness: StalenessBound;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nearness: Nearness;
  readonly hedges: HedgeBudget;
  readonly peers: Peers;
  readonly self: Member;
}

export class QuorumLists {
  readonly #options: QuorumListsOptions;
  readonly #admission: ReadAdmission;
  readonly #reads: Reads;
  readonly #heal: Heal;
  readonly #hasten: Hasten;
  readonly #running = new Map<number, Listing>();
  /** By the id of its survey. */
  readonly #surveying = new Map<number, Listing>();
  readonly #room: ListRoom;
  /** Keys on which replicas differ, until they are read. */
  readonly #unread = createRing<{ readonly listing: Listing; readonly row: Row }>(16);
  readonly #window = new ReadWindow();
  readonly #inquirer: Inquirer<Listing>;
  #lastId = 0;

  constructor(options: QuorumListsOptions, parts: ListParts, room: ListRoom) {
    this.#options = options;
    const { hedges, metrics, nearness } = options;
    this.#inquirer = new Inquirer({ hedges, metrics, nearness, timer: 'quorum-list', ask });
    this.#room = room;
    this.#admission = parts.admission;
    this.#reads = parts.reads;
    this.#heal = parts.heal;
    this.#hasten = parts.hasten;
  }

  get waiting(): number {
    return this.#running.size;
  }

  /** Why no further list can run; `undefined`: one can. */
  get fullness(): Fault | undefined {
    return this.#running.size < RUNNING_MAX ? undefined : FULL;
  }

  begin(command: ListCommand<Asker>, terms: Terms, turn: Turn): void {
    const { namespace, quorum, deadlineMs } = terms;
    const { monoMs } = turn.now;
    const range = keyRangeOf(command);
    const page = emptyPage(command, deadlineMs, this.#options.staleness.bound(monoMs), monoMs);
    const listing: Listing = {
      ...page,
      id: ++this.#lastId,
      requirement: quorum,
      namespace,
      unfit: this.#admission.unfit(command.namespace),
      range: range ?? { from: '', to: '' },
      hidden: new Map(),
      rounds: 0,
      ...freshRound(quorum, monoMs),
    };
    this.#running.set(listing.id, listing);
    if (range === undefined) this.#end(listing, turn);
    else this.#survey(listing, turn);
  }

  onReply(peer: number, reply: SurveyReply, turn: Turn): void {
    const listing = this.#surveying.get(reply.id);
    if (listing === undefined) return;
    if (!has(listing.asked, peer) || listing.answers[peer] !== undefined) return;
    this.#inquirer.onAnswer(listing, peer, turn);
    if (reply.answer === 'known' && isAnswer(reply, listing)) {
      listing.answers[peer] = reply;
      listing.tally.accept(peer);
    } else {
      listing.tally.reject(peer);
      this.#inquirer.askNeeded(listing, this.#options.peers.reachable, turn);
    }
    this.#decide(listing, turn);
  }

  #onRead(listing: Listing, result: RangeResult, turn: Turn): void {
    if (!this.#running.has(listing.id)) return;
    listing.reading = undefined;
    if (result.ok) this.#merge(listing, result.entries, result.more, turn);
    else this.#fail(listing, fault('storage-failed', RANGE_UNREADABLE), turn);
  }

  /** The durable vector has grown. */
  onDurable(turn: Turn): void {
    for (const listing of this.#running.values())
      if (listing.isCatchingUp) this.#readOwn(listing, turn);
  }

  onDisconnected(peer: number, turn: Turn): void {
    for (const listing of this.#running.values()) {
      if (!has(listing.asked, peer) || listing.answers[peer] !== undefined) continue;
      listing.tally.reject(peer);
      this.#inquirer.askNeeded(listing, this.#options.peers.reachable, turn);
      this.#decide(listing, turn);
    }
  }

  onDue(turn: Turn): void {
    if (!turn.takeDue('quorum-list')) return;
    for (const listing of this.#running.values()) {
      if (listing.deadlineMs <= turn.now.monoMs) {
        this.#expire(listing, turn);
      } else {
        this.#inquirer.onDue(listing, this.#options.peers.reachable, turn);
      }
    }
  }

  /** The replica stops: waiting clients are answered. */
  failAll(code: FaultCode, out: Outbox): void {
    for (const listing of this.#running.values()) this.#fail(listing, fault(code, STOPPED), out);
  }

  // answered, at the deadline
  #expire(listing: Listing, turn: Turn): void {
    if (listing.after !== '') return this.#reply(listing, turn);
    const { tally } = listing;
    const counts = { required: listing.requirement.count, acks: tally.acks };
    this.#fail(listing, fault('timeout', ANSWERS_LATE, counts), turn);
  }

  // * -> surveying
  #survey(listing: Listing, turn: Turn): void {
    this.#surveying.delete(listing.surveyId);
    Object.assign(listing, freshRound(listing.requirement, turn.now.monoMs));
    listing.rounds++;
    listing.surveyId = ++this.#lastId;
    this.#surveying.set(listing.surveyId, listing);
    if (!this.#room.take(listing, listing.bytes + roundBytes(listing))) {
      if (listing.after !== '') return this.#reply(listing, turn);
      return this.#fail(listing, NO_ROOM, turn);
    }
    const own = this.#options.self.index;
    listing.asked = single(own);
    listing.tally.accept(own);
    this.#inquirer.askNeeded(listing, this.#options.peers.reachable, turn);
    this.#decide(listing, turn);
  }

  #decide(listing: Listing, turn: Turn): void {
    const { tally } = listing;
    if (listing.isCatchingUp || listing.reading !== undefined || listing.rows.length > 0) return;
    if (tally.state === 'lost') {
      const counts = { required: listing.requirement.count, acks: tally.acks };
      const lost = fault('no-quorum', ANSWERS_TOO_FEW, counts);
      if (listing.after === '') this.#fail(listing, lost, turn);
      else this.#reply(listing, turn);
    } else if (tally.state === 'won') {
      listing.hedgeAtMs = Number.POSITIVE_INFINITY;
      this.#readOwn(listing, turn);
    }
  }

  // surveying -> reading
  #readOwn(listing: Listing, turn: Turn): void {
    if (isByStream(listing) && !this.#isCaughtUp(listing, turn)) return;
    listing.isCatchingUp = false;
    const { command, range } = listing;
    const span = spanOfKeys(command.namespace, range.from, range.to);
    const limits = { reverse: command.reverse, limit: keysOf(listing), ...looksAt(command.values) };
    listing.reading = { onRead: (result, then) => this.#onRead(listing, result, then) };
    this.#options.table.reads.in(turn, 'durable').read(span, limits, listing.reading);
  }

  /** Everything that the others have named is durable here. If not, the stream is asked for it. */
  #isCaughtUp(listing: Listing, turn: Turn): boolean {
    const { durable } = this.#options.log;
    let isCaughtUp = true;
    for (const [peer, reply] of listing.answers.entries()) {
      for (const version of reply?.keys ?? []) {
        if (covers(durable, version)) continue;
        isCaughtUp = false;
        if (!listing.isCatchingUp) this.#hasten(peer, version.origin, turn);
      }
    }
    listing.isCatchingUp = !isCaughtUp;
    return isCaughtUp;
  }

  // reading -> resolving
  #merge(listing: Listing, entries: readonly RangeEntry[], more: boolean, turn: Turn): void {
    assert(listing.tally.state === 'won', 'quorum list: enough replicas are compared');
    const own = recordsIn(entries, this.#heal, turn);
    if (own === undefined) {
      return this.#fail(listing, fault('record-corrupt', RANGE_DAMAGED), turn);
    }
    const { self } = this.#options;
    const { reverse } = listing.command;
    const rows = new Map<string, Row>();
    let coveredTo: string | undefined = more ? own.at(-1)?.key : undefined;
    for (const record of own) see(rows, versionOf(record), self.index, record);
    for (const [peer, reply] of listing.answers.entries()) {
      if (reply === undefined) continue;
      if (!isByStream(listing))
        for (const version of reply.keys) see(rows, version, peer, undefined);
      const last: string | undefined = reply.more ? reply.keys.at(-1)?.key : undefined;
      if (last !== undefined && (coveredTo === undefined || isBefore(last, coveredTo, reverse)))
        coveredTo = last;
    }
    const end = coveredTo;
    const covered = [...rows.values()]
      .filter(({ key }) => end === undefined || !isBefore(end, key, reverse))
      .sort((a, b) => (isBefore(a.key, b.key, reverse) ? -1 : 1));
    listing.coveredTo = coveredTo;
    this.#settle(listing, covered, turn.now);
    this.#resolve(listing, turn);
  }

  /** Finds the keys that are to be read. The page ends before there are too many of them. */
  #settle(listing: Listing, covered: readonly Row[], now: Now): void {
    const { command } = listing;
    const shown = new Set<string>();
    const counted = new Set<string>();
    for (const row of covered) {
      row.isOpen = this.#isOpen(listing, row);
      // The local record is older, and the key is not read again.
      if (!row.isOpen && row.newest.isDeleted) row.own = undefined;
      const prefix = foldedPrefix(command, row.key);
      if (prefix !== undefined && isShown(row, now)) shown.add(prefix);
    }
    let room = command.limit + 1 - listing.items.length - listing.prefixes.length;
    let open = 0;
    for (const row of covered) {
      const prefix = foldedPrefix(command, row.key);
      // Its prefix is shown whatever the read finds.
      if (row.isOpen && prefix !== undefined && shown.has(prefix)) continue;
      if (row.isOpen && open === UNSETTLED_MAX) {
        listing.coveredTo = listing.rows.at(-1)?.key;
        break;
      }
      if (row.isOpen) open++;
      listing.rows.push(row);
      if (!isShown(row, now) || (prefix !== undefined && counted.has(prefix))) continue;
      if (prefix !== undefined) counted.add(prefix);
      if (--room > 0) continue;
      listing.coveredTo = row.key;
      break;
    }
    assert(open <= UNSETTLED_MAX, 'quorum list: a round reads a bounded number of keys');
    listing.open = open;
    this.#room.hold(listing, listing.bytes + pageBytes(listing));
  }

  /** The key has to be read to know what the page shows. */
  #isOpen(listing: Listing, row: Row): boolean {
    if (isByStream(listing)) return false;
    const { requirement, namespace } = listing;
    const { log, peers } = this.#options;
    const { newest } = row;
    const all = union(row.holders, peers.holders(newest, log.durable));
    if (!isHeld(requirement, all, namespace.members.length)) return true;
    return !newest.isDeleted && !hasNewest(row);
  }

  #resolve(listing: Listing, turn: Turn): void {
    if (listing.open === 0) return this.#take(listing, turn);
    for (const row of listing.rows) if (row.isOpen) this.#unread.push({ listing, row });
    this.#readRows(turn);
  }

  get #canRead(): boolean {
    if (this.#unread.size === 0) return false;
    const { listing, row } = this.#unread.at(0);
    return this.#window.hasRoom(listing.requirement.count, bytesOf(row));
  }

  #readRows(turn: Turn): void {
    while (this.#canRead) {
      const next = this.#unread.shift();
      if (next !== undefined && this.#running.has(next.listing.id))
        this.#readRow(next.listing, next.row, turn);
    }
  }

  #readRow(listing: Listing, row: Row, turn: Turn): void {
    assert(row.isOpen, 'quorum list: only a key on which replicas differ is read by itself');
    const { namespace, r } = listing.command;
    const timeoutMs = Math.max(listing.deadlineMs - turn.now.monoMs, 1);
    const deadlineMs = turn.now.monoMs + timeoutMs;
    const terms = { namespace: listing.namespace, quorum: listing.requirement, deadlineMs };
    const expected = this.#window.begin(listing.requirement.count, bytesOf(row));
    const client: AnswerOwner = {
      onAnswer: (reply, then) => this.#onRow(listing, row, expected, reply, then),
    };
    const { key } = row;
    const question = {
      kind: 'read',
      namespace,
      key,
      r,
      timeoutMs,
      session: undefined,
      onUnmet: 'fail',
    } as const;
    this.#reads.begin({ ...question, client }, terms, turn);
  }

  #onRow(listing: Listing, row: Row, expected: Expected, reply: Reply, turn: Turn): void {
    const record = recordOfReply(reply);
    this.#window.end(expected, record === undefined ? 0 : encodedOf(record).length);
    onRowRead(row, reply, listing.command.values);
    listing.open--;
    assert(listing.open >= 0, 'quorum list: each key is read once');
    this.#readRows(turn);
    if (!this.#running.has(listing.id)) return;
    this.#room.hold(listing, listing.held + bytesOf(row));
    if (listing.open === 0) this.#take(listing, turn);
  }

  // resolving -> surveying | answered
  #take(listing: Listing, turn: Turn): void {
    assert(listing.open === 0, 'quorum list: keys on which replicas differ are read first');
    const { command, rows, coveredTo, range } = listing;
    for (const row of rows) {
      if (row.failed !== undefined) {
        if (listing.after === '') return this.#fail(listing, row.failed, turn);
        return this.#reply(listing, turn);
      }
      const prefix = foldedPrefix(command, row.key);
      if (!isShown(row, turn.now)) {
        hide(listing, row);
        // A cursor with this prefix covers all keys that begin with it.
        if (prefix !== row.key) listing.after = row.key;
        continue;
      }
      if (prefix !== undefined && prefix === listing.prefixes.at(-1)) continue;
      if (isFull(listing, COMPARED_PAGE_BYTES_MAX)) return this.#reply(listing, turn);
      if (prefix === undefined) keep(listing, row.own as Record);
      else fold(listing, prefix);
    }
    if (coveredTo === undefined) return this.#end(listing, turn);
    const folded = foldedPrefix(command, coveredTo);
    const isLeap = folded !== undefined && folded === listing.prefixes.at(-1);
    if (isLeap) listing.after = folded;
    else if (folded !== coveredTo) listing.after = coveredTo;
    const rest = restOf(range, isLeap ? folded : coveredTo, isLeap, command.reverse);
    if (rest === undefined) return this.#end(listing, turn);
    listing.range = rest;
    if (listing.after !== '' && isEnough(listing, turn.now.monoMs)) this.#reply(listing, turn);
    else this.#survey(listing, turn);
  }

  /** The range is empty after the last found key. */
  #end(listing: Listing, turn: Turn): void {
    listing.after = '';
    this.#reply(listing, turn);
  }

  #reply(listing: Listing, turn: Turn): void {
    this.#leave(listing);
    const shown = [...listing.hidden, ...this.#options.log.durable];
    turn.reply(listing.command.client, listedOf(listing, shown, turn.now.monoMs), 0);
  }

  #fail(listing: Listing, failed: Fault, out: Outbox): void {
    this.#leave(listing);
    out.reply(listing.command.client, { kind: 'failed', fault: failed }, 0);
  }

  #leave(listing: Listing): void {
    const wasRunning = this.#running.delete(listing.id);
    assert(wasRunning, 'quorum list: a list is answered once');
    this.#surveying.delete(listing.surveyId);
    this.#room.hold(listing, 0);
  }
}

function bytesOf({ own }: Row): number {
  return own === undefined ? 0 : encodedOf(own).length;
}

function ask(listing: Listing, peer: number, turn: Turn): void {
  const { surveyId: id, command, range } = listing;
  const { namespace, reverse } = command;
  const question = { kind: 'survey-request', id, namespace, ...range, reverse } as const;
  turn.send(peer, { ...question, limit: keysOf(listing) });
}

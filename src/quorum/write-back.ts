// Reads that have seen a version which too few replicas hold: another read could miss it and go
// back. So it is written back until enough hold it durably, and only then answered (Attiya, Bar-Noy
// and Dolev, "Sharing memory robustly in message-passing systems", 1995; how many are enough:
// model/quorum.ts).
//
//   holding -> won       enough replicas hold the version or a newer one, including this one if
//                        `needsSelf`
//   holding -> lost      the reachable replicas are too few
//   holding -> expired   the deadline came first: whether later reads show the version is unknown
//
// A peer is sent the version (a repair) and asked for its record of the key; it answers when that
// is durable there. A peer that lacks it is asked again, with growing pauses. In `fifo` namespaces
// nothing is sent, since the stream brings it.

import { assert } from '../base/assert.ts';
import type { Asker, Lsn, Turn } from '../model/effect.ts';
import {
  add,
  difference,
  has,
  intersection,
  isSubset,
  listOf,
  type MemberSet,
  remove,
  single,
  union,
} from '../model/member-set.ts';
import type { ReadReply } from '../model/message.ts';
import { isHeld } from '../model/quorum.ts';
import { latestOf, type Record } from '../model/record.ts';
import { includes } from '../conflict/merge.ts';
import type { PendingRead, ReadOutcome } from './get.ts';

const AGAIN_MS = 25;
const AGAIN_MS_MAX = 800;

export interface WriteBackOptions {
  readonly read: PendingRead;
  readonly client: Asker;
  readonly newest: Record;
  /** Members that hold it durably. */
  readonly holders: MemberSet;
  /** The batch that makes it durable here; 0 if it is durable or not visible here. */
  readonly ownLsn: Lsn;
  /** This replica must hold it as well. */
  readonly needsSelf: boolean;
  /** Peers are sent the version; otherwise the stream brings it. */
  readonly repairs: boolean;
}

export interface WriteBack extends WriteBackOptions {
  readonly id: number;
  holders: MemberSet;
  ownLsn: Lsn;
  againMs: number;
  againAtMs: number;
}

export type WriteBackFinish = (writeBack: WriteBack, outcome: ReadOutcome, turn: Turn) => void;

export class WriteBacks {
  readonly #self: number;
  readonly #replicas: number;
  readonly #nextId: () => number;
  readonly #finish: WriteBackFinish;
  readonly #waiting = new Map<number, WriteBack>();

  /** `nextId` gives ids that no read has. */
  constructor(self: number, replicas: number, nextId: () => number, finish: WriteBackFinish) {
    this.#self = self;
    this.#replicas = replicas;
    this.#nextId = nextId;
    this.#finish = finish;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  begin(options: WriteBackOptions, connected: MemberSet, turn: Turn): void {
    const id = this.#nextId();
    const writeBack: WriteBack = { ...options, id, againMs: AGAIN_MS, againAtMs: 0 };
    assert(!this.#waiting.has(id), 'write-back: each has a number of its own');
    this.#waiting.set(id, writeBack);
    const { read, holders, ownLsn } = writeBack;
    const isHere = has(holders, this.#self);
    assert(
      !isHere || ownLsn === 0,
      'write-back: a version that is durable here waits for no batch',
    );
    // Members that have answered are alive; the others are asked if those are too few.
    const alive = add(read.tally.yes, this.#self);
    const suffice = isHeld(read.tally.requirement, union(holders, alive), this.#replicas);
    this.#ask(writeBack, suffice ? intersection(connected, alive) : connected, turn);
    this.#decide(writeBack, connected, turn);
  }

  /** True if it was waiting for this reply. */
  onReply(peer: number, reply: ReadReply, connected: MemberSet, turn: Turn): boolean {
    const writeBack = this.#waiting.get(reply.id);
    if (writeBack === undefined) return false;
    const { newest } = writeBack;
    const { answer, record } = reply;
    const isNewer =
      record !== undefined &&
      record.namespace === newest.namespace &&
      record.key === newest.key &&
      includes(record, newest);
    if (answer === 'same' || isNewer) this.#onHolders(writeBack, single(peer), connected, turn);
    return true;
  }

  /** Batches up to `lsn` are durable here. */
  onDurable(lsn: Lsn, connected: MemberSet, turn: Turn): void {
    const self = single(this.#self);
    for (const writeBack of this.#waiting.values()) {
      if (writeBack.ownLsn === 0 || writeBack.ownLsn > lsn) continue;
      writeBack.ownLsn = 0;
      this.#onHolders(writeBack, self, connected, turn);
    }
  }

  /** Members are known to hold more; `holders` returns the holders of a version. */
  onProgress(holders: (newest: Record) => MemberSet, connected: MemberSet, turn: Turn): void {
    for (const writeBack of this.#waiting.values())
      this.#onHolders(writeBack, holders(writeBack.newest), connected, turn);
  }

  onDisconnected(connected: MemberSet, turn: Turn): void {
    for (const writeBack of this.#waiting.values()) this.#decide(writeBack, connected, turn);
  }

  onDue(connected: MemberSet, turn: Turn): void {
    if (!turn.takeDue('write-back')) return;
    for (const writeBack of this.#waiting.values()) {
      if (writeBack.read.deadlineMs <= turn.now.monoMs) this.#end(writeBack, 'expired', turn);
      else if (writeBack.againAtMs <= turn.now.monoMs) this.#ask(writeBack, connected, turn);
      else watch(writeBack, turn);
    }
  }

  /** Forgets all waiting reads; returns their clients. */
  abandon(): Asker[] {
    const clients = [...this.#waiting.values()].map(({ client }) => client);
    this.#waiting.clear();
    return clients;
  }

  #ask(writeBack: WriteBack, members: MemberSet, turn: Turn): void {
    const { id, newest, holders, repairs } = writeBack;
    const { namespace, key } = newest;
    const known = latestOf(newest);
    for (const peer of listOf(remove(difference(members, holders), this.#self))) {
      if (repairs) turn.send(peer, { kind: 'repair', record: newest });
      turn.send(peer, { kind: 'read-request', id, namespace, key, known });
    }
    writeBack.againAtMs = turn.now.monoMs + writeBack.againMs;
    writeBack.againMs = Math.min(writeBack.againMs * 2, AGAIN_MS_MAX);
    watch(writeBack, turn);
  }

  #onHolders(writeBack: WriteBack, holders: MemberSet, connected: MemberSet, turn: Turn): void {
    if (isSubset(holders, writeBack.holders)) return;
    writeBack.holders = union(writeBack.holders, holders);
    this.#decide(writeBack, connected, turn);
  }

  #decide(writeBack: WriteBack, connected: MemberSet, turn: Turn): void {
    const { read, holders, needsSelf } = writeBack;
    const { requirement } = read.tally;
    const isHere = has(holders, this.#self);
    if (isHeld(requirement, holders, this.#replicas) && (isHere || !needsSelf))
      this.#end(writeBack, 'won', turn);
    else if (!isHeld(requirement, union(holders, connected), this.#replicas))
      this.#end(writeBack, 'lost', turn);
  }

  #end(writeBack: WriteBack, outcome: ReadOutcome, turn: Turn): void {
    if (this.#waiting.delete(writeBack.id)) this.#finish(writeBack, outcome, turn);
  }
}

function watch({ againAtMs, read }: WriteBack, turn: Turn): void {
  turn.arm('write-back', Math.min(againAtMs, read.deadlineMs));
}

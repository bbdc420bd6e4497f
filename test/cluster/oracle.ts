// An observer of every disk that compares each statement of a replica with the disks at that moment
// (ARCHITECTURE.md, durable before visible). Clients see a false statement only if a crash falls
// into the right milliseconds; here every reply and every message is checked.
//
//  written                    as many disks hold the write as the reply counts
//  found, forward-reply       the version shown, or a later one, is on the disk of the replica that
//                             shows it; if several replicas have answered, on enough disks that no
//                             read of a majority misses it
//  read-reply, tree-records   the version shown, or a later one, is on the disk of the replica that
//                             shows it
//  ack, heartbeat …           the vector in the message is on the disk of its sender

import { type Dot, formatDot, type LaneId, type Seq } from '../../src/model/id.ts';
import { decodeRecord } from '../../src/model/encoding.ts';
import type { Message } from '../../src/model/message.ts';
import { UNREADABLE } from '../../src/model/port.ts';
import { majority } from '../../src/model/quorum.ts';
import { includes } from '../../src/conflict/merge.ts';
import { latestOf, type Record, recordOf } from '../../src/model/record.ts';
import type { Found, Reply } from '../../src/model/reply.ts';
import { storedHeads } from '../../src/store/tip.ts';
import { recordKey } from '../../src/store/layout.ts';
import type { MemoryDisk } from './memory-disk.ts';
import { entriesBehindMarks, markOf } from './stored.ts';

export interface Audited {
  readonly index: number;
  readonly disk: MemoryDisk;
}

const LIES_MAX = 10;

export class Oracle {
  /** False statements, up to a bound. */
  readonly lies: string[] = [];
  /**
   * The replicas whose disks may lose what they held: as copies, they count for what they once
   * reported.
   */
  readonly forgetful = new Set<number>();
  /** N, if it does not change. */
  replicas: number | undefined;

  onReply(who: Audited, reply: Reply, all: readonly Audited[]): void {
    // What another replica answered is on that one's disk, which was checked when it answered
    // (onSend).
    if (reply.kind === 'found') {
      if (reply.heldBy === undefined) this.#onFound(who, reply, all);
    } else if (reply.kind === 'written') {
      const copies = all.filter((each) => this.#counts(each, reply.dot)).length;
      if (copies < reply.acks) {
        const dot = formatDot(reply.dot.origin, reply.dot.seq);
        this.#note(who, `counts ${reply.acks} copies of ${dot}, of which there are ${copies}`);
      }
    }
  }

  #onFound(
    who: Audited,
    { record, answers }: Omit<Found, 'heldBy'>,
    all: readonly Audited[],
  ): void {
    const dot = formatDot(latestOf(record).origin, latestOf(record).seq);
    if (answers === 1) {
      if (!hasRecord(who.disk, record)) this.#note(who, `shows ${dot}, which is not on its disk`);
      return;
    }
    const { replicas = Number.POSITIVE_INFINITY } = this;
    const needed = 2 * answers > replicas ? replicas - majority(replicas) + 1 : 1;
    const holders = all.filter(
      ({ index, disk }) => this.forgetful.has(index) || hasRecord(disk, record),
    );
    if (holders.length < needed)
      this.#note(who, `answers ${dot} of ${answers} replicas, which is on ${holders.length} disks`);
  }

  onSend(who: Audited, message: Message, all: readonly Audited[]): void {
    if (message.kind === 'read-reply') {
      const { record } = message;
      if (record === undefined || hasRecord(who.disk, record)) return;
      this.#note(
        who,
        `shows a peer ${formatDot(latestOf(record).origin, latestOf(record).seq)}, which is not on its disk`,
      );
    } else if (message.kind === 'forward-reply') {
      const { answer } = message;
      if (answer.kind === 'found') this.#onFound(who, answer, all);
      if (answer.kind !== 'listed') return;
      for (const record of answer.items)
        if (!hasRecord(who.disk, record))
          this.#note(
            who,
            `answers ${formatDot(latestOf(record).origin, latestOf(record).seq)}, not on its disk`,
          );
    } else if (message.kind === 'tree-records') {
      for (const record of message.records)
        if (!hasRecord(who.disk, record))
          this.#note(
            who,
            `gives ${formatDot(latestOf(record).origin, latestOf(record).seq)} away, not on its disk`,
          );
    } else if ('vector' in message) {
      const head = headsOn(who.disk);
      for (const [origin, seq] of message.vector) {
        const held = head(origin);
        if (held >= seq) continue;
        this.#note(
          who,
          `tells in ${message.kind} that it holds ${origin} to ${seq}, and holds ${held}`,
        );
      }
    }
  }

  #counts({ index, disk }: Audited, { origin, seq }: Dot): boolean {
    return this.forgetful.has(index) || headsOn(disk)(origin) >= seq;
  }

  #note({ index }: Audited, what: string): void {
    if (this.lies.length < LIES_MAX) this.lies.push(`replica ${index} ${what}`);
  }
}

/** How far the disk holds each log. If it cannot be read, any statement is accepted. */
function headsOn(disk: MemoryDisk): (lane: LaneId) => Seq {
  const head = storedHeads((key) => disk.get(key));
  return (lane) => head(lane) ?? Number.POSITIVE_INFINITY;
}

/**
 * The table on disk has the version or a newer one, or the logs behind the last checkpoint have it,
 * which a start replays.
 */
function hasRecord(disk: MemoryDisk, record: Record): boolean {
  const bytes = disk.get(recordKey(record.namespace, record.key));
  const stored = bytes === undefined || bytes === UNREADABLE ? undefined : decodeRecord(bytes);
  if (bytes !== undefined && stored === undefined) return true;
  return includes(stored, record) || isLogged(disk, record);
}

function isLogged(disk: MemoryDisk, record: Record): boolean {
  const { origin, seq } = latestOf(record);
  if (seq > markOf(disk, origin) && seq <= headsOn(disk)(origin)) return true;
  const { namespace, key } = record;
  return (
    entriesBehindMarks(disk)?.some(
      (entry) =>
        entry.key === key && entry.namespace === namespace && includes(recordOf(entry), record),
    ) ?? true
  );
}

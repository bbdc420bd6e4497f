// Read repair: replicas that have answered a read without its newest version get it, this one
// included, so that a difference which a read has found does not last. A repair merges an existing
// version and never mints one. A record that was deleted here meanwhile is not merged
// (store/absence.ts).
//
// In `fifo` namespaces a single record would overtake its origin's earlier writes: there the stream
// repairs, and repairs of peers are ignored.
//
// A read that has to wait until enough replicas hold the version repairs again and again meanwhile
// (write-back.ts).

import { assert } from '../base/assert.ts';
import { includes } from '../conflict/merge.ts';
import type { Outbox, Turn } from '../model/effect.ts';
import type { HybridClock } from '../model/hlc.ts';
import { difference, listOf, remove } from '../model/member-set.ts';
import type { Repair } from '../model/message.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Namespaces } from '../model/namespaces.ts';
import type { Member } from '../model/quorum.ts';
import { type Record, stampOf } from '../model/record.ts';
import type { Absence } from '../store/absence.ts';
import type { Room } from '../store/room.ts';
import { holdersAmong, type PendingRead } from './get.ts';

export interface ReadRepairOptions {
  readonly absence: Absence;
  readonly clock: HybridClock;
  readonly metrics: Metrics;
  readonly namespaces: Namespaces;
  readonly room: Room;
  readonly self: Member;
}

export class ReadRepair {
  readonly #options: ReadRepairOptions;

  constructor(options: ReadRepairOptions) {
    this.#options = options;
  }

  /**
   * `own` is this replica's record. `isDurable`: some replica has the version on its disk. Until
   * then no peer may get it, and the stream brings it.
   */
  repair(
    read: PendingRead,
    newest: Record,
    own: Record | undefined,
    isDurable: boolean,
    out: Outbox,
  ): void {
    assert(read.rules.level.repairs === 'record', 'read repair: not where the stream repairs');
    const { absence, metrics, self } = this.#options;
    if (!includes(own, newest)) {
      metrics.readRepairs++;
      absence.admit(newest, out);
    }
    if (!isDurable) return;
    const lacking = difference(read.tally.yes, holdersAmong(read, newest));
    for (const peer of listOf(remove(lacking, self.index))) {
      metrics.readRepairs++;
      out.send(peer, { kind: 'repair', record: newest });
    }
  }

  /** A peer found that a record is missing here. */
  onRepair({ record }: Repair, turn: Turn): void {
    const { absence, clock, metrics, namespaces, room } = this.#options;
    if (namespaces.find(record.namespace)?.level.repairs !== 'record') return;
    if (!room.takeCopies([record])) return;
    if (clock.witness(stampOf(record), turn.now.wallMs)) absence.admit(record, turn);
    else metrics.clockRefusals++;
  }
}

// Truncates logs below the stable cut with each heartbeat. As many entries are retained as the
// settings say, for peers that come back soon; none where the disk is low. A log is cut behind a
// block, and so never within a run.

import { assert } from '../base/assert.ts';
import type { Outbox } from '../model/effect.ts';
import type { Seq } from '../model/id.ts';
import type { Settings } from '../model/settings.ts';
import { seqOf } from '../model/vector.ts';
import type { Peers } from '../peers/peers.ts';
import type { Lane } from '../store/lane.ts';
import type { Log } from '../store/log.ts';
import type { Room } from '../store/room.ts';

export interface TruncationOptions {
  readonly log: Log;
  readonly peers: Peers;
  readonly room: Room;
  readonly settings: Settings;
}

export class Truncation {
  readonly #options: TruncationOptions;

  constructor(options: TruncationOptions) {
    this.#options = options;
  }

  onBeat(out: Outbox): void {
    const { log, peers, room, settings } = this.#options;
    const retained = room.isLow ? 0 : settings.logRetainEntries;
    const least = room.isLow ? 1 : settings.logTruncateEntries;
    const cut = peers.stableCut(log.durable);
    for (const lane of log.lanes()) {
      const upTo = Math.min(seqOf(cut, lane.id), lane.durable - retained);
      const floor = Math.min(upTo, lane.marked.received);
      if (floor - lane.floor >= least) this.#truncateLane(lane, floor, out);
    }
  }

  /** Up to the last block that ends at that entry or before it. */
  #truncateLane(lane: Lane, upTo: Seq, out: Outbox): void {
    const end = lane.endUpTo(upTo);
    if (end === undefined) return;
    assert(end.seq <= upTo, 'truncation: not beyond the stable cut');
    this.#options.log.truncate(lane, end, out);
  }
}

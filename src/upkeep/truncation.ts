// Truncates logs below the stable cut with each heartbeat. As many entries are retained as
// configured, for peers that return soon; none while the disk is low. A log is cut at the beginning
// of a run, never within one.

import { assert } from '../base/assert.ts';
import type { Outbox } from '../model/effect.ts';
import { decodeMutation } from '../model/encoding.ts';
import type { Seq } from '../model/id.ts';
import { type Storage, UNREADABLE } from '../model/port.ts';
import type { Mutation } from '../model/record.ts';
import { firstOfRun, lastOfRun } from '../model/run.ts';
import type { Settings } from '../model/settings.ts';
import { seqOf } from '../model/vector.ts';
import type { Peers } from '../peers/peers.ts';
import type { Lane } from '../store/lane.ts';
import { laneKey } from '../store/layout.ts';
import type { Log } from '../store/log.ts';
import type { Room } from '../store/room.ts';

export interface TruncationOptions {
  readonly get: Storage['get'];
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
      const floor = Math.min(seqOf(cut, lane.id), lane.durable - retained);
      if (floor - lane.floor >= least) this.#truncateLane(lane, floor, out);
    }
  }

  /** Up to this position, or to the end of the run before: a log begins with a whole run. */
  #truncateLane(lane: Lane, upTo: Seq, out: Outbox): void {
    const last = this.#entryAt(lane, upTo);
    const isCut = last !== undefined && lastOfRun(last) > upTo;
    const floor = isCut ? firstOfRun(last) - 1 : upTo;
    assert(floor <= upTo, 'truncation: not beyond the stable cut');
    if (floor <= lane.floor) return;
    const chain = isCut ? this.#entryAt(lane, floor)?.chain : last?.chain;
    if (chain === undefined) out.note('error', 'log-unreadable', { origin: lane.id, seq: floor });
    else this.#options.log.truncate(lane, floor, chain, out);
  }

  #entryAt(lane: Lane, seq: Seq): Mutation | undefined {
    if (seq >= lane.tailFrom) return lane.at(seq);
    const bytes = this.#options.get(laneKey(lane.id, seq));
    return bytes === undefined || bytes === UNREADABLE ? undefined : decodeMutation(bytes);
  }
}

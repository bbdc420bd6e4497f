// How long this replica's own commit has been in progress. A hanging disk reports nothing: only the
// age of the commit reveals it. Each heartbeat carries it to the peers, so that a heartbeat never
// claims more than the write path does (trap 57).
//
// Without writes there is no commit to observe. So a replica that has committed nothing for a
// second commits its clock floor, in the same way as writes: a disk that hangs or fails is noticed
// within IDLE_MS and a heartbeat, then by the age of that commit. That is one fsync a second on an
// idle replica, and none while writes flow. The floor itself is useful: stamps do not go back over
// a restart, not even below stamps that were only heard of.

import type { Outbox, Turn } from '../model/effect.ts';
import type { Hlc, HybridClock } from '../model/hlc.ts';
import type { Storage } from '../model/port.ts';
import { sealStamp, unsealStamp } from '../store/envelope.ts';
import { metaKey } from '../store/layout.ts';

/** How long after the end of the last commit. */
const IDLE_MS = 1000;
const FLOOR = metaKey('clock-floor');

export class CommitAge {
  #beganMs: number | undefined;
  #endedMs = Number.NEGATIVE_INFINITY;
  /** While the disk is almost full the idle commit is skipped, so that reads continue. */
  isDiskLow = false;

  // idle -> committing
  onSeal(nowMs: number): void {
    this.#beganMs = nowMs;
  }

  // committing -> idle
  onDurable(nowMs: number): void {
    this.#beganMs = undefined;
    this.#endedMs = nowMs;
  }

  /** With every heartbeat. */
  onBeat(floor: Hlc, turn: Turn): void {
    if (this.isDiskLow || this.#beganMs !== undefined || turn.now.monoMs - this.#endedMs < IDLE_MS)
      return;
    turn.put(FLOOR, sealStamp(floor));
  }

  /** 0 if no commit is in progress. */
  commitAgeMs(nowMs: number): number {
    return this.#beganMs === undefined ? 0 : Math.max(nowMs - this.#beganMs, 0);
  }
}

interface FloorOptions {
  readonly clock: HybridClock;
  readonly get: Storage['get'];
}

/**
 * No stamp of this incarnation is below the floor that the last one committed. An unreadable floor
 * is noted and does not halt the replica: stamps in the logs are above it or were never written
 * here.
 */
export function raiseToFloor({ clock, get }: FloorOptions, out: Outbox): void {
  const stored = get(FLOOR);
  if (stored === undefined) return;
  const floor = unsealStamp(stored);
  if (floor === undefined) out.note('error', 'clock-floor-damaged', {});
  else clock.raise(floor);
}

// When a replica is ready. GET /readyz says what is amiss, and the metric conit_ready whether
// anything is; both judge by these checks.

import { isTrusted } from './clock.ts';
import { majority } from './quorum.ts';
import type { ReplicaState, Status } from './status.ts';

export interface Check {
  readonly name: string;
  readonly ok: boolean;
  /** What the check found, good or bad. */
  readonly detail: string;
}

/** What /readyz answers without parameters. */
export function passesAll(status: Status): boolean {
  const checks = [checkState(status.self.state), ...hostChecks(status), checkMajority(status)];
  return checks.every(({ ok }) => ok);
}

export function checkState(state: ReplicaState): Check {
  return check('serving', state === 'serving', `the replica is ${state}`);
}

/** The checks of the disk and the clock. For reads alone, room for writes does not matter. */
export function hostChecks(status: Status, isForReads = false): Check[] {
  const room = isForReads ? [] : [checkRoom(status)];
  return [checkDisk(status), ...room, checkClock(status)];
}

export function checkMajority({ peers }: Status): Check {
  const reached = peers.filter(({ connected }) => connected).length + 1;
  return checkQuorum(reached >= majority(peers.length + 1), reached, peers.length + 1);
}

export function checkQuorum(ok: boolean, reached: number, replicas: number): Check {
  return check('quorum', ok, `${reached} of ${replicas} replicas can be reached`);
}

export function check(name: string, ok: boolean, detail: string): Check {
  return { name, ok, detail };
}

function checkDisk({ self: { isStalled, commitAgeMs } }: Status): Check {
  const age = Math.round(commitAgeMs);
  const detail = commitAgeMs === 0 ? 'no commit is under way' : `a commit has taken ${age} ms`;
  return check('disk', !isStalled, detail);
}

/** Reads and deletes still work; a client that only reads may ask with `op=read`. */
function checkRoom({ self: { isDiskLow } }: Status): Check {
  const detail = isDiskLow
    ? 'the disk is almost full: writes are refused, reads and deletes go on'
    : 'the disk has room for writes';
  return check('low-disk', !isDiskLow, detail);
}

/** An untrusted clock stamps no write. */
function checkClock({ self: { clock } }: Status): Check {
  const ms = Math.round(Math.abs(clock.aheadMs));
  const apart = `${ms} ms ${clock.aheadMs < 0 ? 'behind' : 'ahead of'} that of a majority`;
  if (clock.state === 'disputed')
    return check(
      'clock',
      false,
      'clock-drift: it differs from those of the peers, and no majority agrees',
    );
  const isFit = isTrusted(clock);
  return check('clock', isFit, isFit ? `${clock.state}: ${apart}` : `clock-drift: it is ${apart}`);
}

// The commits of a replica without writes, and what they leave behind.

import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { createHybridClock, hlcFromMs, hlcToMs } from '../../../src/model/hlc.ts';
import { CommitAge, raiseToFloor } from '../../../src/lag/commit-age.ts';
import { metaKey } from '../../../src/store/layout.ts';
import { KeyMap } from '../../support/key-map.ts';

const BEAT_MS = 200;

let commitAge: CommitAge;
let out: HostTurn;
let nowMs = 0;
let commits = 0;
let storage: KeyMap;

/** A heartbeat, and the commit of what it wrote, which takes `commitMs`. */
function beat(commitMs = 0): void {
  nowMs += BEAT_MS;
  commitAge.onBeat(hlcFromMs(5000 + nowMs), out.at({ monoMs: nowMs, wallMs: 0 }));
  if (out.hasWrites) commit(commitMs);
}

function commit(commitMs = 0): void {
  commitAge.onSeal(nowMs);
  storage.apply(out.takeBatch());
  commits++;
  if (commitMs < Number.POSITIVE_INFINITY) commitAge.onDurable(nowMs + commitMs);
}

beforeEach(() => {
  [commitAge, out, storage, nowMs, commits] = [new CommitAge(), new HostTurn(), new KeyMap(), 0, 0];
});

describe('a replica without writes', () => {
  it('commits once a second, and not with every heartbeat', () => {
    for (let n = 0; n < 50; n++) beat();
    expect(commits).toBe(10);
  });

  it('adds no commit while writes are committed at least as often', () => {
    for (let n = 0; n < 50; n++) {
      commit();
      beat();
    }
    expect(commits).toBe(50);
  });

  it('reports the age of a commit that hangs, and starts no second one', () => {
    beat(Number.POSITIVE_INFINITY);
    const beganMs = nowMs;
    for (let n = 0; n < 20; n++) beat();
    expect([commits, commitAge.commitAgeMs(nowMs)]).toEqual([1, nowMs - beganMs]);
    commitAge.onDurable(nowMs);
    expect(commitAge.commitAgeMs(nowMs)).toBe(0);
    for (let n = 0; n < 5; n++) beat();
    expect(commits).toBe(2);
  });
});

describe('a replica whose disk is almost full', () => {
  it('makes no idle commits', () => {
    commitAge.isDiskLow = true;
    for (let n = 0; n < 20; n++) beat();
    expect(commits).toBe(0);
    commitAge.isDiskLow = false;
    beat();
    expect(commits).toBe(1);
  });
});

describe('the clock floor', () => {
  it('is the least stamp of the next incarnation, wherever its clock has gone', () => {
    for (let n = 0; n < 10; n++) beat();
    const clock = createHybridClock(500);
    raiseToFloor({ clock, get: storage.get }, out);
    expect(hlcToMs(clock.tick(3000))).toBeGreaterThanOrEqual(6000);
    expect(out.notes).toEqual([]);
  });

  it('is reported as damaged if it is, and the incarnation begins without it', () => {
    beat();
    const clock = createHybridClock(500);
    storage.damage(metaKey('clock-floor'), 3);
    raiseToFloor({ clock, get: storage.get }, out);
    expect(clock.last).toBe(0);
    expect(out.notes).toMatchObject([{ level: 'error', event: 'clock-floor-damaged' }]);
  });
});

// Wrong clocks: a replica whose clock is further from that of a majority than the bound stamps
// nothing, and a write is never acknowledged that would lose to the version that it replaces.

import { describe, expect, it } from 'vitest';
import { Cluster, putOf, shown } from '../cluster/cluster.ts';
import { latestOf } from '../../src/model/record.ts';

const START = Date.UTC(2024, 0, 1);
const ABSENT = ['absent', 'absent', 'absent'];
const clockOf = (cluster: Cluster, n: number): string => cluster.status(n).self.clock.state;
const clocks = (...offsets: number[]) => offsets.map((ms) => ({ wallStartMs: START + ms }));

describe('a replica whose clock is further off than the bound', () => {
  for (const [how, ms] of [
    ['ahead', 3000],
    ['behind', -3_600_000],
  ] as const)
    it(`${how} refuses writes before it stamps them, and serves reads; the others serve both`, () => {
      const cluster = new Cluster({ clocks: clocks(ms, 0, 0) });
      cluster.settle();
      for (const w of [1, 'majority', 'all'] as const)
        expect(shown(cluster.put(0, 'a', 'by a wrong clock', { w }))).toBe('clock-drift');
      expect(clockOf(cluster, 0)).toBe('drifted');
      expect(cluster.status(0).self.vector).toEqual([]);
      expect(shown(cluster.put(1, 'a', 'one', { w: 'all' }))).toBe('eu-1.1.1');
      expect([0, 1, 2].map((n) => cluster.value(n, 'a'))).toEqual(['one', 'one', 'one']);
      expect(cluster.notes.filter(({ event }) => event === 'clock-drift')).toHaveLength(1);
    });

  it('accepts writes again by itself when its clock is set right', () => {
    const cluster = new Cluster();
    cluster.settle();
    cluster.jump(0, 600_000);
    expect(shown(cluster.put(0, 'a', 'one', { w: 1 }))).toBe('clock-drift');
    cluster.run(2000);
    cluster.replica(0).setClockRight();
    expect(shown(cluster.put(0, 'a', 'two', { w: 'all' }))).toBe('ap-1.1.1');
  });

  it('within the bound stamps as the others do, so that later writes win', () => {
    const cluster = new Cluster({ clocks: clocks(400, 0, -400) });
    cluster.settle();
    for (const n of [0, 2, 1]) cluster.put(n, 'a', `by ${n}`, { w: 3 });
    for (const n of [0, 1, 2]) expect(cluster.value(n, 'a')).toBe('by 1');
  });
});

describe('a clock that jumps for a second between two heartbeats', () => {
  const namespaces = { ns: {}, bounded: { staleAfter: { timeMs: 1000 } } };

  for (const ms of [600_000, -600_000])
    it(`by ${ms} ms stamps no write wrongly, and makes no replica stale`, () => {
      const cluster = new Cluster({ namespaces });
      cluster.settle();
      cluster.run(1500);
      cluster.put(1, 'a', 'before', { w: 'all' });
      cluster.jump(0, ms);
      expect(shown(cluster.put(0, 'a', 'meanwhile', { w: 1 }))).toBe('clock-drift');
      cluster.run(1000);
      cluster.jump(0, -ms);
      for (let n = 0; n < 10; n++) {
        expect([0, 1, 2].map((at) => cluster.value(at, 'k', 'bounded'))).toEqual(ABSENT);
        cluster.run(200);
      }
      expect(shown(cluster.put(0, 'a', 'after', { w: 'majority' }))).toBe('ap-1.1.1');
      cluster.settle();
      expect([0, 1, 2].map((n) => cluster.value(n, 'a'))).toEqual(['after', 'after', 'after']);
    });
});

describe('a replica that hears no majority', () => {
  it('stamps by the last agreed time, whatever its clock does', () => {
    const cluster = new Cluster();
    cluster.settle();
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    cluster.run(4000);
    cluster.jump(0, 600_000);
    expect(shown(cluster.put(0, 'a', 'one', { w: 1 }))).toBe('ap-1.1.1');
    cluster.jump(0, -1_200_000);
    expect(shown(cluster.put(0, 'a', 'two', { w: 1 }))).toBe('ap-1.1.2');
    expect(clockOf(cluster, 0)).toBe('held');
    cluster.put(1, 'a', 'later', { w: 2 });
    cluster.network.healAll();
    cluster.runUntil(() => cluster.value(0, 'a') === 'later');
    cluster.runUntil(() => clockOf(cluster, 0) === 'drifted');
  });

  it('of two that differ stamps if it had agreed before', () => {
    const options = { regions: ['ap', 'eu'], clocks: clocks(0, 0).map((clock) => ({ ...clock })) };
    const cluster = new Cluster(options);
    cluster.settle();
    cluster.crash(0);
    options.clocks[0] = { wallStartMs: START + 3_600_000 };
    cluster.restart(0);
    cluster.settle();
    expect(shown(cluster.put(0, 'a', 'one', { w: 1 }))).toBe('clock-drift');
    expect(clockOf(cluster, 0)).toBe('disputed');
    expect(shown(cluster.put(1, 'a', 'one', { w: 'all' }))).toBe('eu-1.1.1');
  });
});

describe('a replica that began alone with a clock that is ahead', () => {
  const namespaces = {
    ns: {},
    fi: { consistency: 'fifo' },
    bounded: { staleAfter: { timeMs: 1000 }, onIsolated: 'accept' },
  };
  const AHEAD_MS = 60_000;

  /**
   * `ap-1` has written by its own clock, and is heard again; its clock may be corrected meanwhile.
   */
  function begun(isSetRight: boolean): Cluster {
    const options = { namespaces, clocks: clocks(0, 0, 0).map((clock) => ({ ...clock })) };
    const cluster = new Cluster(options);
    cluster.settle();
    cluster.put(1, 'old', 'one', { ns: 'bounded', w: 'all' });
    cluster.crash(0);
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    options.clocks[0] = { wallStartMs: START + AHEAD_MS };
    cluster.restart(0);
    cluster.run(4000);
    for (const ns of ['ns', 'fi', 'bounded'])
      expect(shown(cluster.put(0, 'a', 'ahead', { ns, w: 1 }))).toMatch(/^ap-1\.2\./);
    if (isSetRight) cluster.jump(0, -AHEAD_MS);
    cluster.network.healAll();
    cluster.run(2000);
    return cluster;
  }

  const stands = (cluster: Cluster): void => {
    for (let n = 0; n < 10; n++) {
      for (const at of [1, 2]) {
        expect(cluster.value(at, 'old', 'bounded')).toBe('one');
        expect(cluster.value(at, 'a')).toBe('absent');
        expect(cluster.status(at).self.state).toBe('serving');
      }
      cluster.run(300);
    }
  };

  for (const isSetRight of [false, true])
    it(`and ${isSetRight ? 'was' : 'is not'} set right makes no replica stale, and its writes become visible in time`, () => {
      const cluster = begun(isSetRight);
      stands(cluster);
      expect(shown(cluster.put(0, 'b', 'more', { w: 1 }))).toBe('clock-drift');
      expect(shown(cluster.put(1, 'a', 'by the right clock', { w: 'majority' }))).toBe('eu-1.1.2');
      cluster.run(AHEAD_MS);
      for (const at of [1, 2]) {
        expect(cluster.value(at, 'a', 'fi')).toBe('ahead');
        expect(cluster.value(at, 'a', 'bounded')).toBe('ahead');
      }
      cluster.replica(0).setClockRight();
      cluster.jump(0, -AHEAD_MS);
      cluster.run(1000);
      expect(shown(cluster.put(0, 'b', 'more', { w: 'all' }))).toMatch(/^ap-1\./);
    });

  it('is distinguished from a replica that is late, in the reports of the others', () => {
    const cluster = begun(false);
    const seen = () =>
      cluster.status(1).peers.map(({ id, isStampedAhead }) => [id, isStampedAhead]);
    expect(seen()).toEqual([
      ['ap-1', true],
      ['us-1', false],
    ]);
    cluster.run(AHEAD_MS);
    expect(seen()[0]).toEqual(['ap-1', false]);
  });

  it('makes no replica stale when the time of its stamps comes', () => {
    const cluster = begun(false);
    const untilMs = cluster.nowMs + AHEAD_MS;
    while (cluster.nowMs < untilMs) {
      for (const at of [1, 2]) expect(cluster.value(at, 'old', 'bounded')).toBe('one');
      cluster.run(20);
    }
    for (const at of [1, 2]) expect(cluster.value(at, 'a', 'bounded')).toBe('ahead');
  });

  it('still counts as heard: a replica that hears only it has a majority, and is not stale', () => {
    const cluster = begun(false);
    cluster.crash(2);
    for (let n = 0; n < 20; n++) {
      expect(cluster.value(1, 'old', 'bounded')).toBe('one');
      cluster.run(200);
    }
  });

  it('makes the answers of the others say that they may lack its writes', () => {
    const cluster = begun(false);
    const writtenMs = cluster.nowMs - 2000;
    for (let n = 0; n < 10; n++) {
      for (const at of [1, 2]) {
        const reply = cluster.get(at, 'a', { ns: 'bounded', r: 1 });
        const claimedMs =
          reply !== 'broken' && reply.kind === 'absent' && reply.stalenessMs !== 'unknown'
            ? reply.stalenessMs
            : Number.POSITIVE_INFINITY;
        expect(claimedMs).toBeGreaterThanOrEqual(cluster.nowMs - writtenMs);
      }
      cluster.run(300);
    }
  });

  it('gets no acknowledgement, and the entries that were held survive a restart', () => {
    const cluster = begun(false);
    expect(cluster.status(1).self.vector.map(([of]) => of)).not.toContain('ap-1.2');
    for (const n of [1, 2]) {
      cluster.crash(n);
      cluster.restart(n);
    }
    cluster.run(2000);
    stands(cluster);
    // Its peers cannot ask it any more: entries that arrive now were on their own disks.
    cluster.crash(0);
    cluster.run(AHEAD_MS);
    for (const at of [1, 2]) expect(cluster.value(at, 'a', 'fi')).toBe('ahead');
  });

  it('has each write shown when it is due, from disk after a restart, also where it cannot be asked again', () => {
    const options = { clocks: clocks(0, 0, 0).map((clock) => ({ ...clock })) };
    const cluster = new Cluster(options);
    cluster.settle();
    cluster.crash(0);
    cluster.cut(0, 1);
    cluster.cut(0, 2);
    options.clocks[0] = { wallStartMs: START + AHEAD_MS };
    cluster.restart(0);
    cluster.run(4000);
    const values = ['one', 'two', 'three', 'four'];
    for (const value of values) {
      cluster.put(0, 'a', value, { w: 1 });
      cluster.run(5000);
    }
    cluster.network.healAll();
    cluster.run(2000);
    cluster.crash(0);
    for (const value of values) {
      cluster.runUntil(() => cluster.value(1, 'a') === value, AHEAD_MS * 2);
      for (const n of [1, 2]) {
        cluster.crash(n);
        cluster.restart(n);
      }
      cluster.run(2000);
      expect([1, 2].map((n) => cluster.value(n, 'a'))).toEqual([value, value]);
    }
    for (const n of [1, 2])
      expect(cluster.replica(n).host?.metrics).toMatchObject({
        streamDuplicates: 0,
        streamGaps: 0,
      });
  });
});

describe('a replica whose clock went back between two incarnations', () => {
  it('refuses writes while a majority reports another time', () => {
    const options = { clocks: clocks(0, 0, 0).map((clock) => ({ ...clock })) };
    const cluster = new Cluster(options);
    cluster.settle();
    cluster.put(0, 'a', 'one', { w: 3 });
    cluster.crash(0);
    options.clocks[0] = { wallStartMs: START - 60_000 };
    cluster.restart(0);
    cluster.run(1000);
    expect(shown(cluster.put(0, 'a', 'two', { w: 1 }))).toBe('clock-drift');
    cluster.jump(0, 60_000);
    cluster.put(0, 'a', 'two', { w: 1 });
    expect(cluster.value(0, 'a')).toBe('two');
  });

  it('as the only member stamps above what its own log holds', () => {
    const options = { regions: ['eu'], clocks: [{ wallStartMs: START }] };
    const cluster = new Cluster(options);
    cluster.settle();
    cluster.put(0, 'a', 'one', { w: 1 });
    cluster.crash(0);
    options.clocks[0] = { wallStartMs: START - 60_000 };
    cluster.restart(0);
    cluster.settle();
    expect(cluster.put(0, 'a', 'two', { w: 1 })).toMatchObject({ kind: 'written' });
    expect(cluster.value(0, 'a')).toBe('two');
  });

  it('alone refuses a write that would lose to the version it replaces', () => {
    // The record came by repair, so no log of this replica has its stamp.
    const { cluster } = repaired(-60_000);
    expect(cluster.value(2, 'a')).toBe('one');
    expect(shown(cluster.put(2, 'a', 'two', { w: 1 }))).toBe('clock-drift');
    expect(cluster.value(2, 'a')).toBe('one');
    expect(shown(cluster.put(2, 'b', 'two', { w: 1 }))).toBe('us-1.2.1');
  });

  it('within the bound stamps above a repaired record', () => {
    const { cluster } = repaired(-4200);
    expect(shown(cluster.put(2, 'a', 'two', { w: 1 }))).toBe('us-1.2.1');
    expect(cluster.value(2, 'a')).toBe('two');
  });

  /**
   * `us-1` has a record by repair only, and starts again alone, with its clock four seconds behind.
   */
  function repaired(ms: number): { readonly cluster: Cluster } {
    const options = { clocks: clocks(0, 0, 0).map((clock) => ({ ...clock })) };
    const cluster = new Cluster(options);
    cluster.settle();
    cluster.cut(0, 2);
    cluster.put(0, 'a', 'one', { w: 2 });
    expect(shown(cluster.get(2, 'a', { r: 2 }))).toBe('one');
    cluster.run(10);
    cluster.crash(2);
    cluster.cut(1, 2);
    options.clocks[2] = { wallStartMs: START + ms };
    cluster.restart(2);
    cluster.run(4000);
    return { cluster };
  }
});

describe('a value with a lifetime', () => {
  it('has the same deadline at every replica, to the last bit, even if a clock ticks in fractions', () => {
    const cluster = new Cluster({ clocks: [{ drift: 0.000_37 }, {}, {}] });
    cluster.settle();
    cluster.run(123.456);
    cluster.answer(cluster.begin(0, putOf('a', 'one', { w: 3, ttlMs: 1000 })));
    const expiries = [0, 1, 2].map((n) => {
      const reply = cluster.get(n, 'a', { r: 1 });
      return typeof reply === 'object' && reply.kind === 'found'
        ? latestOf(reply.record).expiresAtMs
        : -n;
    });
    expect(new Set(expiries).size).toBe(1);
    expect(Number.isInteger(expiries[0])).toBe(true);
  });
});

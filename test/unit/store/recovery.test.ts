import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import type { RangeResult } from '../../../src/model/effect.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import type { Mutation } from '../../../src/model/record.ts';
import { readIncarnation } from '../../../src/store/incarnation.ts';
import { logKey, metaKey, originKey } from '../../../src/store/layout.ts';
import { Log } from '../../../src/store/log.ts';
import { origin, run } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';
import { Solo } from '../../support/solo.ts';
import { putOf } from '../../cluster/cluster.ts';

const B1 = origin('b.1');
const OWN = origin('eu-1.1');

let storage: KeyMap;

/** A first life with some writes of its own, and a log of another origin, truncated in part. */
beforeEach(() => {
  storage = new KeyMap();
  life = 1;
  const solo = new Solo({ storage });
  for (let i = 0; i < 5; i++) solo.ask(putOf(`k${i}`, 'v'));
  store(run(B1, 10), 4);
});

function store(entries: readonly Mutation[], floor = 0): void {
  const out = new HostTurn();
  const log = new Log(1e9, createMetrics());
  const lane = log.open((entries[0] as Mutation).origin);
  for (const entry of entries) log.append(lane, entry, out);
  commit(log, out);
  if (floor === 0) return;
  log.truncate(lane, floor, (entries[floor - 1] as Mutation).chain, out);
  commit(log, out);
}

function commit(log: Log, out: HostTurn): void {
  log.seal(out);
  const { lsn } = out;
  storage.apply(out.takeBatch());
  log.onDurable(lsn, out);
}

let life = 1;

function start(change?: (result: RangeResult) => RangeResult): Solo {
  return new Solo({ storage, incarnation: ++life }, change);
}

const halt = (change?: (result: RangeResult) => RangeResult) => start(change).out.haltReason;
const remove = (key: Uint8Array) => storage.apply({ keys: [key], values: [undefined] });
const write = (key: Uint8Array, value: Uint8Array) =>
  storage.apply({ keys: [key], values: [value] });

describe('a start', () => {
  it('takes over every log as far as it was written, and begins one of its own', () => {
    const solo = start();
    expect(solo.out.haltReason).toBeUndefined();
    expect(solo.replica.state).toBe('serving');
    const { self } = solo.replica.status(solo.now);
    expect(self.origin).toBe('eu-1.2');
    expect(self.vector).toEqual([
      ['b.1', 10],
      ['eu-1.1', 5],
    ]);
  });

  it('remembers its number, so that no later one takes it', () => {
    expect(readIncarnation(undefined)).toBe(0);
    start();
    const stored = storage.get(metaKey('incarnation'));
    expect(readIncarnation(stored instanceof Uint8Array ? stored : undefined)).toBe(2);
    expect(() => new Solo({ storage, incarnation: 2 })).toThrow('every start is a new incarnation');
  });

  it('reads on page by page', () => {
    store(run(origin('c.1'), 9000));
    expect(start().replica.status({ wallMs: 0, monoMs: 0 }).self.vector).toContainEqual([
      'c.1',
      9000,
    ]);
  });

  it('does not mind what a crash left below the floor', () => {
    storage.clear(logKey(0, B1, 1), logKey(0, B1, 3));
    expect(halt()).toBeUndefined();
    storage.clear(logKey(0, B1, 1), logKey(0, B1, 5));
    expect(halt()).toBeUndefined();
  });
});

describe('a start over damage', () => {
  it('halts at a changed byte in an entry, and says where', () => {
    storage.damage(logKey(0, OWN, 3), 20);
    expect(halt()).toBe('the log of eu-1.1 is not whole: verified up to 2 of 5');
  });

  it('halts at an entry that is missing in the middle', () => {
    remove(logKey(0, OWN, 2));
    expect(halt()).toContain('eu-1.1 is not whole: verified up to 1 of 5');
  });

  it('halts when the last entries are missing', () => {
    remove(logKey(0, B1, 10));
    expect(halt()).toContain('b.1 is not whole: verified up to 9 of 10');
  });

  it('halts when the first entries above the floor are missing', () => {
    remove(logKey(0, B1, 5));
    expect(halt()).toContain('b.1 is not whole: verified up to 4 of 10');
  });

  it('halts at an entry that no batch accounts for', () => {
    write(logKey(0, B1, 11), (run(B1, 11)[10] as Mutation).bytes);
    expect(halt()).toContain('b.1 is not whole');
  });

  it('halts at an entry of another history', () => {
    const other = run(B1, 10, () => ({ key: 'other' as Mutation['key'] }));
    write(logKey(0, B1, 7), (other[6] as Mutation).bytes);
    expect(halt()).toContain('b.1 is not whole: verified up to 6 of 10');
  });

  it('halts at an entry of another origin, and at one in the wrong place', () => {
    write(logKey(0, B1, 7), (run(origin('c.1'), 7)[6] as Mutation).bytes);
    expect(halt()).toContain('verified up to 6');
    write(logKey(0, B1, 7), (run(B1, 10)[7] as Mutation).bytes);
    expect(halt()).toContain('verified up to 6');
  });

  it('halts when what it holds of a log is damaged', () => {
    storage.damage(originKey(B1), 3);
    expect(halt()).toBe('the vector in storage is damaged');
  });

  it('halts at a log of something that is no origin', () => {
    write(Uint8Array.of(0x6f, 0x41), new Uint8Array(20));
    expect(halt()).toBe('the vector in storage is damaged');
  });

  it('halts when its number is damaged', () => {
    storage.damage(metaKey('incarnation'), 1);
    expect(halt()).toBe('the incarnation in storage is damaged');
    const stored = storage.get(metaKey('incarnation'));
    expect(readIncarnation(stored instanceof Uint8Array ? stored : undefined)).toBeUndefined();
  });

  it('halts when storage cannot be read', () => {
    expect(halt(() => ({ ok: false, reason: 'no' }))).toBe('storage cannot be read: no');
  });

  it('opens no connection and serves nothing', () => {
    storage.damage(logKey(0, OWN, 3), 20);
    const solo = start();
    expect(solo.replica.recovered).toBe(false);
    expect(solo.replica.state).toBe('starting');
    expect(solo.ask(putOf('a', 'v'))).toMatchObject({ fault: { code: 'catching-up' } });
  });
});

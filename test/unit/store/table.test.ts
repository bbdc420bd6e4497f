import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { recordOf } from '../../../src/model/record.ts';
import { recordKey } from '../../../src/store/layout.ts';
import { RecordIndex } from '../../../src/store/record-index.ts';
import { Table } from '../../../src/store/table.ts';
import { HashTree } from '../../../src/store/tree.ts';
import { key, mutation, namespace, origin } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';
import { storeAll } from '../../support/store-all.ts';

const NS = namespace('ns');
const A = key('a');
const at = recordKey(NS, A);
const record = (hlc: number, name = A) => mutation({ namespace: NS, key: name, hlc, seq: hlc });

let out: HostTurn;
let storage: KeyMap;
let metrics: ReturnType<typeof createMetrics>;
let table: Table;

beforeEach(() => {
  out = new HostTurn();
  storage = new KeyMap();
  metrics = createMetrics();
  table = new Table(
    storage.get,
    2000,
    metrics,
    new RecordIndex((of) => of === 'eu-1', storage.get, metrics),
    new HashTree(),
  );
});

function commit(): void {
  storeAll(table, out);
  const { lsn } = out;
  storage.apply(out.takeBatch());
  table.cells.onDurable(lsn);
}

/** Enough other records to drop `a` from memory. */
function forget(): void {
  for (let i = 0; i < 10; i++) table.merge(recordOf(record(1, key(`other ${i}`))), out);
  commit();
}

describe('a table', () => {
  it('shows what is applied at once, tagged with the batch that makes it durable', () => {
    commit();
    expect(table.read(NS, A)).toMatchObject({ record: undefined, lsn: 0 });
    expect(table.merge(recordOf(record(5)), out)).toBe('won');
    expect(table.read(NS, A)).toMatchObject({ record: { hlc: 5 }, lsn: 2 });
    expect(table.merge(recordOf(record(4)), out)).toBe('lost');
    expect(table.merge(recordOf(record(5)), out)).toBe('known');
    expect(table.merge(recordOf(record(6)), out)).toBe('won');
    expect(table.read(NS, A).record).toMatchObject({ hlc: 6 });
  });

  it('restores what was lost, and puts nothing older over anything newer', () => {
    expect(table.recover(recordOf(record(5)), out)).toBe('won');
    expect(table.read(NS, A)).toMatchObject({ record: { hlc: 5 }, lsn: 1 });
    expect(table.recover(recordOf(record(4)), out)).toBe('lost');
    expect(table.recover(recordOf(record(5)), out)).toBe('known');
    expect(table.read(NS, A).record).toMatchObject({ hlc: 5 });
    commit();
    forget();
    storage.damage(at);
    expect(table.recover(recordOf(record(6)), out)).toBe('damaged');
  });

  it('drops what was not read for long, and finds it in storage', () => {
    table.merge(recordOf(record(5)), out);
    commit();
    forget();
    const misses = metrics.cacheMisses;
    expect(table.read(NS, A)).toMatchObject({ record: { hlc: 5 }, lsn: 0 });
    expect(metrics.cacheMisses).toBe(misses + 1);
    table.read(NS, A);
    expect(metrics.cacheMisses).toBe(misses + 1);
  });

  it('keeps what is not durable, however much comes after it', () => {
    table.merge(recordOf(record(5)), out);
    for (let i = 0; i < 50; i++) table.merge(recordOf(record(1, key(`other ${i}`))), out);
    expect(storage.size).toBe(0);
    expect(table.read(NS, A).record).toMatchObject({ hlc: 5 });
  });

  it('counts a conflict if a version was replaced that its writer had not seen', () => {
    const of = (name: string) => origin(name);
    table.merge(recordOf(mutation({ namespace: NS, key: A, origin: of('a.1'), hlc: 1 })), out);
    const seen = [{ origin: of('a.1'), seq: 1 }];
    table.merge(
      recordOf(mutation({ namespace: NS, key: A, origin: of('b.1'), hlc: 2, dependencies: seen })),
      out,
    );
    expect(metrics.conflictsLww).toBe(0);
    table.merge(recordOf(mutation({ namespace: NS, key: A, origin: of('c.1'), hlc: 3 })), out);
    expect(metrics.conflictsLww).toBe(1);
    table.merge(recordOf(mutation({ namespace: NS, key: A, origin: of('d.1'), hlc: 2 })), out);
    expect(metrics.conflictsLww).toBe(2);
  });
});

describe.each(['a changed byte', 'an unreadable block', 'a record of another key'])(
  'a record with %s',
  (kind) => {
    beforeEach(() => {
      table.merge(recordOf(record(5)), out);
      commit();
      forget();
      if (kind === 'a changed byte') storage.damage(at, 30);
      else if (kind === 'an unreadable block') storage.hide(at);
      else storage.apply({ keys: [at], values: [record(9, key('b')).bytes] });
    });

    it('is damaged and not absent', () => {
      expect(table.read(NS, A)).toMatchObject({ record: undefined, damaged: true });
      expect(metrics.recordsDamaged).toBe(1);
    });

    it('is merged with no mutation, because it is unknown which is newer', () => {
      for (const hlc of [4, 6]) expect(table.merge(recordOf(record(hlc)), out)).toBe('damaged');
      expect(out.hasWrites).toBe(false);
      expect(table.read(NS, A).damaged).toBe(true);
    });

    it('is replaced by a writer that knows what was there, and is then whole', () => {
      table.heal(recordOf(record(5)), out);
      expect(table.read(NS, A)).toMatchObject({ record: { hlc: 5 }, damaged: false, lsn: out.lsn });
      commit();
      forget();
      expect(table.read(NS, A)).toMatchObject({ record: { hlc: 5 }, damaged: false });
      expect(() => table.heal(recordOf(record(6)), out)).toThrow('only what is damaged');
    });
  },
);

describe('a record that is damaged under a whole one in memory', () => {
  it('is written again', () => {
    table.merge(recordOf(record(5)), out);
    commit();
    storage.damage(at, 30);
    table.rewrite({ namespace: NS, key: A }, out);
    commit();
    expect(storage.get(at)).toEqual(record(5).bytes);
  });
});

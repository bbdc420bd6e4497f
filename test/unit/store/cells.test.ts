import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { encodedOf, type Record, recordOf } from '../../../src/model/record.ts';
import { Cells } from '../../../src/store/cells.ts';
import { recordKey } from '../../../src/store/layout.ts';
import { key, mutation, namespace } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';

const NS = namespace('ns');
const A = key('a');
const record = (name: string, hlc = 1): Record =>
  recordOf(mutation({ namespace: NS, key: key(name), hlc, seq: hlc }));

let out: HostTurn;
let storage: KeyMap;
let metrics: ReturnType<typeof createMetrics>;
let cells: Cells;

beforeEach(() => {
  out = new HostTurn();
  storage = new KeyMap();
  metrics = createMetrics();
  cells = new Cells(storage.get, 4000, metrics);
});

function commit(): void {
  const { lsn } = out;
  storage.apply(out.takeBatch());
  cells.onDurable(lsn);
}

const keysOf = (records: Iterable<Record>): string[] => [...records].map((each) => each.key).sort();

describe('cells', () => {
  it('show what was put at once, and say whether storage has it', () => {
    cells.put(record('a'), out);
    const cell = cells.read(NS, A);
    expect(cell.record).toMatchObject({ key: A });
    expect(cells.isDurable(cell)).toBe(false);
    expect(keysOf(cells.undurable())).toEqual(['a']);
    commit();
    expect(cells.isDurable(cells.read(NS, A))).toBe(true);
    expect(keysOf(cells.undurable())).toEqual([]);
  });

  it('give the last of several changes of one key that are not durable', () => {
    cells.put(record('a', 1), out);
    cells.put(record('a', 2), out);
    expect([...cells.undurable()]).toMatchObject([{ hlc: 2 }]);
    expect(cells.undurableCount).toBe(2);
  });

  it('show nothing of what was removed, while storage still holds it', () => {
    cells.put(record('a'), out);
    commit();
    cells.remove({ namespace: NS, key: A }, out);
    expect(storage.get(recordKey(NS, A))).toBeDefined();
    expect([cells.read(NS, A).record, cells.dropping]).toEqual([undefined, 1]);
    commit();
    expect([storage.get(recordKey(NS, A)), cells.dropping]).toEqual([undefined, 0]);
  });

  it('show what is put in the place of what was removed', () => {
    cells.put(record('a', 1), out);
    commit();
    cells.remove({ namespace: NS, key: A }, out);
    cells.put(record('a', 2), out);
    expect(cells.dropping).toBe(0);
    expect(cells.read(NS, A).record).toMatchObject({ hlc: 2 });
  });

  it('forget the oldest beyond the bound, and read it from storage again', () => {
    for (let n = 0; n < 30; n++) {
      cells.put(record(`k${n}`), out);
      commit();
    }
    expect(cells.inMemory(NS, key('k0'))).toBeUndefined();
    expect([...cells.durableInMemory()].length).toBeLessThan(20);
    const first = cells.read(NS, key('k0')).record;
    expect(first && encodedOf(first)).toEqual(encodedOf(record('k0')));
    expect(metrics.cacheMisses).toBe(1);
  });

  it('are each named once among those that storage should have, whatever generation they are in', () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) cells.put(record(name), out);
    commit();
    cells.read(NS, A);
    cells.put(record('g'), out);
    const held = keysOf(cells.durableInMemory());
    expect(new Set(held).size).toBe(held.length);
    expect(held).not.toContain('g');
  });
});

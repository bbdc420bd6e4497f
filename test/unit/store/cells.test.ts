import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { encodedOf, latestOf, type Record, recordOf } from '../../../src/model/record.ts';
import { Cells } from '../../../src/store/cells.ts';
import { recordKey } from '../../../src/store/layout.ts';
import { leafOf } from '../../../src/store/leaves.ts';
import type { Key } from '../../../src/model/id.ts';
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

/** Shows a record as the table does, in place of the former one. */
function put(shown: Record): void {
  const { namespace: ns, key: name } = shown;
  cells.put(shown, leafOf(ns, name), cells.read(ns, name), out);
}

/** All dirty records go into the batch. */
function store(): void {
  const leaves = new Set(
    [...cells.dirty.all()].map(({ record: { key: name } }) => leafOf(NS, name)),
  );
  for (const leaf of leaves)
    cells.dirty.write(leaf, out.lsn, ({ record: shown }) =>
      out.put(recordKey(shown.namespace, shown.key), encodedOf(shown)),
    );
}

const remove = (name: Key): unknown =>
  cells.remove({ namespace: NS, key: name }, leafOf(NS, name), out);

function commit(): void {
  const { lsn } = out;
  storage.apply(out.takeBatch());
  cells.onDurable(lsn);
}

const keysOf = (records: Iterable<Record>): string[] => [...records].map((each) => each.key).sort();
const dirtyKeys = (): string[] => keysOf([...cells.dirty.all()].map((cell) => cell.record));

describe('cells', () => {
  it('do not look for a key again that a range read has shown to be absent, until it is put', () => {
    cells.noteAbsent(NS, A);
    expect(cells.read(NS, A).record).toBeUndefined();
    expect(metrics.cacheMisses).toBe(0);
    put(record('a'));
    cells.noteAbsent(NS, A);
    expect(cells.read(NS, A).record).toBeDefined();
  });

  it('show what was put at once, and know whether storage has it', () => {
    put(record('a'));
    const cell = cells.read(NS, A);
    expect(cell.record).toMatchObject({ key: A });
    expect([cells.isDurable(cell), cells.undurableCount]).toEqual([false, 1]);
    commit();
    expect([cells.isDurable(cells.read(NS, A)), cells.undurableCount]).toEqual([true, 0]);
    expect(dirtyKeys()).toEqual(['a']);
    store();
    expect(dirtyKeys()).toEqual(['a']);
    commit();
    expect(dirtyKeys()).toEqual([]);
    expect(storage.get(recordKey(NS, A))).toBeDefined();
  });

  it('keep what was shown before a change until the change is durable', () => {
    put(record('a', 1));
    commit();
    put(record('a', 2));
    put(record('a', 3));
    expect(cells.readDurable(NS, A).record).toMatchObject({ hlc: 1 });
    expect(cells.readDurable(NS, key('b')).record).toBeUndefined();
    put(record('b', 1));
    expect(cells.readDurable(NS, key('b')).record).toBeUndefined();
    commit();
    expect(cells.readDurable(NS, A).record).toMatchObject({ hlc: 3 });
    expect(cells.readDurable(NS, key('b')).record).toMatchObject({ hlc: 1 });
  });

  it('remember for each batch what was shown before it, while several are under way', () => {
    const lsns: number[] = [];
    for (const hlc of [1, 2, 3]) {
      put(record('a', 10 * hlc));
      put(record('a', 10 * hlc + 1));
      lsns.push(out.lsn);
      storage.apply(out.takeBatch());
    }
    const durable: unknown[] = [];
    for (const lsn of lsns) {
      const { record: shown } = cells.readDurable(NS, A);
      durable.push(shown && latestOf(shown).hlc);
      cells.onDurable(lsn);
    }
    durable.push(latestOf(cells.readDurable(NS, A).record as Record).hlc);
    expect(durable).toEqual([undefined, 11, 21, 31]);
  });

  it('stay dirty if they change while they are written', () => {
    put(record('a', 1));
    store();
    put(record('a', 2));
    commit();
    expect(dirtyKeys()).toEqual(['a']);
    store();
    commit();
    expect(dirtyKeys()).toEqual([]);
    expect(storage.get(recordKey(NS, A))).toEqual(encodedOf(record('a', 2)));
  });

  it('show what is dirty, whatever memory drops', () => {
    for (let n = 0; n < 40; n++) put(record(`k${n}`, n + 1));
    commit();
    for (let n = 0; n < 40; n++)
      expect(cells.read(NS, key(`k${n}`)).record).toMatchObject({ hlc: n + 1 });
    expect(metrics.cacheMisses).toBe(40);
  });

  it('show nothing for what was removed, while storage still holds it', () => {
    put(record('a'));
    store();
    commit();
    remove(A);
    expect(storage.get(recordKey(NS, A))).toBeDefined();
    expect([cells.read(NS, A).record, cells.dropping]).toEqual([undefined, 1]);
    commit();
    expect([storage.get(recordKey(NS, A)), cells.dropping]).toEqual([undefined, 0]);
  });

  it('show what is put in place of what was removed', () => {
    put(record('a', 1));
    store();
    commit();
    remove(A);
    put(record('a', 2));
    expect(cells.dropping).toBe(0);
    expect(cells.read(NS, A).record).toMatchObject({ hlc: 2 });
  });

  it('drop the oldest beyond the bound, and read it from storage again', () => {
    for (let n = 0; n < 30; n++) {
      put(record(`k${n}`));
      store();
      commit();
    }
    expect(cells.inMemory(NS, key('k0'))).toBeUndefined();
    expect([...cells.storedInMemory()].length).toBeLessThan(20);
    const first = cells.read(NS, key('k0')).record;
    expect(first && encodedOf(first)).toEqual(encodedOf(record('k0')));
    expect(metrics.cacheMisses).toBe(31);
  });

  it('are each named once among those that storage lacks, in any generation', () => {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) put(record(name));
    store();
    commit();
    cells.read(NS, A);
    put(record('g'));
    const held = keysOf(cells.storedInMemory());
    expect(new Set(held).size).toBe(held.length);
    expect(held).not.toContain('g');
  });
});

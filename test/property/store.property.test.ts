// The store compared with simple models: a table that forgets nothing, a log whose memory is
// bounded.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostTurn } from '../../src/host/turn.ts';
import { createMetrics } from '../../src/model/metrics.ts';
import { encodedOf, latestOf, type Record, recordOf } from '../../src/model/record.ts';
import { includes, isSame, merge } from '../../src/conflict/merge.ts';
import { originKey, recordKey } from '../../src/store/layout.ts';
import { decodeLaneState } from '../../src/store/lane.ts';
import { Log } from '../../src/store/log.ts';
import { RecordIndex } from '../../src/store/record-index.ts';
import { Table } from '../../src/store/table.ts';
import { HashTree } from '../../src/store/tree.ts';
import { key, mutation, namespace, origin, run } from '../support/build.ts';
import { KeyMap } from '../support/key-map.ts';
import { storeAll } from '../support/store-all.ts';
import { leafOf } from '../../src/store/leaves.ts';

const KEYS = ['a', 'b', 'c', 'd'].map(key);
const NAMESPACES = ['n', 'm'].map(namespace);

const applied = fc.record({
  kind: fc.constant('apply' as const),
  ns: fc.nat(1),
  key: fc.nat(3),
  hlc: fc.integer({ min: 1, max: 6 }),
  origin: fc.constantFrom('a.1', 'b.1'),
  size: fc.constantFrom(0, 10, 300),
});
const step = fc.oneof(
  { weight: 5, arbitrary: applied },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('drop' as const), ns: fc.nat(1), key: fc.nat(3) }),
  },
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('read' as const), ns: fc.nat(1), key: fc.nat(3) }),
  },
  {
    weight: 4,
    // A batch is handed over, then stored, then reported: reads may fall between any two.
    arbitrary: fc.constantFrom('commit', 'store', 'announce').map((kind) => ({ kind }) as const),
  },
);

class Scene {
  readonly out = new HostTurn();
  readonly storage = new KeyMap();
  readonly twin = new Map<string, Record>();
  readonly table: Table;
  #checkpoints = 0;
  #underWay: { lsn: number; batch: ReturnType<HostTurn['takeBatch']>; stored: boolean }[] = [];

  constructor(cacheBytes: number) {
    const metrics = createMetrics();
    const index = new RecordIndex((of) => of === 'a', this.storage.get, metrics);
    this.table = new Table(this.storage.get, cacheBytes, metrics, index, new HashTree());
  }

  apply(record: Record): void {
    const name = `${record.namespace}/${record.key}`;
    const before = this.twin.get(name);
    const isOlder = includes(before, record);
    this.twin.set(name, merge(before, record));
    const expected = isOlder ? (isSame(before, record) ? 'known' : 'lost') : 'won';
    expect(this.table.merge(record, this.out)).toBe(expected);
  }

  read(ns: number, of: number): void {
    const [space, name] = [NAMESPACES[ns], KEYS[of]];
    if (space === undefined || name === undefined) return;
    const cell = this.table.read(space, name);
    const expected = this.twin.get(`${space}/${name}`);
    expect(cell.damaged).toBe(false);
    expect(cell.record && encodedOf(cell.record)).toEqual(expected && encodedOf(expected));
    // A record that is not dirty is in storage.
    if (
      expected !== undefined &&
      this.table.cells.dirty.find(leafOf(space, name), space, name) === undefined
    )
      expect(this.storage.get(recordKey(space, name))).toEqual(latestOf(expected).bytes);
  }

  drop(ns: number, of: number): void {
    const [space, name] = [NAMESPACES[ns], KEYS[of]];
    if (space === undefined || name === undefined) return;
    this.twin.delete(`${space}/${name}`);
    this.table.drop({ namespace: space, key: name }, 9, this.out);
  }

  commit(): void {
    if (this.#underWay.length > 0) return;
    // Sometimes a checkpoint begins.
    if (this.#checkpoints++ % 3 === 0) storeAll(this.table, this.out);
    if (!this.out.hasWrites) return;
    const { lsn } = this.out;
    this.#underWay.push({ lsn, batch: this.out.takeBatch(), stored: false });
  }

  store(): void {
    for (const commit of this.#underWay) {
      if (!commit.stored) this.storage.apply(commit.batch);
      commit.stored = true;
    }
  }

  announce(): void {
    const stored = this.#underWay.filter((commit) => commit.stored);
    for (const { lsn } of stored) {
      this.table.cells.onDurable(lsn);
    }
    this.#underWay = this.#underWay.filter((commit) => !commit.stored);
  }
}

describe('a table', () => {
  it('shows the winner of all applied mutations, whatever is evicted or durable', () => {
    const cacheBytes = fc.constantFrom(1, 1000, 3000, 100_000);
    fc.assert(
      fc.property(cacheBytes, fc.array(step, { maxLength: 80 }), (bytes, steps) => {
        const scene = new Scene(bytes);
        for (const taken of steps) {
          if (taken.kind === 'read') scene.read(taken.ns, taken.key);
          else if (taken.kind === 'drop') scene.drop(taken.ns, taken.key);
          else if (taken.kind === 'apply') {
            const { hlc, origin: of } = taken;
            const name = {
              namespace: NAMESPACES[taken.ns] ?? namespace('n'),
              key: KEYS[taken.key] ?? key('a'),
            };
            // One stamp of one origin names one mutation, as in a log.
            const seq = hlc * 8 + taken.ns * 4 + taken.key;
            scene.apply(
              recordOf(
                mutation({
                  ...name,
                  hlc,
                  seq,
                  origin: origin(of),
                  value: new Uint8Array(taken.size),
                }),
              ),
            );
          } else scene[taken.kind]();
        }
        for (const ns of [0, 1]) for (const of of [0, 1, 2, 3]) scene.read(ns, of);
      }),
      { numRuns: 400 },
    );
  });
});

describe('a log', () => {
  const logStep = fc.oneof(
    { weight: 6, arbitrary: fc.record({ kind: fc.constant('append' as const), lane: fc.nat(2) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('seal' as const) }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('durable' as const) }) },
  );
  const ORIGINS = ['a.1', 'b.1', 'c.1'].map(origin);

  it('keeps no more in memory than its bound, beyond what is not durable', () => {
    fc.assert(
      fc.property(fc.nat(600), fc.array(logStep, { maxLength: 80 }), (tailBytes, steps) => {
        const log = new Log(tailBytes, createMetrics());
        const out = new HostTurn();
        const storage = new KeyMap();
        const sources = ORIGINS.map((of) => run(of, 80));
        let sealed = 0;
        for (const taken of steps) {
          if (taken.kind === 'append') {
            const of = ORIGINS[taken.lane] ?? origin('a.1');
            const lane = log.open(of);
            const entry = sources[taken.lane]?.[lane.received];
            if (entry !== undefined) log.append(lane, entry, out);
          } else if (taken.kind === 'seal' && out.hasWrites) {
            log.seal(out);
            sealed = out.lsn;
            storage.apply(out.takeBatch());
          } else if (taken.kind === 'durable') {
            log.onDurable(sealed, out);
          }
          checkTail(log, tailBytes);
          checkStored(log, storage);
        }
      }),
      { numRuns: 300 },
    );
  });

  function checkTail(log: Log, tailBytes: number): void {
    let bytes = 0;
    let evictable = 0;
    for (const lane of log.lanes()) {
      expect(lane.durable).toBeLessThanOrEqual(lane.received);
      expect(lane.tailFrom).toBeLessThanOrEqual(lane.durable + 1);
      for (let seq = lane.tailFrom; seq <= lane.received; seq++) {
        expect(lane.at(seq).seq).toBe(seq);
        bytes += lane.at(seq).bytes.length;
        if (seq <= lane.durable) evictable++;
      }
    }
    // Oldest first over all lanes: a durable entry may wait behind an older one that is not
    // durable.
    if (bytes > tailBytes && evictable > 0) {
      const undurable = [...log.lanes()].some((lane) => lane.durable < lane.received);
      expect(undurable).toBe(true);
    }
  }

  /** Everything that was sealed can be read from storage alone. */
  function checkStored(log: Log, storage: KeyMap): void {
    for (const lane of log.lanes()) {
      const bytes = storage.get(originKey(lane.id));
      if (!(bytes instanceof Uint8Array)) continue;
      const state = decodeLaneState(bytes);
      expect(state?.received).toBeGreaterThanOrEqual(lane.durable);
      expect(state?.received).toBeLessThanOrEqual(lane.received);
    }
  }
});

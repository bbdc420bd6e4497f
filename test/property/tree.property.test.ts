// The hash tree compared with a simple model: the sum over everything that storage and memory show,
// whatever was written, lost, committed and computed in between.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostTurn } from '../../src/host/turn.ts';
import { decodeRecord } from '../../src/model/encoding.ts';
import { createMetrics } from '../../src/model/metrics.ts';
import { type Record, recordOf } from '../../src/model/record.ts';
import { behind, positionOfKey, allRecords } from '../../src/store/layout.ts';
import { LEAVES, Leaves, leafOf } from '../../src/store/leaves.ts';
import { RecordIndex } from '../../src/store/record-index.ts';
import { Table } from '../../src/store/table.ts';
import { HashTree } from '../../src/store/tree.ts';
import { key, mutation, namespace } from '../support/build.ts';
import { KeyMap } from '../support/key-map.ts';
import { storeAll } from '../support/store-all.ts';
import type { RangeResult, ReadOwner } from '../../src/model/effect.ts';

type Page = RangeResult & { readonly ok: true };

const NAMES = Array.from({ length: 12 }, (_, n) => key(`k${n}`));
const NS = namespace('ns');

const step = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('apply' as const),
      name: fc.nat(NAMES.length - 1),
      hlc: fc.integer({ min: 1, max: 20 }),
      isDelete: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('drop' as const), name: fc.nat(NAMES.length - 1) }),
  },
  {
    weight: 6,
    // A requested page shows the moment of the request; it arrives some steps later.
    arbitrary: fc.constantFrom('commit', 'ask', 'answer').map((kind) => ({ kind }) as const),
  },
);

class Scene {
  readonly tree = new HashTree();
  readonly twin = new Map<string, Record>();
  readonly #out = new HostTurn();
  readonly #storage = new KeyMap();
  readonly #table: Table;
  #from = allRecords().from;
  #page: { readonly owner: ReadOwner; readonly result: RangeResult } | undefined;
  rounds = 0;

  constructor(cacheBytes: number) {
    const metrics = createMetrics();
    const { get } = this.#storage;
    const index = new RecordIndex((of) => of === 'a', get, metrics);
    this.#table = new Table(get, cacheBytes, metrics, index, this.tree);
  }

  apply(name: number, hlc: number, isDelete: boolean): void {
    const operation = isDelete ? 'delete' : 'put';
    const of = NAMES[name] ?? key('k');
    const record = mutation({ namespace: NS, key: of, hlc, seq: hlc * 2 + +isDelete, operation });
    if (this.#table.merge(recordOf(record), this.#out) === 'won')
      this.twin.set(record.key, recordOf(record));
  }

  drop(name: number): void {
    const of = NAMES[name] ?? key('k');
    if (!this.twin.delete(of)) return;
    this.#table.drop({ namespace: NS, key: of }, 1, this.#out);
  }

  commit(): void {
    storeAll(this.#table, this.#out);
    const { lsn } = this.#out;
    this.#storage.apply(this.#out.takeBatch());
    this.#table.cells.onDurable(lsn);
  }

  ask(): void {
    if (this.#page !== undefined) return;
    if (this.tree.recount === undefined) this.tree.beginRecount();
    const span = { from: this.#from, to: allRecords().to };
    const owner = { onRead: (result: RangeResult) => this.#take(result as Page) };
    this.#table.reads.in(this.#out, 'newest').read(span, { limit: 3, bytesMax: 1e6 }, owner);
    const [read] = this.#out.reads.splice(0);
    if (read === undefined) return;
    this.#page = { owner: read.owner, result: this.#storage.range(read.request) };
  }

  answer(): void {
    const page = this.#page;
    this.#page = undefined;
    page?.owner.onRead(page.result, this.#out);
    // After a page whose records are all gone, reading continues.
    for (
      let [read] = this.#out.reads.splice(0);
      read !== undefined;
      [read] = this.#out.reads.splice(0)
    )
      read.owner.onRead(this.#storage.range(read.request), this.#out);
  }

  #take(page: Page): void {
    const { recount } = this.tree;
    if (recount === undefined) return;
    const records = page.entries.map(({ value }) => decodeRecord(value) as Record);
    const last = page.entries.at(-1);
    if (page.more && last !== undefined) {
      recount.take(records, positionOfKey(last.key));
      this.#from = behind(last.key);
      return;
    }
    recount.take(records, undefined);
    expect(this.tree.differing(recount)).toEqual([]);
    this.tree.settle(recount, [], this.#table.storedOf(recount.census));
    this.#from = allRecords().from;
    this.rounds++;
  }

  expected(): Leaves {
    const leaves = new Leaves();
    for (const record of this.twin.values()) leaves.toggle(leafOf(NS, record.key), record);
    return leaves;
  }
}

/** A matcher would compare each of the words. */
function isSame(left: Leaves, right: Leaves): boolean {
  for (let leaf = 0; leaf < LEAVES; leaf++) if (!left.isSame(right, leaf)) return false;
  return true;
}

describe('the hash tree', () => {
  it('equals the sum of the live records, and a recount during writes finds the same', () => {
    let rounds = 0;
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 20, maxLength: 150 }),
        fc.constantFrom(1, 1e6),
        (steps, cacheBytes) => {
          const scene = new Scene(cacheBytes);
          for (const each of steps) {
            if (each.kind === 'apply') scene.apply(each.name, each.hlc, each.isDelete);
            else if (each.kind === 'drop') scene.drop(each.name);
            else scene[each.kind]();
          }
          expect(isSame(scene.tree.leaves, scene.expected())).toBe(true);
          rounds += scene.rounds;
        },
      ),
      { numRuns: 150 },
    );
    expect(rounds).toBeGreaterThan(20);
  });
});

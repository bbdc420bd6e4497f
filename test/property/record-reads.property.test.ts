// Ranges of records while records change, are dropped, stored and made durable: a page shows what
// the table shows when the page arrives.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HostTurn } from '../../src/host/turn.ts';
import type { RangeEntry, RangeResult, ReadOwner } from '../../src/model/effect.ts';
import { decodeRecord } from '../../src/model/encoding.ts';
import { createMetrics } from '../../src/model/metrics.ts';
import { latestOf, type Record, recordOf } from '../../src/model/record.ts';
import { allRecords, behind } from '../../src/store/layout.ts';
import { RecordIndex } from '../../src/store/record-index.ts';
import type { Shows } from '../../src/store/record-reads.ts';
import { Table } from '../../src/store/table.ts';
import { HashTree } from '../../src/store/tree.ts';
import { key, mutation, namespace } from '../support/build.ts';
import { KeyMap } from '../support/key-map.ts';
import { storeAll } from '../support/store-all.ts';

const NS = namespace('ns');
const NAMES = ['a', 'aa', 'b', 'c', 'd', 'dd', 'e', 'f', 'g', 'h'].map(key);

interface Step {
  readonly kind: 'put' | 'drop' | 'store' | 'commit' | 'durable' | 'ask' | 'answer';
  readonly name: number;
  readonly limit: number;
  readonly reverse: boolean;
  readonly shows: Shows;
}

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('put', 'put', 'put', 'drop', 'store', 'commit', 'durable', 'ask', 'answer'),
  name: fc.nat(NAMES.length - 1),
  limit: fc.integer({ min: 1, max: 6 }),
  reverse: fc.boolean(),
  shows: fc.constantFrom('newest', 'durable'),
});

class Scene {
  readonly table: Table;
  readonly #storage = new KeyMap();
  readonly #out = new HostTurn();
  /** What the table shows, and what of it is durable, by key. */
  readonly #newest = new Map<string, number>();
  readonly #undurable: {
    readonly lsn: number;
    readonly name: string;
    readonly hlc: number | undefined;
  }[] = [];
  readonly #durable = new Map<string, number>();
  #underWay: number | undefined;
  #asked: { readonly owner: ReadOwner; readonly result: RangeResult } | undefined;
  #hlc = 0;
  pages = 0;

  constructor() {
    const metrics = createMetrics();
    const { get } = this.#storage;
    const index = new RecordIndex(() => false, get, metrics);
    this.table = new Table(get, 3000, metrics, index, new HashTree());
  }

  put(name: number): void {
    const of = NAMES[name] ?? key('x');
    const hlc = ++this.#hlc;
    this.table.merge(recordOf(mutation({ namespace: NS, key: of, hlc, seq: hlc })), this.#out);
    this.#newest.set(of, hlc);
    this.#undurable.push({ lsn: this.#out.lsn, name: of, hlc });
  }

  /**
   * A dropped record is durably gone at once, because only records that no reader needs are
   * dropped.
   */
  drop(name: number): void {
    const of = NAMES[name] ?? key('x');
    if (this.#undurable.some((each) => each.name === of)) return;
    this.table.drop({ namespace: NS, key: of }, 1, this.#out);
    this.#newest.delete(of);
    this.#durable.delete(of);
  }

  store(): void {
    storeAll(this.table, this.#out);
  }

  commit(): void {
    if (this.#underWay !== undefined || !this.#out.hasWrites) return;
    this.#underWay = this.#out.lsn;
    this.#storage.apply(this.#out.takeBatch());
  }

  durable(): void {
    const lsn = this.#underWay;
    if (lsn === undefined) return;
    this.#underWay = undefined;
    this.table.cells.onDurable(lsn);
    while ((this.#undurable[0]?.lsn ?? Number.POSITIVE_INFINITY) <= lsn) {
      const { name, hlc } = this.#undurable.shift() ?? {};
      if (name !== undefined && hlc !== undefined) this.#durable.set(name, hlc);
    }
  }

  ask({ limit, reverse, shows }: Step): void {
    if (this.#asked !== undefined) return;
    this.#read(allRecords(), limit, reverse, shows, []);
  }

  answer(): void {
    const asked = this.#asked;
    this.#asked = undefined;
    asked?.owner.onRead(asked.result, this.#out);
    for (let [read] = this.#out.reads.splice(0); read; [read] = this.#out.reads.splice(0))
      read.owner.onRead(this.#storage.range(read.request), this.#out);
  }

  #read(
    span: { readonly from: Uint8Array; readonly to: Uint8Array },
    limit: number,
    reverse: boolean,
    shows: Shows,
    before: readonly RangeEntry[],
  ): void {
    const owner = {
      onRead: (result: RangeResult): void => {
        if (!result.ok) return;
        this.pages++;
        expect(result.entries.length).toBeLessThanOrEqual(limit);
        const last = result.entries.at(-1);
        this.#check(result.entries, before.at(-1), result.more ? last : undefined, reverse, shows);
        if (result.more) expect(last).toBeDefined();
        if (!result.more || last === undefined) return;
        const rest = reverse
          ? { from: span.from, to: last.key }
          : { from: behind(last.key), to: span.to };
        this.#read(rest, limit, reverse, shows, result.entries);
      },
    };
    this.table.reads.in(this.#out, shows).read(span, { limit, bytesMax: 1e6, reverse }, owner);
    const [read] = this.#out.reads.splice(0);
    if (read === undefined) return;
    this.#asked = { owner: read.owner, result: this.#storage.range(read.request) };
  }

  /** A page has all keys that are shown after the page before it, up to its last key. */
  #check(
    entries: readonly RangeEntry[],
    after: RangeEntry | undefined,
    last: RangeEntry | undefined,
    reverse: boolean,
    shows: Shows,
  ): void {
    const recordOfEntry = (entry: RangeEntry): Record => decodeRecord(entry.value) as Record;
    const found = entries.map((entry) => {
      const record = recordOfEntry(entry);
      return [record.key, latestOf(record).hlc];
    });
    const [from, to] = [after && recordOfEntry(after).key, last && recordOfEntry(last).key];
    const isWithin = (name: string): boolean => {
      if (reverse) return (from === undefined || name < from) && (to === undefined || name >= to);
      return (from === undefined || name > from) && (to === undefined || name <= to);
    };
    const all = [...(shows === 'durable' ? this.#durable : this.#newest)];
    const expected = all.filter(([name]) => isWithin(name)).sort(([a], [b]) => (a < b ? -1 : 1));
    expect(found).toEqual(reverse ? expected.toReversed() : expected);
  }
}

describe('a range of records', () => {
  it('equals what the table shows when the read ends, whatever storage showed when it began', () => {
    let pages = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const scene = new Scene();
        for (const each of steps) {
          if (each.kind === 'put') scene.put(each.name);
          else if (each.kind === 'drop') scene.drop(each.name);
          else if (each.kind === 'ask') scene.ask(each);
          else scene[each.kind]();
        }
        scene.answer();
        pages += scene.pages;
      }),
      { numRuns: 400 },
    );
    expect(pages).toBeGreaterThan(100);
  });
});

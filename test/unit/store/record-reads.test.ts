import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import type { RangeResult } from '../../../src/model/effect.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { encodedOf, type Record, recordOf } from '../../../src/model/record.ts';
import { Cells } from '../../../src/store/cells.ts';
import { allRecords, parseRecordKey, positionOf, recordKey } from '../../../src/store/layout.ts';
import { leafOf } from '../../../src/store/leaves.ts';
import { RecordReads } from '../../../src/store/record-reads.ts';
import { key, mutation, namespace } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';
import { readBack } from '../../support/outbox.ts';

const NS = namespace('ns');
const NAMES_MAX = 3;

let out: HostTurn;
let storage: KeyMap;
let cells: Cells;
let reads: RecordReads;
let pages: RangeResult[];

beforeEach(() => {
  out = new HostTurn();
  storage = new KeyMap();
  cells = new Cells(storage.get, 1e6, createMetrics());
  reads = new RecordReads(cells, NAMES_MAX);
  pages = [];
});

const recordOfKey = (name: string): Record =>
  recordOf(mutation({ namespace: NS, key: key(name), seq: 1 }));

function put(name: string): void {
  const record = recordOfKey(name);
  cells.put(record, leafOf(NS, record.key), cells.read(NS, record.key), out);
  reads.onChange(positionOf(record));
}

function store(name: string): void {
  const record = recordOfKey(name);
  storage.apply({ keys: [recordKey(NS, record.key)], values: [encodedOf(record)] });
}

function ask(limit = 10): void {
  const owner = { onRead: (result: RangeResult) => void pages.push(result) };
  reads.in(out, 'newest').read(allRecords(), { bytesMax: 1e6, limit }, owner);
}

const answer = (): boolean => readBack(out, (request) => storage.range(request));
const keysOf = (page: RangeResult | undefined): unknown =>
  page?.ok === true && page.entries.map((entry) => parseRecordKey(entry.key)?.key);

// What a page shows while the table changes is in property/record-reads.property.test.ts.
describe('a read of records', () => {
  it('tells what storage holds there as well', () => {
    store('a');
    put('b');
    ask();
    answer();
    expect(keysOf(pages[0])).toEqual(['a', 'b']);
    const [page] = pages;
    expect(page?.ok === true && page.stored).toHaveLength(1);
  });

  it('begins again if more has changed than its bound', () => {
    store('a');
    ask();
    for (const name of ['b', 'c', 'd', 'e']) put(name);
    answer();
    expect(pages).toEqual([]);
    answer();
    expect(keysOf(pages[0])).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(reads.isReading).toBe(false);
  });

  it('ignores changes elsewhere', () => {
    const owner = { onRead: (result: RangeResult) => void pages.push(result) };
    const span = { from: recordKey(NS, key('m')), to: recordKey(NS, key('n')) };
    reads.in(out, 'newest').read(span, { bytesMax: 1e6 }, owner);
    for (const name of ['b', 'c', 'd', 'e', 'n', 'ma']) put(name);
    answer();
    expect(keysOf(pages[0])).toEqual(['ma']);
  });

  it('ends a page if more dirty names follow than its bound', () => {
    for (const name of ['a', 'b', 'c', 'd']) put(name);
    store('e');
    ask(2);
    answer();
    const [page] = pages;
    expect(keysOf(page)).toEqual(['a', 'b']);
    expect(page?.ok === true && page.more).toBe(true);
  });

  it('that fails reports it', () => {
    ask();
    readBack(out, () => ({ ok: false, reason: 'no' }));
    expect(pages).toEqual([{ ok: false, reason: 'no' }]);
  });
});

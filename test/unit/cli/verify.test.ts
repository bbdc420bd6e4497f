// `wal verify` on stores that were built by hand and then damaged in one place.

import { describe, expect, it } from 'vitest';
import { type Report, type StoredData, verifyStored } from '../../../src/cli/verify.ts';
import { encodeMutation } from '../../../src/model/encoding.ts';
import type { Key, NamespaceName, Origin } from '../../../src/model/id.ts';
import type { Mutation } from '../../../src/model/record.ts';
import { runName } from '../../../src/model/run.ts';
import { seal } from '../../../src/store/envelope.ts';
import { encodeBlock } from '../../../src/store/block.ts';
import { encodeLaneState } from '../../../src/store/lane.ts';
import { logKey, metaKey, originKey, recordKey } from '../../../src/store/layout.ts';
import { encodeTip, tipKey } from '../../../src/store/tip.ts';

const ORIGIN = 'eu-1.1' as Origin;
const NAMESPACE = 'demo' as NamespaceName;

type Store = Map<string, Uint8Array>;

function draft(seq: number, previousChain: number, deletes = false, group = ''): Mutation {
  return encodeMutation(
    {
      origin: ORIGIN,
      seq,
      hlc: seq * 1024,
      lane: 0,
      group,
      namespace: NAMESPACE,
      key: `key-${seq}` as Key,
      operation: deletes ? 'delete' : 'put',
      created: true,
      dependencies: [],
      expiresAtMs: 0,
      tags: [],
      weight: 0,
      idempotency: undefined,
      contentType: 'text/plain',
      value: Uint8Array.of(seq),
    },
    previousChain,
  );
}

const latin1 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');
const bytesOf = (text: string): Uint8Array => Buffer.from(text, 'latin1');
const nameOf = ({ namespace, key }: Mutation): string => latin1(recordKey(namespace, key));
const placeOf = (seq: number): string => latin1(logKey(0, ORIGIN, seq));

/** Entries 3 to 6 of a log whose first two were truncated; the last entry is a delete. */
function wholeStore(groupOf: (seq: number) => string = () => ''): {
  store: Store;
  entries: Mutation[];
} {
  const entries: Mutation[] = [];
  let chain = 0;
  for (let seq = 1; seq <= 6; seq++) {
    const mutation = draft(seq, chain, seq === 6, groupOf(seq));
    chain = mutation.chain;
    entries.push(mutation);
  }
  const store: Store = new Map();
  for (const entry of entries) {
    if (entry.seq > 2) store.set(placeOf(entry.seq), entry.bytes);
    store.set(nameOf(entry), entry.bytes);
  }
  const floorChain = entries[1]?.chain ?? 0;
  const state = { received: 6, chain, hlc: 6 * 1024, floor: 2, floorChain };
  store.set(latin1(originKey(ORIGIN)), encodeLaneState(state));
  store.set(
    latin1(metaKey('incarnation')),
    seal((writer) => writer.varint(1)),
  );
  return { store, entries };
}

function storedIn(store: Store): StoredData {
  const keys = [...store.keys()].sort();
  return {
    async *scan(from, to) {
      for (const key of keys) {
        if (key < latin1(from) || key >= latin1(to)) continue;
        yield { key: bytesOf(key), value: store.get(key) ?? new Uint8Array(0) };
      }
    },
    get: (key) => store.get(latin1(key)),
  };
}

/** The last checkpoint covered the log up to `seq`. */
function markAt(store: Store, entries: readonly Mutation[], seq: number, chain?: number): void {
  const chainAt = (of: number): number => entries[of - 1]?.chain ?? 0;
  const floor = { floor: 2, floorChain: chainAt(2) };
  const state = { received: seq, chain: chain ?? chainAt(seq), hlc: seq * 1024, ...floor };
  store.set(latin1(originKey(ORIGIN)), encodeLaneState(state));
  const head = { id: ORIGIN, received: entries.length, chain: chainAt(entries.length) };
  store.set(latin1(tipKey()), encodeTip([head]));
}

async function damagesOf(change: (store: Store, entries: Mutation[]) => void): Promise<string[]> {
  const { store, entries } = wholeStore();
  change(store, entries);
  const report: Report = await verifyStored(storedIn(store));
  expect(report.ok).toBe(report.damages === 0);
  expect(report.damages).toBe(report.damaged.length);
  return report.damaged.map(({ where, reason }) => `${where}: ${reason}`);
}

function flip(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[12] = (copy[12] ?? 0) ^ 1;
  return copy;
}

describe('a store', () => {
  it('that is whole is reported as whole', async () => {
    const report = await verifyStored(storedIn(wholeStore().store));
    expect(report).toEqual({
      ok: true,
      origins: [{ origin: ORIGIN, floor: 2, head: 6, entries: 4, blocks: 4, toReplay: 0 }],
      records: 5,
      tombstones: 1,
      others: 1,
      damages: 0,
      damaged: [],
    });
  });

  it('with blocks behind its mark is whole, although their records are not stored', async () => {
    const { store, entries } = wholeStore();
    const [, , ...kept] = entries;
    for (const entry of kept.slice(1)) store.delete(nameOf(entry));
    for (const entry of kept) store.delete(placeOf(entry.seq));
    for (const [at, block] of [kept.slice(0, 1), kept.slice(1, 3), kept.slice(3)].entries())
      store.set(placeOf([3, 5, 6][at] ?? 0), encodeBlock(block));
    markAt(store, entries, 3);
    const { damaged, origins } = await verifyStored(storedIn(store));
    expect(damaged).toEqual([]);
    expect(origins).toEqual([
      { origin: ORIGIN, floor: 2, head: 6, entries: 4, blocks: 3, toReplay: 3 },
    ]);
  });

  it('whose mark is of another history is damaged', async () => {
    const mark = (store: Store, entries: Mutation[]): void => markAt(store, entries, 4, 4711);
    expect(await damagesOf(mark)).toEqual([
      'log eu-1.1: entry 4 is not the one that the last checkpoint has marked',
    ]);
  });

  it('begins and ends with whole runs', async () => {
    const reasonsOf = async (groupOf: (seq: number) => string): Promise<string[]> => {
      const { damaged } = await verifyStored(storedIn(wholeStore(groupOf).store));
      return damaged.map(({ reason }) => reason);
    };
    expect(await reasonsOf((seq) => (seq > 2 ? runName(seq - 3, 4) : ''))).toEqual([]);
    expect(await reasonsOf((seq) => (seq > 4 ? runName(seq - 5, 3) : ''))).toEqual([
      'it ends within a run, which goes up to entry 7',
    ]);
    expect(await reasonsOf((seq) => (seq < 4 ? runName(seq - 1, 3) : ''))).toEqual([
      'it begins within the run of entry 3',
    ]);
  });

  it('may still hold entries that are being truncated', async () => {
    const leave = (store: Store, entries: Mutation[]): void => {
      store.set(placeOf(2), entries[1]?.bytes ?? new Uint8Array(0));
    };
    expect(await damagesOf(leave)).toEqual([]);
  });

  it('with a changed byte in a log entry', async () => {
    expect(await damagesOf((store) => damage(store, placeOf(4)))).toEqual([
      'log eu-1.1, entry 4: the log entry is damaged',
      'log eu-1.1: entry 4 is missing',
    ]);
  });

  it('without an entry in the middle, or the last', async () => {
    expect(await damagesOf((store) => store.delete(placeOf(4)))).toEqual([
      'log eu-1.1: entry 4 is missing',
    ]);
    expect(await damagesOf((store) => store.delete(placeOf(6)))).toEqual([
      'log eu-1.1: entry 6 is missing at the end',
    ]);
  });

  it('with an entry behind the head', async () => {
    const add = (store: Store, entries: Mutation[]): void => {
      const extra = draft(7, entries[5]?.chain ?? 0);
      store.set(placeOf(7), extra.bytes).set(nameOf(extra), extra.bytes);
    };
    expect(await damagesOf(add)).toEqual(['log eu-1.1: entry 7 is stored behind the head, 6']);
  });

  it('with an entry of another history', async () => {
    const replace = (store: Store): void => void store.set(placeOf(4), draft(4, 4711).bytes);
    expect(await damagesOf(replace)).toEqual([
      'log eu-1.1: entry 4 does not follow the one before it',
      'log eu-1.1: entry 5 does not follow the one before it',
    ]);
  });

  it('with an entry or a record in the wrong place', async () => {
    const moveEntry = (store: Store): void => {
      store.set(placeOf(4), store.get(placeOf(5)) ?? new Uint8Array(0));
    };
    expect(await damagesOf(moveEntry)).toContain(
      'log eu-1.1, entry 4: the log entry is stored under the wrong key',
    );
    const moveRecord = (store: Store, entries: Mutation[]): void => {
      const [first] = entries;
      const place = latin1(recordKey(NAMESPACE, 'other' as Key));
      if (first !== undefined) store.set(place, first.bytes);
    };
    expect(await damagesOf(moveRecord)).toEqual([
      'record in demo, key 6f74686572 (hex): the record is stored under the wrong key',
    ]);
  });

  it('with a damaged, missing or outdated record', async () => {
    const nameAt = (entries: Mutation[], seq: number): string => {
      return entries.flatMap((entry) => (entry.seq === seq ? nameOf(entry) : []))[0] ?? '';
    };
    expect(await damagesOf((store, entries) => damage(store, nameAt(entries, 3)))).toEqual([
      'record in demo, key 6b65792d33 (hex): the record is damaged',
    ]);
    expect(await damagesOf((store, entries) => store.delete(nameAt(entries, 3)))).toEqual([
      'record of eu-1.1.3: the record that this entry wrote is missing',
    ]);
  });

  it('with damage in the state of a log', async () => {
    const place = latin1(originKey(ORIGIN));
    const damages = await damagesOf((store) => damage(store, place));
    expect(damages[0]).toBe('log eu-1.1: the stored state of this log is damaged');
    expect(damages).toHaveLength(5);
  });

  it('with a damaged or unknown value', async () => {
    const place = latin1(metaKey('incarnation'));
    const damages = await damagesOf((store) => {
      store.set(place, Uint8Array.of(9, 9)).set('zoo', Uint8Array.of(1));
    });
    expect(damages).toEqual([
      `sealed ${Buffer.from(place, 'latin1').toString('hex')}: the value is damaged`,
      'unknown 7a6f6f: unknown key prefix',
    ]);
  });

  it('that cannot be read to its end', async () => {
    const { store } = wholeStore();
    const data = storedIn(store);
    const broken: StoredData = {
      ...data,
      async *scan(from, to) {
        let left = 3;
        for await (const entry of data.scan(from, to)) {
          if (left-- === 0) throw new Error('bad block');
          yield entry;
        }
      },
    };
    const report = await verifyStored(broken);
    expect(report.ok).toBe(false);
    expect(report.damaged[0]?.reason).toBe('the storage cannot be read: bad block');
  });
});

function damage(store: Store, name: string): void {
  store.set(name, flip(store.get(name) ?? new Uint8Array(20)));
}

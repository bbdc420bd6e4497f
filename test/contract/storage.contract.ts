// What every Storage must do. The suite runs on the real one and on the simulated one, so that what
// holds in the simulation holds in production.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { RangeEntry, RangeRequest, RangeResult } from '../../src/model/effect.ts';
import { mutation } from '../support/build.ts';
import { type Batch, type PointRead, type Storage, UNREADABLE } from '../../src/model/port.ts';
import { encodedOf } from '../../src/model/record.ts';

/** A store, as the suite controls it. */
export interface StoreUnderTest {
  /** The port of the current incarnation. */
  readonly storage: Storage;
  /** Lets everything that was requested complete; real storage does so by itself. */
  settle(): void;
  /** Ends this incarnation in order and begins the next on the same data. */
  reopen(): Promise<void>;
  /** Makes the next commit fail; returns a function that removes the cause. */
  failNextCommit(): Promise<() => void>;
  /** Ends this incarnation, makes the middle of the stored data unreadable, and begins the next. */
  damageMiddle(middle: Uint8Array): Promise<void>;
  close(): Promise<void>;
}

type Value = Uint8Array | undefined;

const DAMAGED_KEYS = 3000;
const CLEARED_KEYS = 1500;

export function storageContract(name: string, create: () => Promise<StoreUnderTest>): void {
  describe(`${name}, as a storage,`, () => {
    let store: StoreUnderTest;

    beforeEach(async () => {
      store = await create();
    });
    afterEach(async () => {
      await store.close();
    });

    const commitBatch = (batch: Batch): Promise<string | undefined> =>
      new Promise((resolve) => {
        store.storage.commit(batch, resolve);
        store.settle();
      });
    const commit = (...pairs: readonly (readonly [string, Value])[]) =>
      commitBatch({ keys: pairs.map(([key]) => bytes(key)), values: pairs.map(([, to]) => to) });
    const get = (key: string): PointRead => plain(store.storage.get(bytes(key)));
    const range = (request: Partial<RangeRequest>): Promise<RangeResult> =>
      new Promise((resolve) => {
        store.storage.range({ ...EVERYTHING, ...request }, resolve);
        store.settle();
      });
    const clear = (from: string, to: string): Promise<string | undefined> =>
      new Promise((resolve) => {
        store.storage.clear(bytes(from), bytes(to), resolve);
        store.settle();
      });
    const failToCommit = async (
      ...pairs: readonly (readonly [string, Value])[]
    ): Promise<string | undefined> => {
      const heal = await store.failNextCommit();
      const failure = await commit(...pairs);
      heal();
      return failure;
    };
    const fill = async (prefix: string, count: number): Promise<void> => {
      const names = Array.from({ length: count }, (_, index) => numbered(prefix, index));
      expect(await commit(...names.map((key) => [key, bytes('v'.repeat(100))] as const))).toBe(
        undefined,
      );
    };

    describe('commits', () => {
      it('finds nothing under a key that was never written', () => {
        expect(get('a')).toBe(undefined);
      });

      it('gives back keys and values byte for byte', async () => {
        const all = Uint8Array.from({ length: 256 }, (_, byte) => byte);
        expect(await commitBatch({ keys: [all], values: [all] })).toBe(undefined);
        expect(plain(store.storage.get(all))).toEqual(all);
      });

      it('tells an empty value from an absent one', async () => {
        await commit(['a', new Uint8Array(0)]);
        expect(get('a')).toEqual(new Uint8Array(0));
      });

      it('applies the operations of a batch in their order', async () => {
        await commit(['a', bytes('1')], ['a', bytes('2')], ['b', bytes('1')], ['b', undefined]);
        expect(get('a')).toEqual(bytes('2'));
        expect(get('b')).toBe(undefined);
      });

      it('lets a later commit replace and delete', async () => {
        await commit(['a', bytes('1')], ['b', bytes('1')]);
        await commit(['a', bytes('2')], ['b', undefined]);
        expect(get('a')).toEqual(bytes('2'));
        expect(get('b')).toBe(undefined);
      });

      it('takes an empty batch', async () => {
        expect(await commit()).toBe(undefined);
      });

      it('answers after the call has returned, never within it', async () => {
        let answered = false;
        const done = new Promise<void>((resolve) => {
          store.storage.commit({ keys: [bytes('a')], values: [bytes('1')] }, () => {
            answered = true;
            resolve();
          });
        });
        expect(answered).toBe(false);
        store.settle();
        await done;
      });

      it('copies the batch before the call returns', async () => {
        const key = bytes('a');
        const value = bytes('1');
        const done = new Promise((resolve) => {
          store.storage.commit({ keys: [key], values: [value] }, resolve);
        });
        key.fill(0);
        value.fill(0);
        store.settle();
        await done;
        expect(get('a')).toEqual(bytes('1'));
      });

      it('gives out values that share no memory with the storage', async () => {
        await commit(['a', bytes('1')]);
        (get('a') as Uint8Array).fill(0);
        expect(get('a')).toEqual(bytes('1'));
      });

      it('never shows a part of a batch', async () => {
        const keys = Array.from({ length: 2000 }, (_, index) => bytes(numbered('k', index)));
        const state = { isDone: false, torn: 0 };
        store.storage.commit({ keys, values: keys }, () => {
          state.isDone = true;
        });
        for (let polls = 0; !state.isDone; polls++) {
          const first = get('k0000');
          if (first !== undefined && get('k1999') === undefined) state.torn++;
          if (polls > 0) store.settle();
          await nextTurn();
        }
        expect(state.torn).toBe(0);
        expect(get('k0000')).toEqual(bytes('k0000'));
        expect(get('k1999')).toEqual(bytes('k1999'));
      });
    });

    describe('ranges', () => {
      it('are in the order of bytes, from the first bound up to and without the second', async () => {
        await commit(...['b\u00ff', 'b', 'a', 'c', 'b\u0000', 'B', 'd'].map(asPair));
        const result = await range({ from: bytes('a'), to: bytes('d') });
        expect(keysOf(result)).toEqual(['a', 'b', 'b\u0000', 'b\u00ff', 'c']);
        expect(result).toMatchObject({ ok: true, more: false });
      });

      it('run backwards on request', async () => {
        await commit(...['a', 'b', 'c', 'd'].map(asPair));
        const result = await range({ from: bytes('a'), to: bytes('d'), reverse: true });
        expect(keysOf(result)).toEqual(['c', 'b', 'a']);
      });

      it('carry the values', async () => {
        await commit(['a', bytes('1')], ['b', new Uint8Array(0)]);
        expect(entriesOf(await range({})).map(({ value }) => text(value))).toEqual(['1', '']);
      });

      it('carry heads instead of values on request, and what is not an intact record unchanged', async () => {
        const record = mutation({ value: bytes('v'.repeat(1000)) });
        const damaged = record.bytes.slice(0, -1);
        await commit(['a', record.bytes], ['b', damaged]);
        const [head, whole] = entriesOf(await range({ headsOnly: true }));
        expect(head?.head).toMatchObject({ key: record.key, seq: record.seq, size: 1000 });
        expect(head?.head && encodedOf(head.head)).toHaveLength(0);
        expect(head?.value).toHaveLength(0);
        expect(whole?.head).toBeUndefined();
        expect(Array.from(whole?.value ?? [])).toEqual(Array.from(damaged));
        expect(entriesOf(await range({ headsOnly: true, bytesMax: 100 }))).toHaveLength(1);
      });

      it('are empty where no key is', async () => {
        await commit(['a', bytes('1')]);
        expect(await range({ from: bytes('b') })).toEqual({ ok: true, entries: [], more: false });
        expect(await range({ from: bytes('b'), to: bytes('a') })).toMatchObject({ entries: [] });
      });

      it.each([false, true])(
        'stop at the limit and report that more follows (reverse: %s)',
        async (reverse) => {
          await commit(...['a', 'b', 'c'].map(asPair));
          const order = reverse ? ['c', 'b', 'a'] : ['a', 'b', 'c'];
          const cut = await range({ limit: 2, reverse });
          expect(keysOf(cut)).toEqual(order.slice(0, 2));
          expect(cut).toMatchObject({ more: true });
          const whole = await range({ limit: 3, reverse });
          expect(keysOf(whole)).toEqual(order);
          expect(whole).toMatchObject({ more: false });
        },
      );

      it('stop before they exceed the bound on bytes, but never before the first entry', async () => {
        await commit(['a', new Uint8Array(9)], ['b', new Uint8Array(9)], ['c', new Uint8Array(9)]);
        const two = await range({ bytesMax: 20 });
        expect(keysOf(two)).toEqual(['a', 'b']);
        expect(two).toMatchObject({ more: true });
        expect(keysOf(await range({ bytesMax: 19 }))).toEqual(['a']);
        expect(keysOf(await range({ bytesMax: 1 }))).toEqual(['a']);
        expect(await range({ from: bytes('c'), bytesMax: 1 })).toMatchObject({ more: false });
        expect(await range({ bytesMax: 30 })).toMatchObject({ more: false });
      });

      it('come back whole when they are long', async () => {
        await fill('k', 5000);
        const entries = entriesOf(await range({ limit: 10_000, bytesMax: 2 ** 30 }));
        expect(entries).toHaveLength(5000);
        expect(text((entries[4999] as RangeEntry).key)).toBe('k4999');
      });

      it('show the state at the moment of the request', async () => {
        await commit(...['a', 'b'].map(asPair));
        const asked = new Promise<RangeResult>((resolve) => {
          store.storage.range(EVERYTHING, resolve);
        });
        await commit(['a', undefined], ['c', bytes('c')]);
        expect(keysOf(await asked)).toEqual(['a', 'b']);
      });
    });

    describe('clearing', () => {
      it('removes the range and no other key', async () => {
        await commit(...['a', 'b', 'b\u00ff', 'c'].map(asPair));
        expect(await clear('b', 'c')).toBe(undefined);
        expect(keysOf(await range({}))).toEqual(['a', 'c']);
      });

      it('removes many keys, while commits go on', async () => {
        await fill('k', CLEARED_KEYS);
        let failure: string | undefined = 'not answered';
        const cleared = new Promise<void>((resolve) => {
          store.storage.clear(bytes('k'), bytes('l'), (reason) => {
            failure = reason;
            resolve();
          });
        });
        for (let turn = 0; turn < 10; turn++) {
          expect(await commit([numbered('n', turn), bytes('1')])).toBe(undefined);
        }
        await cleared;
        expect(failure).toBe(undefined);
        const left = await range({ limit: 2 * CLEARED_KEYS });
        expect(keysOf(left)).toEqual(Array.from({ length: 10 }, (_, turn) => numbered('n', turn)));
      });

      it('removes several ranges at the same time', async () => {
        await fill('k', 40);
        const spans = [0, 10, 20, 30].map((at) => [numbered('k', at), numbered('k', at + 5)]);
        await Promise.all(spans.map(([from = '', to = '']) => clear(from, to)));
        expect(entriesOf(await range({}))).toHaveLength(20);
      });

      it('answers for an empty range', async () => {
        expect(await clear('a', 'b')).toBe(undefined);
      });
    });

    describe('a restart', () => {
      it('finds everything that was committed, in the order of the commits', async () => {
        for (let turn = 0; turn < 20; turn++) {
          await commit(['counter', bytes(String(turn))], [numbered('k', turn), bytes('1')]);
        }
        await commit(['k0007', undefined]);
        await store.reopen();
        expect(get('counter')).toEqual(bytes('19'));
        expect(get('k0007')).toBe(undefined);
        expect(entriesOf(await range({}))).toHaveLength(20);
      });

      it('continues where the previous run of the process ended', async () => {
        await commit(['a', bytes('1')]);
        await store.reopen();
        expect(await commit(['a', bytes('2')])).toBe(undefined);
        await store.reopen();
        expect(get('a')).toEqual(bytes('2'));
      });
    });

    describe('after a failed commit', () => {
      it('refuses every later write with the same reason, even when the cause is gone', async () => {
        await commit(['a', bytes('1')]);
        const failure = await failToCommit(['b', bytes('1')]);
        expect(failure).toEqual(expect.any(String));
        for (let turn = 0; turn < 3; turn++) {
          expect(await commit(['c', bytes('1')])).toBe(failure);
        }
        expect(await clear('a', 'b')).toBe(failure);
      });

      it('still reads, and shows nothing of the failed batch', async () => {
        await commit(['a', bytes('1')]);
        await failToCommit(['a', bytes('2')], ['b', bytes('2')]);
        expect(get('a')).toEqual(bytes('1'));
        expect(get('b')).toBe(undefined);
        expect(keysOf(await range({ to: bytes('c') }))).toEqual(['a']);
      });

      it('accepts writes again after a restart, with everything that was acknowledged', async () => {
        await commit(['a', bytes('1')]);
        await failToCommit(['b', bytes('1')]);
        await commit(['c', bytes('1')]);
        await store.reopen();
        expect(get('a')).toEqual(bytes('1'));
        expect(get('c')).toBe(undefined);
        expect(await commit(['c', bytes('2')])).toBe(undefined);
        expect(get('c')).toEqual(bytes('2'));
      });
    });

    describe('a value that cannot be read', () => {
      beforeEach(async () => {
        await fill('k', DAMAGED_KEYS);
        await store.damageMiddle(bytes(numbered('k', DAMAGED_KEYS / 2)));
      });

      it('is reported as unreadable, not as absent', () => {
        expect(get(numbered('k', DAMAGED_KEYS / 2))).toBe(UNREADABLE);
        expect(get(numbered('k', 0))).toEqual(bytes('v'.repeat(100)));
      });

      it.each([false, true])('fails a range over it (reverse: %s)', async (reverse) => {
        expect(await range({ reverse, limit: 2 * DAMAGED_KEYS, bytesMax: 2 ** 30 })).toEqual({
          ok: false,
          reason: expect.any(String),
        });
      });

      it.each([false, true])(
        'fails a range that is limited to a key behind it (reverse: %s)',
        async (reverse) => {
          const limit = Math.floor(DAMAGED_KEYS * 0.65);
          expect(await range({ reverse, limit, bytesMax: 2 ** 30 })).toMatchObject({ ok: false });
        },
      );

      it('does not fail a range that ends before it', async () => {
        const limit = DAMAGED_KEYS / 10;
        expect(await range({ limit, bytesMax: 2 ** 30 })).toMatchObject({ ok: true, more: true });
      });
    });
  });
}

const EVERYTHING: RangeRequest = {
  from: Uint8Array.of(1),
  to: Uint8Array.of(255, 255),
  reverse: false,
  limit: 1000,
  bytesMax: 2 ** 20,
};

function asPair(key: string): readonly [string, Value] {
  return [key, bytes(key)];
}

export function numbered(prefix: string, index: number): string {
  return `${prefix}${String(index).padStart(4, '0')}`;
}

/** One byte a character. */
export function bytes(from: string): Uint8Array {
  return Uint8Array.from(Buffer.from(from, 'latin1'));
}

function text(from: Uint8Array): string {
  return Buffer.from(from).toString('latin1');
}

// Buffers are Uint8Arrays, but not equal to them for the test runner.
function plain(read: PointRead): PointRead {
  if (!(read instanceof Uint8Array)) return read;
  return new Uint8Array(read.buffer, read.byteOffset, read.byteLength);
}

function keysOf(result: RangeResult): string[] {
  return entriesOf(result).map(({ key }) => text(key));
}

function entriesOf(result: RangeResult): readonly RangeEntry[] {
  if (!result.ok) throw new Error(`the range failed: ${result.reason}`);
  return result.entries;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { hlcFromMs } from '../../../src/model/hlc.ts';
import { IdempotencyTable } from '../../../src/store/idempotency.ts';
import { idempotencyEnded, idempotencyKey } from '../../../src/store/layout.ts';
import { mutation, namespace, origin } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';

const NS = namespace('ns');
const WINDOW_MS = 1000;

let out: HostTurn;
let storage: KeyMap;
let table: IdempotencyTable;

beforeEach(() => {
  out = new HostTurn();
  storage = new KeyMap();
  table = new IdempotencyTable(storage.get, WINDOW_MS);
});

const write = (of: string, ms: number, key = 'x', digest = 7) =>
  mutation({
    namespace: NS,
    origin: origin(of),
    seq: 3,
    hlc: hlcFromMs(ms),
    idempotency: { key, digest },
    created: true,
  });

const commit = () => storage.apply(out.takeBatch());
const reopen = () => {
  table = new IdempotencyTable(storage.get, WINDOW_MS);
};
const ended = (ms: number) =>
  storage.range({ ...idempotencyEnded(ms), reverse: false, limit: 100, bytesMax: 1e6 }).entries;

describe('an idempotency key', () => {
  it('names its write at once, and after a restart', () => {
    expect(table.find(NS, 'x')).toBeUndefined();
    table.remember(write('a.1', 5), out);
    const known = { origin: 'a.1', seq: 3, hlc: hlcFromMs(5), digest: 7, created: true };
    expect(table.find(NS, 'x')).toEqual(known);
    commit();
    reopen();
    expect(table.find(NS, 'x')).toEqual(known);
    expect(table.find(namespace('other'), 'x')).toBeUndefined();
  });

  it('names the smaller of two writes, in whatever order they come', () => {
    for (const order of [
      ['a.1', 'b.1'],
      ['b.1', 'a.1'],
    ] as const) {
      table = new IdempotencyTable(new KeyMap().get, WINDOW_MS);
      for (const of of order) table.remember(write(of, of === 'a.1' ? 6 : 5), out);
      expect(table.find(NS, 'x')).toMatchObject({ origin: 'b.1' });
    }
  });

  it('is not affected by a write without a key', () => {
    table.remember(mutation({ namespace: NS }), out);
    expect(out.hasWrites).toBe(false);
  });

  it('that cannot be read is reported as unreadable, and not as unknown', () => {
    table.remember(write('a.1', 5), out);
    commit();
    reopen();
    storage.damage(idempotencyKey(NS, 'x'), 3);
    expect(table.find(NS, 'x')).toBe('unreadable');
    storage.hide(idempotencyKey(NS, 'x'));
    expect(table.find(NS, 'x')).toBe('unreadable');
  });

  it('is forgotten when its window has ended, and not before', () => {
    table.remember(write('a.1', 5, 'early'), out);
    table.remember(write('a.1', 900, 'late'), out);
    commit();
    expect(ended(5 + WINDOW_MS)).toEqual([]);
    const over = ended(6 + WINDOW_MS);
    expect(over).toHaveLength(1);
    table.sweep(over, out);
    commit();
    reopen();
    expect(table.find(NS, 'early')).toBeUndefined();
    expect(table.find(NS, 'late')).toMatchObject({ seq: 3 });
    expect(storage.size).toBe(2);
  });
});

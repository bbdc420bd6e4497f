import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { isChained } from '../../../src/model/encoding.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { decodeBlock } from '../../../src/store/block.ts';
import { decodeLaneState, encodeLaneState, LANE_EMPTY } from '../../../src/store/lane.ts';
import { fenceKey, logKey, originKey } from '../../../src/store/layout.ts';
import { Log } from '../../../src/store/log.ts';
import { tipKey } from '../../../src/store/tip.ts';
import { key, namespace, origin, run } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';
import { markAll } from '../../support/store-all.ts';

const [A, B] = [origin('a.1'), origin('b.1')];
const NS = namespace('ns');
const named = (of: typeof A, count: number) =>
  run(of, count, (seq) => ({ namespace: NS, key: key(`k${seq % 3}`) }));
const entries = named(A, 20);

let out: HostTurn;
let storage: KeyMap;
let metrics: ReturnType<typeof createMetrics>;
let log: Log;

beforeEach(() => {
  out = new HostTurn();
  storage = new KeyMap();
  metrics = createMetrics();
  log = new Log(1e6, metrics);
});

function append(of: typeof A, to: number): void {
  const lane = log.open(of);
  for (const entry of named(of, to).slice(lane.received)) log.append(lane, entry, out);
}

function seal(): number {
  markAll(log, out);
  log.seal(out);
  const { lsn } = out;
  storage.apply(out.takeBatch());
  return lsn;
}

const commit = () => log.onDurable(seal(), out);

describe('a log', () => {
  it('holds what is appended, which is durable when its batch is', () => {
    append(A, 3);
    append(B, 1);
    expect(log.received(A)).toBe(3);
    expect(log.durable.size).toBe(0);
    const lsn = seal();
    append(A, 5);
    expect(log.onDurable(lsn, out)).toEqual([
      [A, 3],
      [B, 1],
    ]);
    expect([...log.durable]).toEqual([
      [A, 3],
      [B, 1],
    ]);
    expect(log.holds({ origin: A, seq: 3 })).toBe(true);
    expect(log.holds({ origin: A, seq: 4 })).toBe(false);
    expect(commit()).toEqual([[A, 5]]);
  });

  it('writes a block and the state of each lane into one batch', () => {
    append(A, 2);
    append(B, 1);
    expect(out.hasWrites).toBe(true);
    markAll(log, out);
    log.seal(out);
    const { keys, values } = out.takeBatch();
    expect(keys).toEqual([logKey(0, A, 2), originKey(A), logKey(0, B, 1), originKey(B), tipKey()]);
    const stored = [...decodeBlock(values[0] as Uint8Array)];
    expect(stored.map((entry) => entry?.bytes)).toEqual(named(A, 2).map(({ bytes }) => bytes));
  });

  it('can be cut behind its blocks, the last one up to a number', () => {
    for (const to of [3, 5, 10]) {
      append(A, to);
      commit();
    }
    const lane = log.open(A);
    const seqUpTo = (seq: number) => lane.endUpTo(seq)?.seq;
    expect([2, 3, 4, 5, 9, 10, 99].map(seqUpTo)).toEqual([undefined, 3, 3, 5, 5, 10, 10]);
    log.truncate(lane, entries[4] as (typeof entries)[number], out);
    expect([5, 9, 10].map(seqUpTo)).toEqual([undefined, undefined, 10]);
    expect(() => log.truncate(lane, { seq: 11, chain: 0 }, out)).toThrow(
      'what is truncated was durable',
    );
  });

  it('forgets every second place to cut at its bound, and never the last', () => {
    const lane = log.open(A);
    for (let seq = 1; seq <= 5000; seq++) lane.noteEnd({ seq, chain: seq });
    expect(lane.endUpTo(1e9)?.seq).toBe(5000);
    const places = new Set(Array.from({ length: 5000 }, (_, at) => lane.endUpTo(at + 1)?.seq));
    expect(places.size).toBeLessThanOrEqual(1025);
    expect(places.size).toBeGreaterThan(500);
  });

  it('continues from what storage remembers', () => {
    append(A, 3);
    commit();
    const bytes = storage.get(originKey(A));
    const state = bytes instanceof Uint8Array ? decodeLaneState(bytes) : undefined;
    if (state === undefined) throw new Error('the state was stored');
    const later = new Log(1e6, createMetrics());
    const lane = later.restore(A, state);
    expect(lane.tailFrom).toBe(4);
    expect(isChained(entries[3] as (typeof entries)[number], lane.chain)).toBe(true);
    expect(isChained(entries[4] as (typeof entries)[number], lane.chain)).toBe(false);
    expect(later.durable.get(A)).toBe(3);
    expect(lane.hlc).toBe(3 * 1024);
  });

  it('treats a gap and a foreign entry as bugs', () => {
    const lane = log.open(A);
    expect(() => log.append(lane, entries[1] as (typeof entries)[number], out)).toThrow('no gap');
    const foreign = named(B, 1)[0] as (typeof entries)[number];
    expect(() => log.append(lane, foreign, out)).toThrow('an entry of this origin');
  });
});

describe('a truncation', () => {
  it('removes entries only once the new floor is durable', () => {
    append(A, 10);
    commit();
    log.truncate(log.open(A), entries[5] as (typeof entries)[number], out);
    expect(out.clears).toEqual([]);
    append(A, 11);
    const lsn = seal();
    expect(out.clears).toEqual([]);
    log.onDurable(lsn, out);
    expect(out.clears).toEqual([{ from: logKey(0, A, 1), to: logKey(0, A, 7) }]);
    const bytes = storage.get(originKey(A));
    expect(bytes instanceof Uint8Array && decodeLaneState(bytes)).toMatchObject({
      received: 11,
      floor: 6,
      floorChain: entries[5]?.chain,
    });
    expect(metrics.logEntriesTruncated).toBe(6);
  });

  it('writes the fence between the logs and what comes before them', () => {
    append(A, 10);
    commit();
    expect(storage.get(fenceKey())).toBeUndefined();
    log.truncate(log.open(A), { seq: 6, chain: 0 }, out);
    commit();
    expect(storage.get(fenceKey())).toEqual(new Uint8Array(0));
  });

  it('removes again what an earlier one may have left', () => {
    append(A, 10);
    commit();
    const lane = log.open(A);
    log.truncate(lane, { seq: 3, chain: 0 }, out);
    log.truncate(lane, { seq: 6, chain: 0 }, out);
    append(A, 11);
    commit();
    expect(out.clears.map(({ from }) => from)).toEqual([logKey(0, A, 1), logKey(0, A, 1)]);
  });
});

describe('the newest entry under a key beyond a vector', () => {
  it('is the winner of all lanes', () => {
    append(A, 5);
    append(B, 4);
    const newest = log.newestBeyond(new Map(), NS, key('k1'));
    expect(newest).toMatchObject({ origin: B, seq: 4 });
    expect(log.newestBeyond(new Map([[B, 4]]), NS, key('k1'))).toMatchObject({ origin: A, seq: 4 });
    const everything = new Map([
      [A, 5],
      [B, 4],
    ]);
    expect(log.newestBeyond(everything, NS, key('k1'))).toBeUndefined();
    expect(log.newestBeyond(new Map(), namespace('other'), key('k1'))).toBeUndefined();
  });

  it('is unknown if memory does not reach back', () => {
    log = new Log(1, metrics);
    append(A, 3);
    commit();
    expect(log.newestBeyond(new Map(), NS, key('k1'))).toBe('unknown');
    expect(log.newestBeyond(new Map([[A, 3]]), NS, key('k1'))).toBeUndefined();
  });
});

describe('the state of a lane', () => {
  const state = { received: 300, chain: 2 ** 52 + 1, hlc: 1e15, floor: 7, floorChain: 12_345 };

  it('is read as it was stored', () => {
    expect(decodeLaneState(encodeLaneState(state))).toEqual(state);
    expect(decodeLaneState(encodeLaneState(LANE_EMPTY))).toEqual(LANE_EMPTY);
  });

  it('with any changed byte, or cut short, is refused', () => {
    const bytes = encodeLaneState(state);
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice();
      changed[i] = (changed[i] as number) ^ 0x40;
      expect(decodeLaneState(changed)).toBeUndefined();
      expect(decodeLaneState(bytes.slice(0, i))).toBeUndefined();
    }
  });
});

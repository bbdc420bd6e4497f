import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import { createHybridClock, hlcFromMs } from '../../../src/model/hlc.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import type { LaneId } from '../../../src/model/id.ts';
import type { Mutation } from '../../../src/model/record.ts';
import { Held } from '../../../src/store/held.ts';
import { heldKey } from '../../../src/store/layout.ts';
import { Log } from '../../../src/store/log.ts';
import { Receiver } from '../../../src/stream/receiver.ts';
import { mutation, origin, run } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';

const A1 = origin('a.1');
const A2 = origin('a.2');
const WALL_MS = 1000;
const DRIFT_MS = 500;

const AHEAD = { hlc: hlcFromMs(WALL_MS + DRIFT_MS + 1) };
const stampedAhead = (count: number, isAhead: (seq: number) => boolean): Mutation[] =>
  run(A1, count, (seq) => (isAhead(seq) ? AHEAD : { hlc: hlcFromMs(WALL_MS) }));

const entries = run(A1, 10);
const metrics = createMetrics();
let out: HostTurn;
let log: Log;
let held: Held;
let shown: string[];
let receiver: Receiver;

beforeEach(() => {
  Object.assign(metrics, createMetrics());
  out = new HostTurn();
  log = new Log(1e6, metrics);
  shown = [];
  held = new Held(1000);
  receiver = receiverWith(held);
});

function receiverWith(waiting: Held): Receiver {
  const clock = createHybridClock(DRIFT_MS);
  const delivery = {
    offer: (_: unknown, { origin: of, seq }: Mutation) => shown.push(`${of}.${seq}`),
  };
  return new Receiver({ log, waiting, clock, metrics, room: { spend: () => {} }, delivery });
}

const receive = (of: typeof A1, some: readonly Mutation[]) =>
  receiver.onEntries(of, some, WALL_MS, out);
const slice = (from: number, to: number) => entries.slice(from - 1, to);

describe('a receiver', () => {
  it('accepts entries that follow, in order, and shows each once', () => {
    expect(receive(A1, slice(1, 2))).toBeUndefined();
    expect(receive(A1, slice(3, 4))).toBeUndefined();
    expect(log.received(A1)).toBe(4);
    expect(shown).toEqual(['a.1.1', 'a.1.2', 'a.1.3', 'a.1.4']);
    expect(metrics.entriesReceived).toBe(4);
  });

  it('drops what it has, and accepts the rest of the message', () => {
    receive(A1, slice(1, 3));
    expect(receive(A1, slice(2, 5))).toBeUndefined();
    expect(log.received(A1)).toBe(5);
    expect(shown).toHaveLength(5);
    expect(metrics.streamDuplicates).toBe(2);
  });

  it('stops at a gap and accepts nothing behind it', () => {
    expect(receive(A1, slice(2, 3))).toBe('gap');
    expect(receive(A1, [...slice(1, 2), ...slice(4, 5)])).toBe('gap');
    expect(log.received(A1)).toBe(2);
    expect(metrics.streamGaps).toBe(2);
    expect(receive(A1, slice(3, 5))).toBeUndefined();
  });

  it('refuses another history under the same name, reports it once, and keeps what it has', () => {
    receive(A1, slice(1, 2));
    const other = run(A1, 4, () => ({ namespace: 'other' as Mutation['namespace'] }));
    expect(receive(A1, other.slice(2))).toBe('divergent');
    expect(receive(A1, other.slice(2))).toBe('divergent');
    expect(log.received(A1)).toBe(2);
    expect(metrics.entriesRefused).toBe(2);
    expect(out.notes).toMatchObject([{ level: 'error', event: 'log-divergent' }]);
    expect(receive(A1, slice(3, 3))).toBeUndefined();
  });

  it('holds a stamp beyond the drift bound outside the log, and what follows it, in order and once', () => {
    const ahead = stampedAhead(5, (seq) => seq === 2);
    expect(receive(A1, ahead.slice(0, 3))).toBeUndefined();
    expect(receive(A1, ahead.slice(1, 3))).toBeUndefined();
    expect(receive(A1, ahead.slice(4, 5))).toBe('gap');
    expect(receive(A1, ahead.slice(3, 4))).toBeUndefined();
    expect(shown).toEqual(['a.1.1']);
    expect(log.received(A1)).toBe(1);
    expect(held.upTo(A1)).toBe(4);
    expect(held.isSilent(A1)).toBe(true);
    expect(metrics.streamDuplicates).toBe(2);
    const other = run(A1, 5, () => ({ namespace: 'other' as Mutation['namespace'] }));
    expect(receive(A1, other.slice(4))).toBe('divergent');
  });

  it('refuses it if there is no room, and counts its origin as silent all the same', () => {
    const big = run(A1, 1, () => ({ ...AHEAD, value: new Uint8Array(2000) }));
    expect(receive(A1, big)).toBe('clock');
    expect(held.isSilent(A1)).toBe(true);
    expect(receiver.onEntries(A1, big, WALL_MS + 1, out)).toBeUndefined();
    expect(held.isSilent(A1)).toBe(false);
    expect(shown).toEqual(['a.1.1']);
  });

  it('accepts what it held when the clock has reached it, from storage after a restart', () => {
    receive(
      A1,
      stampedAhead(4, (seq) => seq >= 2),
    );
    const batch = out.takeBatch();
    const kept = batch.keys.map((key, n) => ({ key, value: batch.values[n] as Uint8Array }));
    const restored = new Held(1000);
    const waiting = kept.filter(({ key }) => key[0] === 'h'.charCodeAt(0));
    for (const entry of waiting) restored.restore(entry, out);
    expect(waiting).toHaveLength(3);
    expect(restored.count).toBe(3);
    for (const room of [held, restored]) {
      const taken: number[] = [];
      const take = (_of: LaneId, some: readonly Mutation[]): number => {
        taken.push(...some.map(({ seq }) => seq));
        return taken.at(-1) ?? 0;
      };
      room.release(({ seq }) => seq > 2, take, out);
      expect(taken).toEqual([2]);
      room.release(() => false, take, out);
      expect(taken).toEqual([2, 3, 4]);
      expect(room.isEmpty).toBe(true);
    }
    expect(out.takeBatch().values).toEqual(new Array(6).fill(undefined));
  });

  /** Entry n is due at `WALL_MS` + n; due entries are released to this receiver. */
  const dueEach = (count: number): Mutation[] =>
    run(A1, count, (seq) => ({ hlc: hlcFromMs(WALL_MS + DRIFT_MS + seq) }));
  const release = (room: Held, to: Receiver, wallMs: number): void =>
    room.release(
      ({ hlc }) => hlc > hlcFromMs(wallMs + DRIFT_MS),
      (of, some) => {
        to.onEntries(of, some, wallMs, out);
        return log.received(of);
      },
      out,
    );

  it('accepts what becomes due one after the other, each once, also after a restart in between', () => {
    const storage = new KeyMap();
    const commit = (): void => storage.apply(out.takeBatch());
    const isKept = (seq: number): boolean => storage.get(heldKey(A1, seq)) !== undefined;
    const kept = dueEach(6);
    const seqs = kept.map(({ seq }) => seq);
    receive(A1, kept);
    commit();
    expect(held.count).toBe(6);
    for (const due of [1, 2, 3]) {
      release(held, receiver, WALL_MS + due);
      commit();
      expect(log.received(A1)).toBe(due);
      expect(seqs.filter(isKept)).toEqual(seqs.slice(due));
      expect(held.upTo(A1)).toBe(6);
    }
    const restored = new Held(1000);
    for (const { seq } of kept.filter((each) => isKept(each.seq))) {
      const found = heldKey(A1, seq);
      restored.restore({ key: found, value: storage.get(found) as Uint8Array }, out);
    }
    expect(restored.count).toBe(3);
    const again = receiverWith(restored);
    release(restored, again, WALL_MS + 5);
    release(restored, again, WALL_MS + 6);
    commit();
    expect(shown).toEqual(seqs.map((seq) => `a.1.${seq}`));
    expect(metrics.streamDuplicates + metrics.streamGaps).toBe(0);
    expect(restored.isEmpty).toBe(true);
    expect(seqs.filter(isKept)).toEqual([]);
  });

  it('drops what waits behind entries that the log refuses, and accepts it when it is sent again', () => {
    const [, two, three] = dueEach(3) as [Mutation, Mutation, Mutation];
    // The entries before are lost.
    for (const { seq, bytes } of [two, three])
      held.restore({ key: heldKey(A1, seq), value: bytes }, out);
    release(held, receiver, WALL_MS + 2);
    expect(metrics.streamGaps).toBe(1);
    expect(held.upTo(A1)).toBe(0);
    expect(held.isSilent(A1)).toBe(true);
    expect(out.takeBatch()).toMatchObject({
      keys: [heldKey(A1, 2), heldKey(A1, 3)],
      values: [undefined, undefined],
    });
    expect(receiver.onEntries(A1, dueEach(3), WALL_MS + 3, out)).toBeUndefined();
    expect(log.received(A1)).toBe(3);
    expect(held.isEmpty).toBe(true);
  });

  it('drops what it cannot read again, with what follows it', () => {
    const [one, , three] = stampedAhead(3, () => true) as [Mutation, Mutation, Mutation];
    for (const { seq, bytes } of [one, three])
      held.restore({ key: heldKey(A1, seq), value: bytes }, out);
    held.restore({ key: heldKey(A1, 4), value: Uint8Array.of(1, 2, 3) }, out);
    expect(held.upTo(A1)).toBe(1);
    expect(out.takeBatch().keys).toHaveLength(2);
  });

  it('answers an entry of another origin than the message names, and continues', () => {
    const foreign = run(origin('b.1'), 1);
    expect(receive(A1, foreign)).toBe('divergent');
    expect(log.received(A1)).toBe(0);
    expect(log.received(origin('b.1'))).toBe(0);
  });

  it('refuses entries of lanes and groups for which no order is built', () => {
    expect(
      receive(
        A1,
        run(A1, 1, () => ({ lane: 1 })),
      ),
    ).toBe('divergent');
    expect(
      receive(
        A1,
        run(A1, 1, () => ({ group: 'g' })),
      ),
    ).toBe('divergent');
    expect(log.received(A1)).toBe(0);
    expect(out.hasWrites).toBe(false);
  });
});

describe('the first entry of a later incarnation', () => {
  const later = (dependencies: Mutation['dependencies']) => [
    mutation({ origin: A2, dependencies }),
  ];

  it('waits for the end of the incarnation before', () => {
    receive(A1, slice(1, 2));
    const first = later([{ origin: A1, seq: 3 }]);
    expect(receive(A2, first)).toBe('gap');
    expect(log.received(A2)).toBe(0);
    receive(A1, slice(3, 3));
    expect(receive(A2, first)).toBeUndefined();
    expect(shown.at(-1)).toBe('a.2.1');
  });

  it('does not wait for what it depends on at other replicas', () => {
    expect(receive(A2, later([{ origin: origin('b.1'), seq: 9 }]))).toBeUndefined();
  });
});

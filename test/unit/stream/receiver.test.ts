import { beforeEach, describe, expect, it } from 'vitest';
import { TurnOutbox } from '../../../src/host/outbox.ts';
import { createHybridClock, hlcFromMs } from '../../../src/model/hlc.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import type { Mutation } from '../../../src/model/record.ts';
import { Log } from '../../../src/store/log.ts';
import { Receiver } from '../../../src/stream/receiver.ts';
import { mutation, origin, run } from '../../support/build.ts';

const A1 = origin('a.1');
const A2 = origin('a.2');
const WALL_MS = 1000;
const DRIFT_MS = 500;

const entries = run(A1, 10);
const metrics = createMetrics();
let out: TurnOutbox;
let log: Log;
let shown: string[];
let receiver: Receiver;

beforeEach(() => {
  Object.assign(metrics, createMetrics());
  out = new TurnOutbox();
  log = new Log(1e6, metrics);
  shown = [];
  receiver = new Receiver(log, createHybridClock(DRIFT_MS), metrics, (accepted) => {
    shown.push(`${accepted.origin}.${accepted.seq}`);
  });
});

const receive = (of: typeof A1, some: readonly Mutation[]) =>
  receiver.onEntries(of, some, WALL_MS, out);
const slice = (from: number, to: number) => entries.slice(from - 1, to);

describe('a receiver', () => {
  it('takes what follows, in order, and shows each entry once', () => {
    expect(receive(A1, slice(1, 2))).toBeUndefined();
    expect(receive(A1, slice(3, 4))).toBeUndefined();
    expect(log.head(A1)).toBe(4);
    expect(shown).toEqual(['a.1.1', 'a.1.2', 'a.1.3', 'a.1.4']);
    expect(metrics.entriesReceived).toBe(4);
  });

  it('drops what it has, and takes the rest of the message', () => {
    receive(A1, slice(1, 3));
    expect(receive(A1, slice(2, 5))).toBeUndefined();
    expect(log.head(A1)).toBe(5);
    expect(shown).toHaveLength(5);
    expect(metrics.streamDuplicates).toBe(2);
  });

  it('stops at a gap and takes nothing behind it', () => {
    expect(receive(A1, slice(2, 3))).toBe('gap');
    expect(receive(A1, [...slice(1, 2), ...slice(4, 5)])).toBe('gap');
    expect(log.head(A1)).toBe(2);
    expect(metrics.streamGaps).toBe(2);
    expect(receive(A1, slice(3, 5))).toBeUndefined();
  });

  it('refuses another history under the same name, tells an operator once, and keeps what it has', () => {
    receive(A1, slice(1, 2));
    const other = run(A1, 4, () => ({ namespace: 'other' as Mutation['namespace'] }));
    expect(receive(A1, other.slice(2))).toBe('divergent');
    expect(receive(A1, other.slice(2))).toBe('divergent');
    expect(log.head(A1)).toBe(2);
    expect(metrics.entriesRefused).toBe(2);
    expect(out.notes).toMatchObject([{ level: 'error', event: 'log-divergent' }]);
    expect(receive(A1, slice(3, 3))).toBeUndefined();
  });

  it('refuses a stamp beyond the drift bound, and takes it once the clock allows', () => {
    const stamped = (ms: number) => ({ hlc: hlcFromMs(ms) });
    const ahead = run(A1, 2, (seq) => stamped(seq === 1 ? WALL_MS : WALL_MS + DRIFT_MS + 1));
    expect(receive(A1, ahead)).toBe('clock');
    expect(log.head(A1)).toBe(1);
    expect(metrics.clockRefusals).toBe(1);
    expect(receiver.onEntries(A1, ahead, WALL_MS + 1, out)).toBeUndefined();
    expect(shown).toEqual(['a.1.1', 'a.1.2']);
  });

  it('answers an entry of another origin than the message names, and does not stop', () => {
    const foreign = run(origin('b.1'), 1);
    expect(receive(A1, foreign)).toBe('divergent');
    expect(log.head(A1)).toBe(0);
    expect(log.head(origin('b.1'))).toBe(0);
  });

  it('refuses entries of lanes and groups that nothing here keeps in order', () => {
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
    expect(log.head(A1)).toBe(0);
    expect(out.hasWrites).toBe(false);
  });
});

describe('the first entry of a later life', () => {
  const later = (dependencies: Mutation['dependencies']) => [
    mutation({ origin: A2, dependencies }),
  ];

  it('waits for the end of the life before', () => {
    receive(A1, slice(1, 2));
    const first = later([{ origin: A1, seq: 3 }]);
    expect(receive(A2, first)).toBe('gap');
    expect(log.head(A2)).toBe(0);
    receive(A1, slice(3, 3));
    expect(receive(A2, first)).toBeUndefined();
    expect(shown.at(-1)).toBe('a.2.1');
  });

  it('does not wait for what it depends on at other replicas', () => {
    expect(receive(A2, later([{ origin: origin('b.1'), seq: 9 }]))).toBeUndefined();
  });
});

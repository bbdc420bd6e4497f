import { beforeEach, describe, expect, it } from 'vitest';
import { hlcFromMs } from '../../../src/model/hlc.ts';
import { idempotencyEnded, idempotencyEndKey, idempotencyKey } from '../../../src/store/layout.ts';
import { IdempotencySweep } from '../../../src/upkeep/idempotency-sweep.ts';
import { mutation, namespace, origin } from '../../support/build.ts';
import { MachineRoom } from '../../support/machine-room.ts';

const NS = namespace('ns');
const WINDOW_MS = 1000;
const PIECE = 256;

let room: MachineRoom;
let sweep: IdempotencySweep;
/** The time at which the room begins. */
let startMs: number;

beforeEach(() => {
  room = new MachineRoom({ settings: { idempotencyMs: WINDOW_MS } });
  startMs = room.now.wallMs;
  start();
});

function start(): void {
  sweep = new IdempotencySweep(room.core.idempotency);
}

/** A write under a key, stamped this long after the beginning. */
function write(key: string, afterMs = 0, of = 'ap-1.1', seq = 1): void {
  const hlc = hlcFromMs(startMs + afterMs);
  const idempotency = { key, digest: 7 };
  const entry = mutation({ namespace: NS, origin: origin(of), seq, hlc, idempotency });
  room.core.idempotency.remember(entry, room.turn);
}

/** A heartbeat is due this long after the beginning: one piece is read. */
function beat(afterMs: number): void {
  room.pass(startMs + afterMs - room.now.wallMs);
  sweep.onBeat(room.turn);
  room.readOnce();
  room.commit();
}

const found = (key: string) => room.core.idempotency.find(NS, key);

/** The keys on the disk, and when they end. */
const stored = (): number => {
  const all = { reverse: false, limit: 1e6, bytesMax: 1e9 };
  const ends = room.disk.range({ ...idempotencyEnded(2 ** 45), ...all });
  const from = idempotencyKey(NS, '');
  const keys = room.disk.range({ from, to: idempotencyKey(namespace('nt'), ''), ...all });
  return (ends.ok ? ends.entries.length : 0) + (keys.ok ? keys.entries.length : 0);
};

describe('an idempotency key', () => {
  it('is forgotten once its window has ended, on the disk and in memory', () => {
    write('early');
    write('late', 500);
    room.commit();
    beat(WINDOW_MS);
    expect(found('early')).toMatchObject({ seq: 1 });
    beat(WINDOW_MS + 1);
    expect(found('early')).toBeUndefined();
    expect(found('late')).toMatchObject({ seq: 1 });
    beat(WINDOW_MS + 501);
    expect([found('late'), stored()]).toEqual([undefined, 0]);
  });

  it('that was used again after its window is kept for another window', () => {
    write('x');
    room.commit();
    write('x', WINDOW_MS + 1, 'ap-1.1', 2);
    room.commit();
    beat(WINDOW_MS + 2);
    expect(found('x')).toMatchObject({ seq: 2 });
    room = room.restarted();
    start();
    expect(found('x')).toMatchObject({ seq: 2 });
    beat(2 * WINDOW_MS + 2);
    expect([found('x'), stored()]).toEqual([undefined, 0]);
  });

  it('that was used again at the end of its window names the first use', () => {
    write('x');
    write('x', WINDOW_MS, 'ap-1.1', 2);
    expect(found('x')).toMatchObject({ seq: 1 });
  });

  it('also names its later use, if a copy brings the earlier one behind it', () => {
    write('x', WINDOW_MS + 1, 'ap-1.1', 2);
    write('x');
    expect(found('x')).toMatchObject({ seq: 2 });
  });

  it('names the earlier of two writes until that one ends, and then leaves nothing of the other', () => {
    write('x', 400, 'ap-1.1', 2);
    write('x', 0, 'eu-1.1', 1);
    room.commit();
    beat(WINDOW_MS + 1);
    expect(found('x')).toBeUndefined();
    write('x', WINDOW_MS + 100, 'ap-1.1', 3);
    room.commit();
    beat(WINDOW_MS + 401);
    expect(found('x')).toMatchObject({ seq: 3 });
    beat(2 * WINDOW_MS + 101);
    expect([found('x'), stored()]).toEqual([undefined, 0]);
  });

  it('is remembered for longer, and not for ever, if the setting was raised', () => {
    write('x');
    room.commit();
    room = room.restarted({ settings: { idempotencyMs: 3 * WINDOW_MS } });
    start();
    beat(WINDOW_MS + 1);
    expect(found('x')).toMatchObject({ seq: 1 });
    beat(3 * WINDOW_MS + 1);
    expect([found('x'), stored()]).toEqual([undefined, 0]);
  });

  it('that is damaged is forgotten with its window', () => {
    write('x');
    room.commit();
    room = room.restarted();
    start();
    room.disk.flip(idempotencyKey(NS, 'x'), 13);
    expect(found('x')).toBe('unreadable');
    beat(WINDOW_MS + 1);
    expect([found('x'), stored()]).toEqual([undefined, 0]);
  });
});

describe('a sweep of idempotency keys', () => {
  beforeEach(() => {
    for (let n = 0; n < 3 * PIECE; n++) write(`k${n}`);
    room.commit();
    room.pass(WINDOW_MS + 1);
  });

  const left = (): number => stored() / 2 / PIECE;

  it('processes a piece with a heartbeat, and continues with commits', () => {
    beat(WINDOW_MS + 1);
    expect(left()).toBe(2);
    beat(WINDOW_MS + 1);
    expect(left()).toBe(2);
    sweep.onDurable(1, room.turn);
    room.read();
    room.commit();
    expect(left()).toBe(1);
  });

  it('forgets two keys for each one that comes in', () => {
    sweep.onBeat(room.turn);
    sweep.onDurable(PIECE, room.turn);
    room.read();
    room.commit();
    expect(left()).toBe(0);
  });

  it('that cannot be read reports it, and begins again with the next heartbeat', () => {
    const end = idempotencyEndKey(startMs + WINDOW_MS, NS, 'k0');
    room.disk.damage(end);
    beat(WINDOW_MS + 1);
    expect([room.noted(), found('k1')]).toMatchObject([['sweep-unreadable'], { seq: 1 }]);
    room.disk.write({ keys: [end], values: [new Uint8Array(0)] }, true);
    beat(WINDOW_MS + 1);
    expect(left()).toBe(2);
  });
});

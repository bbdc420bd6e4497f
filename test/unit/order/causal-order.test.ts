import { beforeEach, describe, expect, it } from 'vitest';
import type { Dot, Origin } from '../../../src/model/id.ts';
import type { Mutation } from '../../../src/model/record.ts';
import { runName } from '../../../src/model/run.ts';
import { seqOf } from '../../../src/model/vector.ts';
import { bytes, key, namespace, origin, run } from '../../support/build.ts';
import { DeliveryRoom } from '../../support/delivery-room.ts';

const A = origin('a.1');
const B = origin('b.1');
const C = origin('c.1');

/** What one entry of a lane is, by its number. */
interface Plan {
  readonly ns?: string;
  readonly at?: string;
  readonly after?: readonly Dot[];
  readonly group?: string;
}

/** A lane whose entries are planned one by one; those that are not are in `ca` under `k{seq}`. */
function laneOf(of: Origin, count: number, plans: { readonly [seq: number]: Plan } = {}) {
  return run(of, count, (seq) => {
    const { ns = 'ca', at = `k${seq}`, after = [], group = '' } = plans[seq] ?? {};
    const value = bytes(`${of}:${seq}`);
    return { namespace: namespace(ns), key: key(at), dependencies: after, value, group };
  });
}

const dot = (of: Origin, seq: number): Dot => ({ origin: of, seq });
const shown = (): string[] => room.told.filter((line) => line.endsWith('shown'));

let room: DeliveryRoom;

beforeEach(() => {
  room = new DeliveryRoom();
});

describe('an entry whose dependency was not received', () => {
  const [first] = laneOf(B, 1, { 1: { after: [dot(A, 2)] } }) as [Mutation];
  const needed = laneOf(A, 3);

  it('waits, asks for it, and is shown once it comes', () => {
    expect(room.receive(first)).toEqual(['waiting']);
    expect(room.value('ca', 'k1')).toBeUndefined();
    expect(room.told).toEqual(['ask for a.1:2']);
    room.receive(needed[0] as Mutation);
    expect(shown()).toEqual(['a.1:1 shown']);
    room.receive(needed[1] as Mutation);
    expect(shown()).toEqual(['a.1:1 shown', 'a.1:2 shown', 'b.1:1 shown']);
    expect(room.log.applied(B)).toBe(1);
  });

  it('delays every later entry of its lane in its scope, and none of another', () => {
    const lane = laneOf(B, 5, {
      1: { after: [dot(A, 1)] },
      2: { ns: 'cb' },
      3: { ns: 'ev' },
      4: { ns: 'un', at: 'm/1' },
      5: { ns: 'fi' },
    });
    expect(room.receive(...lane)).toEqual(['waiting', 'waiting', 'shown', 'shown', 'shown']);
    expect([...room.delivery.order.counts]).toEqual([
      ['ca', 1],
      ['cb', 1],
    ]);
    room.receive(...needed);
    expect(shown().slice(-4)).toEqual(['b.1:1 shown', 'b.1:2 shown', 'a.1:2 shown', 'a.1:3 shown']);
    expect(room.delivery.order.counts.size).toBe(0);
  });

  it('holds back the position of its lane, and the vector that is shown', () => {
    const lane = laneOf(B, 3, { 2: { after: [dot(A, 1)] }, 3: { ns: 'ev' } });
    room.receive(...lane);
    room.commit();
    const { log } = room;
    expect([log.received(B), log.applied(B), seqOf(log.durable, B)]).toEqual([3, 1, 3]);
    expect([...log.shown]).toEqual([[B, 1]]);
    expect([...log.shownBeyond()]).toEqual([[B, 3]]);
    room.receive(needed[0] as Mutation);
    room.commit();
    expect(log.applied(B)).toBe(3);
    expect([...log.shown]).toEqual([
      [B, 3],
      [A, 1],
    ]);
    expect(log.waiting()).toEqual([]);
  });

  it('keeps the mark of a checkpoint before it, so a start delivers it again', () => {
    room.receive(...laneOf(B, 2, { 2: { after: [dot(A, 1)] } }));
    room.commit();
    room.commit();
    expect(room.log.lane(B)?.marked.received).toBe(1);
    room.receive(needed[0] as Mutation);
    room.commit();
    room.commit();
    expect(room.log.lane(B)?.marked.received).toBe(2);
  });

  it('is the newest version of its key for a quorum read', () => {
    room.receive(first);
    const newest = room.delivery.order.newest(namespace('ca'), key('k1'));
    expect(newest).toMatchObject({ lsn: room.out.lsn, record: { origin: B, seq: 1 } });
    expect(room.delivery.order.newest(namespace('ca'), key('k2'))).toBeUndefined();
    room.receive(...needed);
    expect(room.delivery.order.newest(namespace('ca'), key('k1'))).toBeUndefined();
  });
});

describe('an entry whose dependency waits itself', () => {
  it('is shown after it, through any number of lanes', () => {
    const c = laneOf(C, 1, { 1: { after: [dot(B, 1)], at: 'z' } });
    const b = laneOf(B, 1, { 1: { after: [dot(A, 1)], at: 'y' } });
    const a = laneOf(A, 1, { 1: { at: 'x' } });
    expect(room.receive(...c, ...b)).toEqual(['waiting', 'waiting']);
    room.receive(...a);
    expect(shown()).toEqual(['a.1:1 shown', 'b.1:1 shown', 'c.1:1 shown']);
  });

  it('waits for the others of several dependencies as well', () => {
    const c = laneOf(C, 1, { 1: { after: [dot(A, 1), dot(B, 1)] } });
    room.receive(...c, ...laneOf(A, 1));
    expect(shown()).toEqual(['a.1:1 shown']);
    room.receive(...laneOf(B, 1));
    expect(shown()).toEqual(['a.1:1 shown', 'b.1:1 shown', 'c.1:1 shown']);
  });

  it('does not wait for what waits in another unit', () => {
    const b = laneOf(B, 2, {
      1: { ns: 'un', at: 'm/1', after: [dot(A, 1)] },
      2: { ns: 'un', at: 'n/1' },
    });
    const c = laneOf(C, 1, { 1: { ns: 'un', at: 'n/2', after: [dot(B, 2)] } });
    expect(room.receive(...b, ...c)).toEqual(['waiting', 'shown', 'shown']);
  });
});

describe('a run', () => {
  const group = (index: number): string => runName(index, 3);
  const lane = laneOf(B, 4, {
    1: { group: group(0), after: [dot(A, 1)] },
    2: { group: group(1), after: [dot(C, 9)] },
    3: { group: group(2) },
  });

  it('is shown in one turn, after what its first entry depends on', () => {
    room.receive(...lane);
    expect(shown()).toEqual([]);
    room.receive(...laneOf(A, 1));
    expect(shown()).toEqual(['a.1:1 shown', ...[1, 2, 3, 4].map((seq) => `b.1:${seq} shown`)]);
  });

  it('is shown in one turn, although memory has only some of it', () => {
    const size = (lane[0] as Mutation).bytes.length;
    room = new DeliveryRoom({ bytesMax: 2 * size, tailBytes: 1 });
    room.receive(...lane);
    room.settle();
    room.receive(...laneOf(A, 1));
    expect(shown()).toEqual(['a.1:1 shown']);
    room.settle();
    expect(shown()).toEqual(['a.1:1 shown', ...[1, 2, 3, 4].map((seq) => `b.1:${seq} shown`)]);
  });
});

describe('more bytes than memory has room for', () => {
  it('are read from the log again when they are due', () => {
    room = new DeliveryRoom({ bytesMax: 1, tailBytes: 1 });
    room.receive(...laneOf(B, 20, { 1: { after: [dot(A, 1)] } }));
    room.settle();
    expect(room.delivery.order.newest(namespace('ca'), key('k1'))).toBe('unknown');
    room.receive(...laneOf(A, 1));
    room.settle();
    expect(shown()).toHaveLength(21);
    expect(room.value('ca', 'k20')).toBe('b.1:20');
    expect(room.delivery.order.newest(namespace('ca'), key('k1'))).toBeUndefined();
  });

  it('are taken from memory while they are not durable', () => {
    room = new DeliveryRoom({ bytesMax: 1, tailBytes: 1 });
    room.receive(...laneOf(B, 3, { 1: { after: [dot(A, 1)] } }), ...laneOf(A, 1));
    room.delivery.order.onDue(room.out);
    expect(shown()).toHaveLength(4);
  });
});

describe('many entries that are due at once', () => {
  it('are shown in several turns', () => {
    room.receive(...laneOf(B, 600, { 1: { after: [dot(A, 1)] } }), ...laneOf(A, 1));
    expect(shown()).toHaveLength(257);
    for (const count of [513, 601, 601]) {
      room.delivery.order.onDue(room.out);
      expect(shown()).toHaveLength(count);
    }
  });
});

describe('a dependency that no disk holds any more', () => {
  beforeEach(() => {
    room.receive(...laneOf(B, 2, { 1: { after: [dot(A, 2)] } }), ...laneOf(A, 1));
    room.out.now = { wallMs: 5000, monoMs: 5000 };
  });

  it('is waited for as long as it may come', () => {
    room.delivery.order.onBeat(room.out);
    expect(shown()).toEqual(['a.1:1 shown']);
  });

  it('is given up, counted and noted', () => {
    room.lost.add(A);
    room.delivery.order.onBeat(room.out);
    expect(shown()).toEqual(['a.1:1 shown', 'b.1:1 shown', 'b.1:2 shown']);
    expect(room.metrics.dependenciesLost).toBe(1);
    expect(room.out.notes).toContainEqual(
      expect.objectContaining({ level: 'error', event: 'dependency-lost' }),
    );
  });
});

it('a lane that jumps to the end of a copy takes what waited in it along', () => {
  room.receive(...laneOf(B, 2, { 1: { after: [dot(A, 1)] } }));
  room.receive(...laneOf(C, 1, { 1: { after: [dot(B, 2)] } }));
  room.commit();
  const head = { origin: B, seq: 5, chain: 7, hlc: 9 };
  const lane = room.log.jump(head, room.out);
  if (lane !== undefined) room.delivery.order.onJump(lane, room.out);
  expect(shown()).toEqual(['c.1:1 shown']);
  room.commit();
  expect(room.log.waiting()).toEqual([]);
  expect(room.delivery.order.counts.size).toBe(0);
});

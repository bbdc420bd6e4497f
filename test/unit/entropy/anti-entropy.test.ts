import { beforeEach, describe, expect, it } from 'vitest';
import { AntiEntropy } from '../../../src/entropy/anti-entropy.ts';
import { APART_ENTRIES_MAX } from '../../../src/entropy/tree-cut.ts';
import { ROOM_FULL } from '../../../src/model/disk.ts';
import { decodeRecord, type Draft } from '../../../src/model/encoding.ts';
import type { TreeMessage } from '../../../src/model/message.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import { recordKey } from '../../../src/store/layout.ts';
import { key, mutation, namespace, origin, run } from '../../support/build.ts';
import { AP, EU, MachineRoom, US } from '../../support/machine-room.ts';

const NS = namespace('ns');
const OTHER = namespace('other');
const US1 = origin('us-1.1');
const EVERY_MS = 30_000;
const BEAT_MS = 200;
/** The time at which a room begins. */
const START_MS = 1_000_000;
const TIMEOUT_MS = 5000 + 2 * BEAT_MS;
const names = ['k1', 'k2', 'k3', 'k4', 'k5'];
/** With two more entries that are written after them. */
const ALL = names.length + 2;

/** The part of a replica that compares itself with others. */
class Side {
  readonly room: MachineRoom;
  readonly antiEntropy: AntiEntropy;
  readonly catchUp = { isReturning: false };
  readonly healed: string[] = [];

  constructor(self: number, settings = {}) {
    this.room = new MachineRoom({ self, settings: { cacheBytes: 1, ...settings } });
    const heal = (_: unknown, name: string): void => void this.healed.push(name);
    this.antiEntropy = new AntiEntropy({ ...this.room.core, catchUp: this.catchUp, heal });
  }

  /** A disk loses a record without an error, and a scrub counts the rest. */
  lose(name: string, of = NS): void {
    const at = recordKey(of, key(name));
    const bytes = this.room.disk.get(at);
    const record = bytes instanceof Uint8Array ? decodeRecord(bytes) : undefined;
    if (record === undefined) throw new Error('there is nothing to lose');
    this.room.disk.write({ keys: [at], values: [undefined] }, true);
    this.room.core.tree.onChange(record, record, undefined);
  }

  shown(name: string, of = NS) {
    return this.room.core.table.read(of, key(name)).record;
  }
}

let entries: Mutation[];
let ap: Side;
let eu: Side;

const messagesOf = (side: Side): { peer: number; message: TreeMessage }[] =>
  side.room
    .sent()
    .flatMap(({ peer, message }) =>
      message.kind.startsWith('tree-') ? [{ peer, message: message as TreeMessage }] : [],
    );

/** All messages arrive at the other side, and all reads return, until nothing is in progress. */
function settle(): void {
  for (let isBusy = true; isBusy; ) {
    isBusy = false;
    for (const [side, other, index] of [
      [ap, eu, AP],
      [eu, ap, EU],
    ] as const) {
      side.room.read();
      if (side.room.turn.hasWrites) {
        side.room.commit();
        side.antiEntropy.onDurable(side.room.turn);
      }
      for (const { message } of messagesOf(side)) {
        isBusy = true;
        other.antiEntropy.onMessage(index, message, other.room.turn);
      }
    }
  }
}

/** A heartbeat interval passes at both; only ap-1 begins comparisons. */
function beat(): void {
  for (const { room } of [ap, eu]) room.pass(BEAT_MS);
  ap.antiEntropy.onBeat(ap.room.turn);
  settle();
}

/** As many heartbeats as a round takes. */
function round(): void {
  for (let n = 0; n < 6; n++) beat();
}

/** Both hold the same five entries; the test may change the second one. */
function begin(says: Partial<Draft> = {}): void {
  ap = new Side(AP);
  eu = new Side(EU);
  entries = run(US1, names.length, (seq) => ({
    key: key(`k${seq}`),
    ...(seq === 2 ? says : {}),
  }));
  for (const { room } of [ap, eu]) room.hold(...entries);
  // The memory of this replica is small: after two more writes it holds nothing else.
  for (const name of ['x', 'y'])
    for (const { room } of [ap, eu]) room.hold(room.next(US1, { key: key(name), hlc: 9999 }));
  ap.room.greet(EU, { vector: [[US1, ALL]] });
}

beforeEach(() => begin());

const compared = () => ap.antiEntropy.comparisons.with(EU).result;
const metrics = () => ap.room.core.metrics;

describe('a comparison with a peer', () => {
  it('that holds the same is equal', () => {
    round();
    expect([compared(), metrics().treeRoundsEqual]).toEqual(['equal', 1]);
    expect(ap.room.noted()).toEqual([]);
  });

  it('restores what was lost here, reports it, and compares again at once', () => {
    ap.lose('k2');
    round();
    expect(ap.shown('k2')).toMatchObject({ seq: 2 });
    expect(ap.room.noted()).toEqual(['divergence', 'divergence-mended']);
    expect(metrics()).toMatchObject({
      treeRoundsDifferent: 1,
      treeRecordsMended: 1,
      treeResyncs: 1,
      treeRoundsEqual: 1,
    });
    expect(metrics().treeMendedBytes).toBe(entries[1]?.bytes.length);
    expect([compared(), ap.antiEntropy.comparisons.divergentKeys]).toEqual(['equal', 0]);
  });

  it('reports what the peer has lost, and leaves the repair to the peer', () => {
    eu.lose('k2');
    round();
    expect([compared(), ap.antiEntropy.comparisons.divergentKeys]).toEqual(['different', 1]);
    expect(ap.room.noted()).toEqual(['divergence']);
    expect(eu.shown('k2')).toBeUndefined();
    eu.room.greet(AP, { vector: [[US1, ALL]] });
    for (let n = 0; n < 6; n++) {
      for (const { room } of [ap, eu]) room.pass(BEAT_MS);
      eu.antiEntropy.onBeat(eu.room.turn);
      settle();
    }
    expect(eu.shown('k2')).toMatchObject({ seq: 2 });
  });

  it('is due soon if the peer has compared and found a difference', () => {
    round();
    eu.lose('k2');
    eu.room.greet(AP, { vector: [[US1, ALL]] });
    eu.antiEntropy.onBeat(eu.room.turn);
    settle();
    expect(ap.antiEntropy.comparisons.isDue(EU, ap.room.now.monoMs + 2000)).toBe(true);
  });

  it('is unknown, and is repeated, if the peer does not answer', () => {
    ap.antiEntropy.onBeat(ap.room.turn);
    expect(messagesOf(ap)).toMatchObject([{ peer: EU, message: { kind: 'tree-cut-request' } }]);
    ap.room.pass(TIMEOUT_MS - 1);
    ap.antiEntropy.onBeat(ap.room.turn);
    expect(metrics().treeRoundsUnknown).toBe(0);
    ap.room.pass(1);
    ap.antiEntropy.onBeat(ap.room.turn);
    expect(metrics().treeRoundsUnknown).toBe(1);
    expect(compared()).toBe('unknown');
  });

  it('ends with the connection', () => {
    ap.antiEntropy.onBeat(ap.room.turn);
    ap.antiEntropy.onDisconnected(EU, ap.room.turn);
    expect(metrics().treeRoundsUnknown).toBe(1);
  });
});

describe('a replica', () => {
  const asks = (): number[] => {
    ap.antiEntropy.onBeat(ap.room.turn);
    return messagesOf(ap).map(({ peer }) => peer);
  };

  it('compares with one peer after the other, each when it is due', () => {
    ap.room.greet(US, { vector: [[US1, ALL]] });
    round();
    expect(compared()).toBe('equal');
    // us-1 was asked meanwhile, and does not answer.
    ap.antiEntropy.onDisconnected(US, ap.room.turn);
    ap.room.leave(US);
    expect(asks()).toEqual([]);
    ap.room.pass(EVERY_MS);
    expect(asks()).toEqual([EU]);
  });

  it('compares with a peer as soon as it connects, or when an operator asks for it', () => {
    round();
    expect(asks()).toEqual([]);
    ap.antiEntropy.onConnected(EU);
    expect(asks()).toEqual([EU]);
    ap.antiEntropy.onDisconnected(EU, ap.room.turn);
    round();
    const told: unknown[] = [];
    const client = { onReply: (reply: unknown) => void told.push(reply) };
    ap.antiEntropy.onCommand({ kind: 'resync', client }, ap.room.turn);
    for (const { client: to, reply } of ap.room.turn.replies.splice(0)) to.onReply(reply);
    expect([told, asks()]).toEqual([[{ kind: 'resyncing' }], [EU]]);
  });

  it('does not compare with a peer that is not connected, or is far apart in either direction', () => {
    ap.room.leave(EU);
    expect(asks()).toEqual([]);
    ap.room.greet(EU, { vector: [[US1, ALL + APART_ENTRIES_MAX + 1]] });
    expect(asks()).toEqual([]);
    ap.room.leave(EU);
    ap.room.greet(EU, { vector: [[US1, ALL + APART_ENTRIES_MAX]] });
    expect(asks()).toEqual([EU]);
    ap.antiEntropy.onDisconnected(EU, ap.room.turn);
    ap.antiEntropy.onConnected(EU);
    const seq = 2 * APART_ENTRIES_MAX + ALL + 1;
    ap.room.core.log.jump({ origin: US1, seq, chain: 0, hlc: 0 }, ap.room.turn);
    ap.room.commit();
    expect(asks()).toEqual([]);
  });

  it('does not compare while it may lack what it had, or its tree is in doubt', () => {
    ap.catchUp.isReturning = true;
    expect(asks()).toEqual([]);
    ap.catchUp.isReturning = false;
    ap.room.core.tree.distrust(ap.room.turn);
    expect(asks()).toEqual([]);
  });

  it('answers a peer that asks meanwhile with unknown', () => {
    eu.catchUp.isReturning = true;
    round();
    expect([compared(), metrics().treeRoundsUnknown]).toEqual(['unknown', 1]);
  });
});

describe('a record that a peer sends back', () => {
  it('is refused if the disk has no room for it', () => {
    ap.lose('k2');
    ap.room.core.room.onLook(ROOM_FULL);
    round();
    expect(ap.shown('k2')).toBeUndefined();
  });

  it('is refused if it is stamped too far ahead, and is counted', () => {
    begin({ hlc: (START_MS + 10_000) * 1024 });
    ap.lose('k2');
    round();
    expect(ap.shown('k2')).toBeUndefined();
    expect(metrics().clockRefusals).toBeGreaterThan(0);
  });

  it('is refused in a namespace that no policy names here', () => {
    begin({ namespace: OTHER });
    ap.lose('k2', OTHER);
    round();
    expect(ap.shown('k2', OTHER)).toBeUndefined();
    expect(metrics()).toMatchObject({ treeRoundsDifferent: 1, treeRecordsMended: 0 });
  });
});

describe('a record that came before its entry', () => {
  it('no longer counts as ahead if its entry did not follow for a while', () => {
    const { absence } = ap.room.core;
    absence.admit(recordOf(mutation({ origin: origin('zz-1.1'), seq: 3 })), ap.room.turn);
    expect(absence.ahead().size).toBe(1);
    ap.room.pass(10_000);
    ap.antiEntropy.onBeat(ap.room.turn);
    expect(absence.ahead().size).toBe(1);
    ap.room.pass(9999);
    ap.antiEntropy.onBeat(ap.room.turn);
    expect(absence.ahead().size).toBe(1);
    ap.room.pass(1);
    ap.antiEntropy.onBeat(ap.room.turn);
    expect(absence.ahead().size).toBe(0);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import { Resync } from '../../../src/entropy/resync.ts';
import { snapshotMark } from '../../../src/entropy/snapshot-client.ts';
import { ROOM_FULL, ROOM_UNBOUNDED } from '../../../src/model/disk.ts';
import { decodeRecord } from '../../../src/model/encoding.ts';
import type { LaneId } from '../../../src/model/id.ts';
import type { SnapshotMessage } from '../../../src/model/message.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import { recordKey } from '../../../src/store/layout.ts';
import { CHECKPOINT_NEVER, key, namespace, origin, run } from '../../support/build.ts';
import { AP, EU, MachineRoom } from '../../support/machine-room.ts';

const [NS, NT] = [namespace('ns'), namespace('nt')];
const US1 = origin('us-1.1');
const RETRY_MS = 1000;
const KEYS = 600;
/** The log of the peer no longer has this many entries. */
const FLOOR = 400;

/**
 * Values of some size, so that a copy takes several parts; the last two have an idempotency key.
 */
const entries: readonly Mutation[] = run(US1, KEYS, (seq) => ({
  namespace: seq % 2 === 0 ? NS : NT,
  key: key(`k${String(seq).padStart(3, '0')}`),
  value: new Uint8Array(500),
  ...(seq > KEYS - 2 ? { idempotency: { key: `order-${seq}`, digest: 7 } } : {}),
}));

/** The part of a replica that copies from others and lets others copy. */
class Side {
  room: MachineRoom;
  resync: Resync;
  readonly jumped: LaneId[] = [];
  readonly copying: boolean[] = [];
  readonly healed: string[] = [];

  constructor(self: number, settings = {}) {
    this.room = new MachineRoom({
      self,
      namespaces: { ns: {}, nt: {} },
      settings: { copiesPerHour: 1, ...settings },
    });
    this.resync = this.#begin();
  }

  restart(): void {
    this.room = this.room.restarted();
    this.resync = this.#begin();
  }

  #begin(): Resync {
    const resync = new Resync({
      ...this.room.core,
      retryMs: RETRY_MS,
      heal: (_, name) => void this.healed.push(name),
      onJump: (lane) => void this.jumped.push(lane.id),
      catchUp: { onCopy: (isCopying) => void this.copying.push(isCopying) },
    });
    resync.begin();
    return resync;
  }

  hear(from: number, message: SnapshotMessage): void {
    this.resync.onMessage(this.room.peer(from), message, this.room.turn);
  }

  /** The messages since the last call. */
  sent(): SnapshotMessage[] {
    return this.room
      .sent()
      .flatMap(({ message }) =>
        message.kind.startsWith('snapshot-') ? [message as SnapshotMessage] : [],
      );
  }

  /** Its reads and writes have completed. */
  settle(): void {
    this.room.read();
    if (!this.room.turn.hasWrites) return;
    this.room.commit();
    this.resync.onDurable(this.room.turn);
  }

  beat(ms = 200): void {
    this.room.pass(ms);
    this.resync.onBeat(this.room.turn);
  }

  get shown(): number {
    const { table } = this.room.core;
    return entries.filter(({ namespace: ns, key: name }) => table.read(ns, name).record).length;
  }
}

let ap: Side;
let eu: Side;

/** Delivers messages and completes reads and writes one by one, `until` something has arrived. */
function exchange(until: () => boolean = () => false): void {
  const under: { readonly to: Side; readonly from: number; readonly message: SnapshotMessage }[] =
    [];
  const post = (): void => {
    for (const side of [ap, eu]) side.settle();
    for (const message of ap.sent()) under.push({ to: eu, from: AP, message });
    for (const message of eu.sent()) under.push({ to: ap, from: EU, message });
  };
  for (post(); under.length > 0 && !until(); post()) {
    const next = under.shift();
    next?.to.hear(next.from, next.message);
  }
}

/** eu-1 reports that its log no longer reaches back. */
function begin(): void {
  const behind = { kind: 'behind', origin: US1, floor: FLOOR } as const;
  ap.resync.onMessage(ap.room.peer(EU), behind, ap.room.turn);
  ap.beat();
}

beforeEach(() => {
  ap = new Side(AP);
  eu = new Side(EU);
  eu.room.hold(...entries.slice(0, FLOOR));
  eu.room.hold(...entries.slice(FLOOR));
  for (const entry of entries) eu.room.core.idempotency.remember(entry, eu.room.turn);
  const lane = eu.room.core.log.open(US1);
  // A piece of a checkpoint in each commit.
  const { checkpoint } = eu.room.core;
  for (let n = 0; lane.marked.received < KEYS && n < 20; n++) {
    checkpoint.request(eu.room.turn);
    eu.room.commit();
  }
  eu.room.core.log.truncate(lane, lane.at(FLOOR), eu.room.turn);
  eu.room.commit();
  ap.room.greet(EU, { vector: [[US1, KEYS]] });
});

describe('a copy', () => {
  it('begins if no log reaches back, and puts the replica out of service', () => {
    ap.beat();
    expect([ap.sent(), ap.resync.isCopying]).toEqual([[], false]);
    begin();
    expect(ap.sent()).toMatchObject([{ kind: 'snapshot-request', after: '' }]);
    expect([ap.resync.isCopying, ap.copying]).toEqual([true, [true]]);
    expect(ap.room.noted()).toEqual(['snapshot-begins']);
  });

  it('does not begin as long as one peer has the entries in its log', () => {
    ap.room.greet(2, { vector: [[US1, KEYS]] });
    begin();
    expect(ap.resync.isCopying).toBe(false);
  });

  it('brings every record and every idempotency key, and ends with the logs behind it', () => {
    begin();
    exchange();
    expect([ap.shown, ap.copying]).toEqual([KEYS, [true, false]]);
    const { clock, idempotency, log } = ap.room.core;
    expect([log.durable.get(US1), log.lane(US1)?.floor]).toEqual([KEYS, KEYS]);
    expect(idempotency.find(NS, `order-${KEYS}`)).toMatchObject({ origin: US1, seq: KEYS });
    expect(clock.last).toBeGreaterThanOrEqual(KEYS * 1024);
    expect(ap.jumped).toEqual([US1]);
    expect([ap.resync.progress, ap.resync.isCopying]).toEqual([undefined, false]);
  });

  it('reports its progress, which only grows', () => {
    begin();
    expect(ap.resync.progress).toEqual({ parts: 0, records: 0, share: 0 });
    const shares: number[] = [];
    exchange(() => {
      const { share = 1 } = ap.resync.progress ?? {};
      shares.push(share);
      return false;
    });
    expect(shares).toEqual(shares.toSorted((a, b) => a - b));
    // Keys begin alike, so the position shows little more than the namespace: first `ns` is done,
    // then `nt`.
    const [first, last] = [shares.find((share) => share > 0), shares.at(-1)];
    expect(first).toBeLessThan(0.5);
    expect(last).toBeGreaterThanOrEqual(0.5);
  });

  it('leaves newer records here', () => {
    const name = entries[5]?.key ?? key('none');
    const newer = ap.room.next(origin('ap-1.1'), { namespace: NS, key: name, hlc: 1e9 });
    ap.room.hold(newer);
    begin();
    exchange();
    expect(ap.room.core.table.read(NS, name).record).toMatchObject({ hlc: 1e9 });
  });

  it('stores what only the logs had before its range counts as copied', () => {
    ap = new Side(AP, CHECKPOINT_NEVER);
    ap.room.greet(EU, { vector: [[US1, KEYS]] });
    const gone = key('gone');
    const both = run(origin('us-1.2'), 2, (seq) => {
      return { namespace: NS, key: gone, operation: seq === 1 ? 'put' : 'delete' };
    });
    for (const { room } of [ap, eu]) {
      room.hold(...both.slice(0, 1));
      room.core.checkpoint.request(room.turn);
      room.commit();
      room.hold(...both.slice(1));
    }
    const stored = (): unknown => {
      const bytes = ap.room.disk.get(recordKey(NS, gone));
      return bytes instanceof Uint8Array && decodeRecord(bytes);
    };
    expect(stored()).toMatchObject({ operation: 'put' });
    // The delete is forgotten there, so no part shows it.
    eu.room.core.table.drop({ namespace: NS, key: gone }, 1e6, eu.room.turn);
    eu.room.commit();
    begin();
    exchange(() => ap.room.disk.get(snapshotMark()) !== undefined);
    expect(stored()).toMatchObject({ operation: 'delete' });
  });

  it('continues at its mark after a restart, from a peer that holds what it covers', () => {
    begin();
    exchange(() => ap.room.disk.get(snapshotMark()) !== undefined);
    ap.restart();
    expect([ap.resync.isCopying, ap.copying.at(-1)]).toEqual([true, true]);
    ap.room.greet(EU, { vector: [[US1, KEYS]] });
    ap.beat();
    expect(ap.sent()).toEqual([]);
    // Only now it is known what the peer shows.
    ap.room.hear(EU);
    ap.beat();
    const [request] = ap.sent();
    expect(request).toMatchObject({ kind: 'snapshot-request' });
    if (request?.kind !== 'snapshot-request') throw new Error('a copy goes on');
    expect(request.after).not.toBe('');
    eu.hear(AP, request);
    exchange();
    expect([ap.shown, ap.resync.isCopying]).toEqual([KEYS, false]);
  });

  it('begins again if its mark cannot be read', () => {
    begin();
    exchange(() => ap.room.disk.get(snapshotMark()) !== undefined);
    ap.room.disk.damage(snapshotMark());
    ap.restart();
    expect(ap.resync.isCopying).toBe(false);
  });

  it('counts a part as lost if the disk has no room for it, and asks for it again', () => {
    begin();
    ap.room.core.room.onLook(ROOM_FULL);
    exchange();
    expect([ap.shown, ap.resync.progress?.parts]).toEqual([0, 0]);
    ap.room.core.room.onLook(ROOM_UNBOUNDED);
    ap.beat(RETRY_MS);
    exchange();
    expect([ap.shown, ap.resync.isCopying]).toEqual([KEYS, false]);
  });

  it('asks the next peer at once when its connection has ended', () => {
    begin();
    ap.sent();
    ap.room.leave(EU);
    ap.resync.onDisconnected(EU);
    ap.beat();
    expect(ap.sent()).toEqual([]);
    ap.room.greet(2, { vector: [[US1, KEYS]] });
    ap.beat();
    expect(ap.room.sent()).toMatchObject([{ peer: 2, message: { kind: 'snapshot-request' } }]);
  });

  it('accepts no part while too much is not durable here, and continues afterwards', () => {
    ap.room.deliver(...run(origin('zz-1.1'), 2100, (seq) => ({ key: key(`z${seq}`) })));
    begin();
    const [request] = ap.sent();
    if (request !== undefined) eu.hear(AP, request);
    eu.settle();
    for (const part of eu.sent()) ap.hear(EU, part);
    expect(ap.resync.progress?.parts).toBe(0);
    ap.room.commit();
    ap.resync.onDurable(ap.room.turn);
    expect(ap.resync.progress?.parts).toBe(1);
  });

  it('clears the silence of logs of which something had been refused', () => {
    ap = new Side(AP, { windowBytes: 1 });
    ap.room.greet(EU, { vector: [[US1, KEYS]] });
    ap.room.core.held.keep(entries.slice(0, 1), ap.room.turn);
    expect(ap.room.core.held.isSilent(US1)).toBe(true);
    begin();
    exchange();
    expect(ap.room.core.held.isSilent(US1)).toBe(false);
  });

  it('leaves the clock above every stamp that it covers, forgotten deletes included', () => {
    const hlc = 900 * 1024;
    const gone = { namespace: NS, key: key('gone') };
    eu.room.hold(eu.room.next(US1, { ...gone, operation: 'delete', hlc }));
    eu.room.core.table.drop(gone, hlc, eu.room.turn);
    eu.room.commit();
    ap.room.peer(EU).learn([[US1, KEYS + 1]]);
    begin();
    exchange();
    expect(ap.room.core.clock.last).toBeGreaterThanOrEqual(hlc);
  });

  it('begins no more often in an hour than its budget allows, and reports that once', () => {
    begin();
    exchange();
    ap.room.noted();
    ap.room.peer(EU).learn([[origin('us-1.2'), 9]]);
    const behind = { kind: 'behind', origin: origin('us-1.2'), floor: 9 } as const;
    ap.resync.onMessage(ap.room.peer(EU), behind, ap.room.turn);
    ap.beat();
    ap.beat();
    expect([ap.resync.isCopying, ap.room.noted()]).toEqual([false, ['snapshot-postponed']]);
    ap.beat(3_600_000);
    expect(ap.resync.isCopying).toBe(true);
  });
});

describe('a record of a copy', () => {
  it('is accepted if it is stamped too far ahead, and is counted: the peer has accepted it', () => {
    const hlc = (eu.room.now.wallMs + 10_000) * 1024;
    eu.room.hold(eu.room.next(US1, { namespace: NS, key: key('late'), hlc: 2000 * 1024 }));
    const record = eu.room.next(origin('zz-1.1'), { namespace: NS, key: key('far'), hlc });
    eu.room.core.absence.admit(recordOf(record), eu.room.turn);
    eu.room.commit();
    ap.room.peer(EU).learn([[US1, KEYS + 1]]);
    begin();
    exchange();
    expect(ap.room.core.table.read(NS, key('far')).record).toMatchObject({ hlc });
    expect(ap.room.core.metrics.clockRefusals).toBe(1);
    expect(ap.room.core.clock.last).toBeLessThan(hlc);
  });
});

describe('a replica that gives a snapshot', () => {
  it('repairs a damaged record, and sends nothing that lacks it', () => {
    const { namespace: ns, key: name } = entries[0] as Mutation;
    eu.room.disk.flip(recordKey(ns, name), 99);
    begin();
    exchange();
    expect(eu.healed).toEqual([name]);
    expect(ap.resync.isCopying).toBe(true);
  });

  it('sends nothing more when the connection has ended', () => {
    begin();
    const [request] = ap.sent();
    if (request !== undefined) eu.hear(AP, request);
    eu.resync.onDisconnected(AP);
    eu.settle();
    expect(eu.sent()).toEqual([]);
  });
});

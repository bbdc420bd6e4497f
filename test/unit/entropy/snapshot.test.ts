// One side of a snapshot at a time: what it requests and sends, part by part.

import { beforeEach, describe, expect, it } from 'vitest';
import { CopyBudget } from '../../../src/entropy/copy-budget.ts';
import type { Holder } from '../../../src/peers/peers.ts';
import { SnapshotClient } from '../../../src/entropy/snapshot-client.ts';
import { SnapshotServer } from '../../../src/entropy/snapshot-server.ts';
import { HostTurn } from '../../../src/host/turn.ts';
import type { Key, ReplicaId } from '../../../src/model/id.ts';
import type { Message, SnapshotChunk, SnapshotRequest } from '../../../src/model/message.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import { Absence } from '../../../src/store/absence.ts';
import { NAMED, positionOf } from '../../../src/store/layout.ts';
import { Checkpoint } from '../../../src/store/checkpoint.ts';
import { Log } from '../../../src/store/log.ts';
import { RecordIndex } from '../../../src/store/record-index.ts';
import { Table } from '../../../src/store/table.ts';
import { HashTree } from '../../../src/store/tree.ts';
import { CHECKPOINT_AT_ONCE, key, namespace, origin, run } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';
import { readBack, sent } from '../../support/outbox.ts';

const NS = namespace('ns');
const A = origin('a.1');
const WINDOW = 16;
const HOUR_MS = 3_600_000;
const names = Array.from({ length: 40 }, (_, i) => `k${String(i).padStart(2, '0')}`);
const entries = run(A, names.length, (seq) => ({ namespace: NS, key: key(names[seq - 1] ?? '') }));
const at = (monoMs: number) => ({ wallMs: monoMs, monoMs });

/** The storage of one side; the test decides when it answers reads. */
class Side {
  readonly out = new HostTurn();
  readonly storage = new KeyMap();
  readonly metrics = createMetrics();
  readonly log = new Log(1e6, this.metrics);
  readonly table: Table;
  readonly absence: Absence;
  readonly checkpoint: Checkpoint;

  constructor() {
    const { get } = this.storage;
    const tree = new HashTree();
    tree.beginEmpty(this.out);
    const index = new RecordIndex(() => false, get, this.metrics);
    this.table = new Table(get, 1e6, this.metrics, index, tree);
    this.absence = new Absence(this.log, this.table, this.metrics);
    const settings = CHECKPOINT_AT_ONCE;
    const { log, table, metrics } = this;
    this.checkpoint = new Checkpoint({ log, table, metrics, room: { isLow: false }, settings });
    this.checkpoint.open(this.out);
  }

  commit(): void {
    this.checkpoint.onSeal(this.out.at(at(0)));
    this.log.seal(this.out);
    const { lsn } = this.out;
    this.storage.apply(this.out.takeBatch());
    this.table.cells.onDurable(lsn);
    this.log.onDurable(lsn, this.out);
  }

  /** Answers all reads, until there are none. */
  answer(): void {
    while (readBack(this.out.at(at(0)), (request) => this.storage.range(request)));
  }
}

let side: Side;
beforeEach(() => {
  side = new Side();
});

const ofKind = <Kind extends Message['kind']>(kind: Kind, to?: number) =>
  sent(side.out)
    .filter(({ peer, message }) => message.kind === kind && (to === undefined || peer === to))
    .map(({ message }) => message as Extract<Message, { kind: Kind }>);

describe('the giver of a snapshot', () => {
  let server: SnapshotServer;
  const request = (fields: Partial<SnapshotRequest> = {}): SnapshotRequest => ({
    kind: 'snapshot-request',
    id: 1,
    after: '',
    bytesMax: 1,
    parts: 3,
    ...fields,
  });
  const goOn = (): void => side.answer();

  beforeEach(() => {
    const lane = side.log.open(A);
    for (const entry of entries) {
      side.log.append(lane, entry, side.out);
      side.table.merge(recordOf(entry), side.out);
      lane.onApplied(entry.seq);
    }
    side.commit();
    server = new SnapshotServer({
      log: side.log,
      metrics: side.metrics,
      reads: side.table.reads,
      frameBytes: 1000,
      get: side.storage.get,
      heal: () => {},
    });
  });

  it('sends what is durable, although no checkpoint has written it yet', () => {
    const [, entry] = run(origin('b.1'), 2, (seq) => ({ namespace: NS, key: key(`k00${seq}`) }));
    const record = recordOf(entry as Mutation);
    side.table.merge(record, side.out);
    const { lsn } = side.out;
    side.out.takeBatch();
    side.table.cells.onDurable(lsn);
    server.onRequest(
      1,
      request({ after: positionOf({ namespace: NS, key: key('k00') }) }),
      side.out,
    );
    goOn();
    expect(ofKind('snapshot-chunk')[0]?.records.map((each) => each.key)).toEqual(['k002']);
  });

  it('sends as many parts as were requested, and continues with each credit', () => {
    server.onRequest(1, request(), side.out);
    goOn();
    const first = ofKind('snapshot-chunk');
    expect(first.map(({ records }) => records.map((each) => each.key))).toEqual([
      ['k00'],
      ['k01'],
      ['k02'],
    ]);
    expect(first[0]?.covers).toMatchObject([{ origin: A, seq: entries.length }]);
    expect(first.slice(1).map(({ after }) => after)).toEqual(
      first.slice(0, 2).map(({ last }) => last),
    );
    goOn();
    expect(ofKind('snapshot-chunk')).toEqual([]);
    server.onCredit(1, { kind: 'snapshot-credit', id: 1, parts: 1 }, side.out);
    server.onCredit(1, { kind: 'snapshot-credit', id: 1, parts: 1 }, side.out);
    goOn();
    expect(ofKind('snapshot-chunk').flatMap(({ records }) => records)).toMatchObject([
      { key: 'k03' },
      { key: 'k04' },
    ]);
  });

  it('sends at most 64 parts without a message of the peer', () => {
    server.onRequest(1, request({ parts: 1e9 }), side.out);
    server.onCredit(1, { kind: 'snapshot-credit', id: 1, parts: 1e9 }, side.out);
    expect(entries.length).toBeLessThan(64);
    goOn();
    const parts = ofKind('snapshot-chunk');
    expect(parts.flatMap(({ records }) => records.map((each) => each.key))).toEqual(names);
    expect(parts.at(-1)).toMatchObject({ more: false });
  });

  it('serves peers in turn', () => {
    server.onRequest(1, request(), side.out);
    server.onRequest(2, request(), side.out);
    goOn();
    const to = sent(side.out).map(({ peer }) => peer);
    expect(to).toEqual([1, 2, 1, 2, 1, 2]);
  });

  it('ignores credit for a request or a connection that has ended', () => {
    server.onRequest(1, request({ parts: 1 }), side.out);
    server.onRequest(1, request({ id: 2, after: `ns\0k10`, parts: 1 }), side.out);
    goOn();
    expect(ofKind('snapshot-chunk')).toMatchObject([{ id: 2, records: [{ key: 'k11' }] }]);
    server.onCredit(1, { kind: 'snapshot-credit', id: 1, parts: 1 }, side.out);
    goOn();
    expect(ofKind('snapshot-chunk')).toEqual([]);
    server.onDisconnected(1);
    server.onCredit(1, { kind: 'snapshot-credit', id: 2, parts: 1 }, side.out);
    goOn();
    expect(ofKind('snapshot-chunk')).toEqual([]);
  });
});

describe('the taker of a snapshot', () => {
  let client: SnapshotClient;
  const holder: Holder = {
    peer: 1,
    id: 'us-1' as ReplicaId,
    holds: new Map([[A, entries.length]]),
    shows: new Map([[A, entries.length]]),
  };
  const positionAt = (n: number): string => positionOf({ namespace: NS, key: names[n] as Key });

  function part(n: number, id: number, fields: Partial<SnapshotChunk> = {}): SnapshotChunk {
    const heads = [{ origin: A, seq: entries.length, chain: 1, hlc: 1 }];
    return {
      kind: 'snapshot-chunk',
      id,
      covers: n === 0 ? heads : [],
      records: entries.slice(n, n + 1).map(recordOf),
      named: [],
      after: n === 0 ? '' : positionAt(n - 1),
      last: positionAt(n),
      more: true,
      ...fields,
    };
  }

  function clientOf(copiesPerHour: number): SnapshotClient {
    return new SnapshotClient({
      log: side.log,
      table: side.table,
      absence: side.absence,
      metrics: side.metrics,
      bytesMax: 1000,
      retryMs: 1000,
      isAhead: ({ hlc }) => hlc > 1e15,
      budget: new CopyBudget(copiesPerHour),
      checkpoint: side.checkpoint,
      onCopy: () => {},
      admit: (record, turn) => side.absence.admit(record, turn),
      remember: () => {},
      jump: (head, out) => side.log.jump(head, out),
    });
  }

  function begin(monoMs: number): SnapshotRequest | undefined {
    client.onBehind(1, { kind: 'behind', origin: A, floor: entries.length });
    client.onBeat([holder], side.out.at(at(monoMs)));
    return ofKind('snapshot-request')[0];
  }

  const sweep = (): void => side.answer();
  const taken = (): number => side.metrics.snapshotChunksReceived;

  beforeEach(() => {
    client = clientOf(12);
  });

  it('asks for a window of parts, and for one more with each part that it has merged', () => {
    const asked = begin(0);
    expect(asked).toMatchObject({ after: '', parts: WINDOW });
    const id = asked?.id ?? 0;
    client.onChunk(holder, part(0, id), side.out.at(at(0)));
    client.onChunk(holder, part(1, id), side.out.at(at(0)));
    expect(taken()).toBe(1);
    expect(ofKind('snapshot-credit')).toEqual([]);
    sweep();
    expect(taken()).toBe(2);
    expect(ofKind('snapshot-credit')).toEqual([
      { kind: 'snapshot-credit', id, parts: 1 },
      { kind: 'snapshot-credit', id, parts: 1 },
    ]);
  });

  it('asks again from its position if a part is missing, and drops nothing because of it', () => {
    const id = begin(0)?.id ?? 0;
    const kept = run(A, 2, () => ({ namespace: NS, key: key(names[1] ?? '') }))[1];
    if (kept !== undefined) side.table.merge(recordOf(kept), side.out);
    client.onChunk(holder, part(0, id), side.out.at(at(0)));
    client.onChunk(holder, part(2, id), side.out.at(at(0)));
    sweep();
    expect(taken()).toBe(1);
    expect(side.metrics.snapshotRecordsAbsent).toBe(0);
    client.onChunk(holder, part(3, id), side.out.at(at(0)));
    expect(taken()).toBe(1);
    sent(side.out);
    client.onBeat([holder], side.out.at(at(1)));
    expect(ofKind('snapshot-request')).toMatchObject([{ after: positionAt(0), parts: WINDOW }]);
  });

  it('keeps no more than the window, whatever arrives', () => {
    const id = begin(0)?.id ?? 0;
    for (let n = 0; n <= WINDOW; n++) client.onChunk(holder, part(n, id), side.out.at(at(0)));
    expect(taken()).toBe(1);
    client.onChunk(holder, part(WINDOW + 1, id), side.out.at(at(0)));
    sweep();
    expect(taken()).toBe(1);
    client.onBeat([holder], side.out.at(at(1)));
    expect(ofKind('snapshot-request')).toMatchObject([{ after: '' }]);
  });

  it('delays the next part while too much is in memory only', () => {
    const id = begin(0)?.id ?? 0;
    const many = run(origin('b.1'), 5000, (seq) => ({ namespace: NS, key: key(`z${seq}`) }));
    for (const entry of many) side.table.merge(recordOf(entry), side.out);
    client.onChunk(holder, part(0, id), side.out.at(at(0)));
    client.onBeat([holder], side.out.at(at(1)));
    expect(taken()).toBe(0);
    side.commit();
    client.onDurable(side.out.at(at(2)));
    expect(taken()).toBe(1);
  });

  it('asks less and less often for a part that is stamped ahead, reports each holder once, and accepts it in time', () => {
    const covers = [{ origin: A, seq: entries.length, chain: 1, hlc: 2e15 }];
    const other: Holder = { ...holder, peer: 2, id: 'eu-1' as ReplicaId };
    const askedMs: number[] = [];
    begin(-1);
    client.onChunk(holder, part(0, 1, { covers }), side.out.at(at(0)));
    client.onDisconnected(1);
    let last = 1;
    for (let ms = 0; ms < 300_000; ms += 500) {
      client.onBeat([holder, other], side.out.at(at(ms)));
      for (const { id } of ofKind('snapshot-request')) {
        askedMs.push(ms);
        last = id;
        const of = id % 2 === 0 ? other : holder;
        for (const n of [0, 1]) client.onChunk(of, part(n, id, { covers }), side.out.at(at(ms)));
      }
    }
    expect(askedMs.map((ms, n) => ms - (askedMs[n - 1] ?? 0))).toEqual([
      1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000,
    ]);
    expect(side.out.notes.filter(({ event }) => event === 'snapshot-ahead')).toMatchObject([
      { fields: { of: 'us-1' } },
      { fields: { of: 'eu-1' } },
    ]);
    expect(taken()).toBe(0);
    client.onBeat([holder], side.out.at(at(400_000)));
    client.onChunk(holder, part(0, last + 1), side.out.at(at(400_000)));
    expect(taken()).toBe(1);
  });

  it('ends the copy once a checkpoint covers what was received until the last sweep', () => {
    const asked = begin(0);
    const id = asked?.id ?? 0;
    const covers = [{ origin: A, seq: entries.length, chain: 1, hlc: 1 }];
    client.onChunk(holder, part(0, id, { covers, last: NAMED }), side.out.at(at(0)));
    sweep();
    const end = { after: NAMED, last: NAMED, records: [], more: false };
    client.onChunk(holder, part(1, id, end), side.out.at(at(0)));
    client.onDurable(side.out.at(at(0)));
    expect([client.isCopying, side.log.received(A)]).toEqual([true, 0]);
    side.commit();
    client.onDurable(side.out.at(at(0)));
    expect([client.isCopying, side.log.received(A)]).toEqual([false, entries.length]);
  });

  it('begins no more copies in an hour than its budget allows', () => {
    client = clientOf(2);
    /** Every peer has truncated its log up to `seq`, which is missing here. */
    const copy = (seq: number, monoMs: number): boolean => {
      const cut = { ...holder, holds: new Map([[A, seq]]) };
      client.onBehind(1, { kind: 'behind', origin: A, floor: seq });
      client.onBeat([cut], side.out.at(at(monoMs)));
      const [asked] = ofKind('snapshot-request');
      if (asked === undefined) return false;
      const covers = [{ origin: A, seq, chain: 1, hlc: 1 }];
      client.onChunk(cut, part(0, asked.id, { covers, last: NAMED }), side.out.at(at(monoMs)));
      sweep();
      const end = { after: NAMED, last: NAMED, records: [], more: false };
      client.onChunk(cut, part(1, asked.id, end), side.out.at(at(monoMs)));
      side.commit();
      client.onDurable(side.out.at(at(monoMs)));
      return true;
    };
    expect([copy(50, 0), copy(60, 10), copy(70, 20), copy(70, 30)]).toEqual([
      true,
      true,
      false,
      false,
    ]);
    expect(side.metrics.snapshotsReceived).toBe(2);
    expect(side.metrics.snapshotsPostponed).toBe(1);
    expect(side.out.notes.filter(({ event }) => event === 'snapshot-postponed')).toMatchObject([
      { fields: { waitMs: HOUR_MS - 20 } },
    ]);
    expect(copy(70, HOUR_MS)).toBe(true);
    expect(side.log.received(A)).toBe(70);
  });
});

describe('the budget of copies', () => {
  it('is that of any hour, and comes back as its copies grow old', () => {
    const budget = new CopyBudget(2);
    expect([0, 60_000, 60_001].map((ms) => budget.take(ms))).toEqual([true, true, false]);
    expect(budget.waitMs(60_001)).toBe(HOUR_MS - 60_001);
    expect(budget.take(HOUR_MS)).toBe(true);
    expect(budget.take(HOUR_MS + 1)).toBe(false);
    expect(budget.take(HOUR_MS + 60_000)).toBe(true);
  });
});

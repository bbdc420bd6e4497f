// What an incarnation finds on the disk of the one before it.

import { beforeEach, describe, expect, it } from 'vitest';
import { HostTurn } from '../../../src/host/turn.ts';
import type { LaneId } from '../../../src/model/id.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import type { Mutation } from '../../../src/model/record.ts';
import { runName } from '../../../src/model/run.ts';
import { Held } from '../../../src/store/held.ts';
import { readIncarnation } from '../../../src/store/incarnation.ts';
import { heldKey, logKey, metaKey, originKey, treeKey } from '../../../src/store/layout.ts';
import { Log } from '../../../src/store/log.ts';
import { Recovery } from '../../../src/store/recovery.ts';
import { HashTree } from '../../../src/store/tree.ts';
import { CHECKPOINT_NEVER, key, mutation, origin, run } from '../../support/build.ts';
import { MachineRoom, ownOrigin } from '../../support/machine-room.ts';
import { readBack } from '../../support/outbox.ts';
import { encodeLaneState } from '../../../src/store/lane.ts';
import { tipKey } from '../../../src/store/tip.ts';
import { replayNothing } from '../../support/store-all.ts';

const B1 = origin('b.1');
const C1 = origin('c.1');
const OWN = ownOrigin(1);

let before: MachineRoom;

/** Five entries of its own, and ten of another origin, of which four are truncated. */
beforeEach(() => {
  before = new MachineRoom();
  for (const entry of run(OWN, 5, (seq) => ({ key: key(`k${seq}`) }))) before.hold(entry);
  for (const entry of run(B1, 10)) before.hold(entry);
  const { log } = before.core;
  const lane = log.open(B1);
  log.truncate(lane, lane.at(4), before.turn);
  before.commit();
});

interface Found {
  readonly turn: HostTurn;
  readonly log: Log;
  readonly held: Held;
  readonly tree: HashTree;
  readonly metrics: ReturnType<typeof createMetrics>;
  readonly recovery: Recovery;
  readonly isDone: boolean;
  /** The number of reads. */
  readonly reads: number;
}

function start(parked: readonly LaneId[] = []): Found {
  const metrics = createMetrics();
  const turn = new HostTurn();
  const log = new Log(1e6, metrics);
  const held = new Held(1e6);
  const tree = new HashTree();
  let done = 0;
  const park = (): ReadonlySet<LaneId> => new Set(parked);
  const recovery = new Recovery(
    log,
    held,
    tree,
    metrics,
    park,
    replayNothing(metrics),
    () => done++,
  );
  recovery.begin(turn);
  let reads = 0;
  while (readBack(turn, (request) => before.disk.range(request))) reads++;
  return { turn, log, held, tree, metrics, recovery, isDone: done === 1, reads };
}

const halt = (): string | undefined => start().turn.haltReason;
const write = (at: Uint8Array, value: Uint8Array | undefined): void =>
  before.disk.write({ keys: [at], values: [value] }, true);
const remove = (at: Uint8Array): void => write(at, undefined);
const entryOf = (of: typeof B1, seq: number, fields = {}): Mutation =>
  run(of, seq, () => fields)[seq - 1] as Mutation;

describe('a start', () => {
  it('restores every log up to where it was written, from where it was truncated', () => {
    const { log, recovery, isDone, turn } = start();
    expect([isDone, turn.haltReason, recovery.incarnation]).toEqual([true, undefined, 1]);
    expect(log.durable).toEqual(
      new Map([
        [OWN, 5],
        [B1, 10],
      ]),
    );
    expect(log.lane(B1)).toMatchObject({ floor: 4, received: 10, applied: 10, durable: 10 });
  });

  it('restores the chain, so that a log continues where it ended', () => {
    const next = before.next(B1);
    const { log, turn } = start();
    const lane = log.open(B1);
    expect(() => log.append(lane, next, turn)).not.toThrow();
    expect([lane.chain, lane.hlc]).toEqual([next.chain, next.hlc]);
  });

  it('on an empty disk finds nothing, and begins a tree that says so', () => {
    before = new MachineRoom();
    remove(metaKey('incarnation'));
    for (const at of [0xffff, 0xfffe]) remove(treeKey(at));
    const { recovery, isDone, log, tree } = start();
    expect([isDone, recovery.incarnation, log.durable.size]).toEqual([true, 0, 0]);
    expect(tree.isTrusted).toBe(true);
  });

  it('knows the last incarnation that wrote here, so that no later one takes its number', () => {
    expect(readIncarnation(undefined)).toBe(0);
    before = before.restarted({ incarnation: 7 });
    expect(start().recovery.incarnation).toBe(7);
  });

  it('reads on page by page', () => {
    before.hold(...run(C1, 9000));
    const { log, isDone, reads } = start();
    expect([log.durable.get(C1), isDone]).toEqual([9000, true]);
    expect(reads).toBeLessThan(20);
  });

  it('restores logs whose entries are values by themselves, and splits none within a run', () => {
    const D1 = origin('d.1');
    const entries = run(D1, 9, (seq) => {
      return { hlc: 1024, group: seq < 4 || seq > 7 ? '' : runName(seq - 4, 4) };
    });
    for (const { seq, bytes } of entries) write(logKey(0, D1, seq), bytes);
    const { chain, hlc } = entries.at(-1) as Mutation;
    const state = { received: 9, chain, hlc, floor: 0, floorChain: 0 };
    write(originKey(D1), encodeLaneState(state));
    const { log, turn } = start();
    expect(turn.haltReason).toBeUndefined();
    const lane = log.open(D1);
    const places = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((seq) => lane.endUpTo(seq)?.seq);
    expect(places).toEqual([1, 2, 3, 3, 3, 3, 7, 8, 9]);
  });

  it('ignores what a crash left below the floor', () => {
    before.disk.clear(logKey(0, B1, 1), logKey(0, B1, 3));
    expect(halt()).toBeUndefined();
    before.disk.clear(logKey(0, B1, 1), logKey(0, B1, 5));
    expect(halt()).toBeUndefined();
  });

  it('counts tombstones', () => {
    before.hold(before.next(C1, { key: key('gone'), operation: 'delete' }));
    expect(start().metrics.tombstones).toBe(1);
  });

  it('ignores logs that no member can have written, and reports them', () => {
    const { log, turn } = start([B1]);
    expect([log.lane(B1), log.durable.get(OWN)]).toEqual([undefined, 5]);
    expect(turn.notes).toMatchObject([{ event: 'logs-parked', fields: { logs: 1 } }]);
  });
});

describe('an entry that waits for its time', () => {
  const waiting = run(C1, 3);

  beforeEach(() => {
    before.core.held.keep(waiting, before.turn);
    before.commit();
  });

  it('is still waiting', () => {
    const { held, log } = start();
    expect([held.upTo(C1), held.count, log.received(C1)]).toEqual([3, 3, 0]);
  });

  it('is dropped if its log cannot be read up to it: it is sent again', () => {
    before.disk.flip(heldKey(C1, 2), 99);
    const { held, turn } = start();
    expect(held.upTo(C1)).toBe(1);
    before.disk.write(turn.takeBatch(), true);
    expect([1, 2, 3].map((seq) => before.disk.get(heldKey(C1, seq)) !== undefined)).toEqual([
      true,
      false,
      false,
    ]);
  });
});

describe('a run that waits for its time', () => {
  it('is dropped as a whole if not all of it can be read', () => {
    const [first, second] = run(C1, 2, (seq) => ({ hlc: 1024, group: runName(seq - 1, 2) }));
    if (first === undefined || second === undefined) throw new Error('a run has two entries');
    before.core.held.keep([first, second], before.turn);
    before.commit();
    before.disk.flip(heldKey(C1, 2), 99);
    const { held, turn } = start();
    expect([held.upTo(C1), held.isEmpty]).toEqual([0, true]);
    before.disk.write(turn.takeBatch(), true);
    expect(before.disk.get(heldKey(C1, 1))).toBeUndefined();
  });
});

describe('a tree', () => {
  it('is trusted as it was written', () => {
    const { tree } = start();
    expect(tree.isTrusted).toBe(true);
    expect(tree.leaves.root()).toEqual(before.core.tree.leaves.root());
  });

  it('with a damaged leaf is in doubt, which does not halt the start', () => {
    const leaf = Array.from({ length: 0x4000 }, (_, at) => treeKey(at)).find(
      (at) => before.disk.get(at) !== undefined,
    );
    before.disk.flip(leaf as Uint8Array, 21);
    const { tree, turn, isDone } = start();
    expect([tree.isTrusted, turn.haltReason, isDone]).toEqual([false, undefined, true]);
  });

  it('that cannot be read is in doubt, which does not halt the start', () => {
    before.disk.damage(treeKey(0xffff));
    const { tree, turn, isDone } = start();
    expect([tree.isTrusted, turn.haltReason, isDone]).toEqual([false, undefined, true]);
  });
});

describe('a start over damage', () => {
  it('halts at a changed byte in an entry, reports where, and does not continue', () => {
    before.disk.flip(logKey(0, OWN, 3), 160);
    const { turn, isDone } = start();
    expect(turn.haltReason).toBe(`the log of ${OWN} is not whole: verified up to 2 of 5`);
    expect([isDone, turn.ending]).toEqual([false, 'damaged']);
  });

  it.each([
    [
      'in the middle',
      () => remove(logKey(0, OWN, 2)),
      `${OWN} is not whole: verified up to 1 of 5`,
    ],
    ['at the end', () => remove(logKey(0, B1, 10)), 'b.1 is not whole: verified up to 9 of 10'],
    ['above the floor', () => remove(logKey(0, B1, 5)), 'b.1 is not whole: verified up to 4 of 10'],
  ])('halts at entries that are missing %s', (_, damage, reason) => {
    damage();
    expect(halt()).toContain(reason);
  });

  it('halts if the last entries behind the mark are missing', () => {
    before = new MachineRoom({ settings: CHECKPOINT_NEVER });
    for (const entry of run(B1, 5)) before.hold(entry);
    expect(before.disk.get(originKey(B1))).toBeUndefined();
    remove(logKey(0, B1, 5));
    expect(halt()).toContain('b.1 is not whole: verified up to 4 of 5');
    remove(logKey(0, B1, 4));
    before.disk.flip(tipKey(), 33);
    expect(halt()).toBe('the vector in storage is damaged');
  });

  it('halts at an entry that no batch explains', () => {
    write(logKey(0, B1, 11), entryOf(B1, 11).bytes);
    expect(halt()).toContain('b.1 is not whole');
  });

  it('halts at an entry of another history', () => {
    write(logKey(0, B1, 7), entryOf(B1, 7, { key: key('other') }).bytes);
    expect(halt()).toContain('b.1 is not whole: verified up to 6 of 10');
  });

  it('halts if another entry has taken the place of the last one', () => {
    const { chain } = entryOf(B1, 9);
    write(logKey(0, B1, 10), mutation({ origin: B1, seq: 10, key: key('other') }, chain).bytes);
    expect(halt()).toContain('b.1 is not whole: verified up to 9 of 10');
  });

  it('halts at a log that ends within a run', () => {
    before.hold(before.next(B1, { group: runName(0, 2) }));
    expect(halt()).toContain('b.1 is not whole: verified up to 11 of 11');
  });

  it('halts at an entry of another origin, and at one at the wrong place', () => {
    write(logKey(0, B1, 7), entryOf(C1, 7).bytes);
    expect(halt()).toContain('verified up to 6');
    write(logKey(0, B1, 7), entryOf(B1, 8).bytes);
    expect(halt()).toContain('verified up to 6');
  });

  it('halts if the state of a log is damaged', () => {
    before.disk.flip(originKey(B1), 25);
    expect(halt()).toBe('the vector in storage is damaged');
  });

  it('halts at a log whose name is not an origin', () => {
    write(Uint8Array.of(0x6f, 0x41), new Uint8Array(20));
    expect(halt()).toBe('the vector in storage is damaged');
  });

  it('halts if the number of its incarnation is damaged', () => {
    before.disk.flip(metaKey('incarnation'), 9);
    expect(halt()).toBe('the incarnation in storage is damaged');
  });

  it('halts if storage cannot be read, and may start again if nothing is reported as damaged', () => {
    before.disk.damage(originKey(B1));
    const { turn, isDone } = start();
    expect([turn.haltReason, turn.ending, isDone]).toEqual([
      'storage cannot be read: simulated damage',
      'restart',
      false,
    ]);
    const read = { ok: false, reason: 'Corruption: checksum mismatch' } as const;
    const other = new HostTurn();
    const { log, held, tree, metrics } = start();
    new Recovery(
      log,
      held,
      tree,
      metrics,
      () => new Set(),
      replayNothing(metrics),
      () => {},
    ).begin(other);
    readBack(other, () => read);
    expect(other.ending).toBe('damaged');
  });
});

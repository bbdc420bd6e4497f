import { describe, expect, it } from 'vitest';
import { APART_ENTRIES_MAX } from '../../../src/entropy/tree-cut.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import { merge } from '../../../src/conflict/merge.ts';
import { FrozenTree } from '../../../src/store/frozen-tree.ts';
import { recordKey } from '../../../src/store/layout.ts';
import { Leaves } from '../../../src/store/leaves.ts';
import { key, namespace, origin, run } from '../../support/build.ts';
import { isSameLeaves, leavesOf, TreeRoom } from '../../support/tree-room.ts';

const NS = namespace('ns');
const EU = origin('eu-1.1');
const US = origin('us-1.1');
const eu = run(EU, 20, (seq) => ({ namespace: NS, key: key(`k${seq % 3}`), hlc: seq * 10 }));
const us = run(US, 20, (seq) => ({ namespace: NS, key: key(`k${seq % 4}`), hlc: seq * 10 + 1 }));

function roomWith(entries: readonly Mutation[], options = {}): TreeRoom {
  const room = new TreeRoom(options);
  for (const entry of entries) room.deliver(entry);
  room.commit();
  return room;
}

describe('a cut', () => {
  it('waits until everything in the frozen copy is durable', () => {
    const room = new TreeRoom();
    room.deliver(eu[0] as Mutation);
    const cut = room.freeze();
    expect(cut.advance()).toBe('waiting');
    room.commit();
    expect(cut.advance()).toBe('known');
    expect([...cut.vector]).toEqual([[EU, 1]]);
  });

  it('is reached by the missing entries, and by no others', () => {
    const room = roomWith(eu.slice(0, 5));
    const cut = room.freeze();
    expect(cut.join([[US, 3]])).toBe(true);
    expect(cut.advance()).toBe('waiting');
    for (const entry of [...eu.slice(5), ...us]) room.deliver(entry);
    expect(cut.advance()).toBe('waiting');
    room.commit();
    expect(cut.advance()).toBe('known');
    const covered = [...eu.slice(0, 5), ...us.slice(0, 3)];
    expect(isSameLeaves(cut.leaves, leavesOf(covered, merge))).toBe(true);
  });

  it('covers a record that came before its entry, and waits for the entry', () => {
    const room = roomWith(eu.slice(0, 2));
    room.absence.admit(recordOf(eu[3] as Mutation), room.out);
    const cut = room.freeze();
    room.commit();
    expect([...cut.vector]).toEqual([[EU, 4]]);
    expect(cut.advance()).toBe('waiting');
    room.deliver(eu[2] as Mutation);
    room.deliver(eu[3] as Mutation);
    room.commit();
    expect(cut.advance()).toBe('known');
  });

  it('stops waiting for an entry that did not follow its record for a while', () => {
    const room = roomWith(eu.slice(0, 2));
    room.absence.admit(recordOf(eu[3] as Mutation), room.out);
    room.commit();
    room.absence.age();
    expect(room.absence.ahead().get(EU)).toBe(4);
    room.absence.age();
    expect(room.freeze().advance()).toBe('known');
  });

  it('is agreed upon once, and must include the announced vector', () => {
    const room = roomWith(eu.slice(0, 5));
    expect(room.freeze().agree([[EU, 4]])).toBe(false);
    const cut = room.freeze();
    const agreed = [[EU, 5]] as const;
    expect(cut.agree(agreed)).toBe(true);
    expect(cut.advance()).toBe('known');
    expect(cut.agree(agreed)).toBe(true);
    expect(cut.agree([[EU, 6]])).toBe(false);
    expect([...cut.vector]).toEqual(agreed);
  });

  it('is refused if the two replicas are too far apart', () => {
    const cut = roomWith(eu.slice(0, 5)).freeze();
    expect(cut.join([[US, APART_ENTRIES_MAX + 1]])).toBe(false);
    expect(cut.join([[US, APART_ENTRIES_MAX]])).toBe(true);
  });

  it('costs nothing once it is reached, and does not change', () => {
    const room = roomWith(eu.slice(0, 5));
    const cut = room.freeze();
    cut.join([]);
    expect(cut.advance()).toBe('known');
    for (const entry of us) room.deliver(entry);
    room.commit();
    expect(cut.advance()).toBe('known');
    expect(isSameLeaves(cut.leaves, leavesOf(eu.slice(0, 5), merge))).toBe(true);
    cut.end();
    expect(cut.advance()).toBe('unknown');
  });
});

describe('a cut is unknown for good', () => {
  const begin = (options = {}) => {
    const room = roomWith(eu.slice(0, 5), options);
    const cut = room.freeze();
    cut.join([[US, 3]]);
    return { room, cut };
  };

  it('if the tree is in doubt', () => {
    const { room, cut } = begin();
    room.tree.distrust(room.out);
    room.tree.beginRecount();
    for (const entry of us) room.deliver(entry);
    room.commit();
    expect(cut.advance()).toBe('unknown');
  });

  it('if a recount has found the tree to be wrong, before or after the cut was reached', () => {
    const { room, cut } = begin();
    const reached = room.freeze();
    reached.join([]);
    expect(reached.advance()).toBe('known');
    room.tree.beginRecount();
    const { recount } = room.tree;
    recount?.take([], undefined);
    if (recount !== undefined)
      room.tree.settle(recount, room.tree.differing(recount), recount.census);
    expect(reached.advance()).toBe('unknown');
    expect(cut.advance()).toBe('unknown');
  });

  it('while this replica may not answer', () => {
    const { room, cut } = begin();
    room.isFit = false;
    expect(cut.advance()).toBe('unknown');
  });

  it('if an entry is no longer in memory', () => {
    const { room, cut } = begin({ tailBytes: 1 });
    for (const entry of us.slice(0, 3)) {
      room.deliver(entry);
      room.commit();
    }
    expect(cut.advance()).toBe('unknown');
  });

  it('if the log has jumped', () => {
    const { room, cut } = begin();
    room.log.jump({ origin: US, seq: 9, chain: 1, hlc: 1 }, room.out);
    expect(cut.advance()).toBe('unknown');
  });

  it('if an entry meets a damaged record', () => {
    const room = roomWith(eu.slice(0, 3), { cacheBytes: 1 });
    // Memory keeps only the latest record.
    for (const [at, entry] of run(US, 4, () => ({ namespace: NS, key: key('z') })).entries()) {
      room.deliver(entry);
      room.commit();
      expect(room.log.received(US)).toBe(at + 1);
    }
    const cut = room.freeze();
    cut.join([[EU, 4]]);
    room.storage.damage(recordKey(NS, key('k1')), 3);
    room.deliver(eu[3] as Mutation);
    room.commit();
    expect(cut.advance()).toBe('unknown');
  });

  it('if more keys have changed than it can remember', () => {
    const room = new TreeRoom();
    const frozen = new FrozenTree(new Leaves(), new Map());
    const change = (n: number) => frozen.onChange({ namespace: NS, key: key(`k${n}`) }, undefined);
    for (let n = 0; n < 32_768; n++) change(n);
    for (let n = 0; n < 32_768; n++) change(n);
    expect(frozen.advance(room.log, room.table)).toBe('there');
    change(32_768);
    expect(frozen.advance(room.log, room.table)).toBe('lost');
  });
});

describe('a frozen tree', () => {
  it('merges a bounded number of entries in one step', () => {
    const room = new TreeRoom();
    const frozen = room.tree.freeze(new Map());
    const entries = run(EU, 1025, (seq) => ({ namespace: NS, key: key(`k${seq}`) }));
    frozen.raise(new Map([[EU, 1025]]));
    for (const entry of entries) room.deliver(entry);
    expect(frozen.advance(room.log, room.table)).toBe('moving');
    expect(frozen.advance(room.log, room.table)).toBe('there');
    expect(isSameLeaves(frozen.leaves, room.tree.leaves)).toBe(true);
  });
});

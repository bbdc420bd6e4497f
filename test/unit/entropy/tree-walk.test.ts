// Both sides of a comparison, connected only by their messages.

import { beforeEach, describe, expect, it } from 'vitest';
import { type RoundEnd, TreeWalk } from '../../../src/entropy/tree-walk.ts';
import { TreeServer } from '../../../src/entropy/tree-server.ts';
import type { Now } from '../../../src/model/effect.ts';
import type { Message } from '../../../src/model/message.ts';
import { createMetrics } from '../../../src/model/metrics.ts';
import { recordOf } from '../../../src/model/record.ts';
import { key, mutation, namespace, origin, run } from '../../support/build.ts';
import { recordKey } from '../../../src/store/layout.ts';
import { TreeRoom } from '../../support/tree-room.ts';

const NS = namespace('ns');
const EU = origin('eu-1.1');
const US = origin('us-1.1');
const REST_MS = 200;
const TIMEOUT_MS = 5000;

/** Either replica: a room with both sides in it. */
class Side extends TreeRoom {
  readonly ends: RoundEnd[] = [];
  readonly roots: boolean[] = [];
  readonly server: TreeServer;
  readonly walk: TreeWalk;

  constructor() {
    super({ cacheBytes: 1 });
    const freeze = () => (this.isFit && this.tree.isTrusted ? this.freeze() : undefined);
    const shared = { table: this.table, frameBytes: 1e5, freeze };
    const onRoot = (_peer: number, isSame: boolean) => void this.roots.push(isSame);
    this.server = new TreeServer({ ...shared, heal: () => {}, onRoot });
    this.walk = new TreeWalk({
      ...shared,
      tree: this.tree,
      metrics: createMetrics(),
      roundBytes: 1e6,
      restMs: REST_MS,
      timeoutMs: TIMEOUT_MS,
      heal: () => {},
      recover: (record, turn) => this.table.recover(record, turn) === 'won',
      onEnd: (end) => void this.ends.push(end),
    });
  }

  hear(message: Message, now: Now): void {
    const { out, server, walk } = this;
    if (message.kind === 'tree-cut-request') server.onCut(1, message, out.at(now));
    else if (message.kind === 'tree-request') server.onTree(1, message, out.at(now));
    else if (message.kind === 'tree-keys-request') server.onKeys(1, message, out);
    else if (message.kind === 'tree-records-request') server.onRecords(1, message, out.at(now));
    else if (message.kind === 'tree-cut') walk.onCut(1, message, out.at(now));
    else if (message.kind === 'tree-reply') walk.onReply(1, message, out.at(now));
    else if (message.kind === 'tree-keys') walk.onKeys(1, message, out.at(now));
    else if (message.kind === 'tree-records') walk.onRecords(1, message, out.at(now));
  }

  /** A disk loses it without an error, and a scrub counts the rest. */
  lose(name: string): void {
    const at = recordKey(NS, key(name));
    const { record } = this.table.read(NS, key(name));
    if (record === undefined) throw new Error('nothing to lose');
    this.storage.apply({ keys: [at], values: [undefined] });
    this.tree.onChange(record, record, undefined);
    for (const other of ['k1', 'k2', 'k3']) this.table.read(NS, key(other));
  }
}

let here: Side;
let there: Side;
let nowMs: number;
const now = (): Now => ({ wallMs: nowMs, monoMs: nowMs });
const both = (): [Side, Side] => [here, there];

const eu = run(EU, 40, (seq) => ({ namespace: NS, key: key(`k${seq}`) }));

beforeEach(() => {
  here = new Side();
  there = new Side();
  nowMs = 1000;
});

/** Delivers messages and completes reads, until there are none. */
function talk(): void {
  for (let isQuiet = false; !isQuiet; ) {
    isQuiet = true;
    for (const [from, to] of [both(), [there, here] as const]) {
      const messages = from.out.messages.splice(0);
      from.out.peers.length = 0;
      const reads = from.out.reads.splice(0);
      if (messages.length + reads.length > 0) isQuiet = false;
      for (const message of messages) to.hear(message, now());
      for (const { request, owner } of reads)
        owner.onRead(from.storage.range(request), from.out.at(now()));
    }
  }
}

/** Heartbeats pass. */
function beat(count = 1): void {
  for (let n = 0; n < count; n++) {
    nowMs += REST_MS;
    here.server.onBeat(now());
    there.server.onBeat(now());
    here.walk.onBeat(here.out.at(now()));
    talk();
  }
}

function deliver(entries: readonly (typeof eu)[number][], sides: readonly Side[] = both()): void {
  for (const side of sides) {
    // One by one, so that memory keeps only the last.
    for (const entry of entries) {
      side.deliver(entry);
      side.commit();
    }
    side.server.onDurable(side.out);
    side.walk.onDurable(side.out.at(now()));
  }
}

function round(beats = 40): RoundEnd | undefined {
  here.walk.begin(1, here.out.at(now()));
  talk();
  for (let n = 0; n < beats && here.walk.isWalking; n++) beat();
  return here.ends.at(-1);
}

describe('a round', () => {
  it('is equal if both hold the same, and the peer learns it, too', () => {
    deliver(eu);
    expect(round()).toMatchObject({ result: 'equal', keys: 0, mended: 0 });
    expect(there.roots).toEqual([true]);
  });

  it('is equal at a cut that neither held at its beginning, once both have reached it', () => {
    const us = run(US, 6, (seq) => ({ namespace: NS, key: key(`k${seq}`), hlc: 1e6 + seq }));
    deliver(eu.slice(0, 30));
    deliver(eu.slice(30), [here]);
    deliver(us.slice(0, 3), [there]);
    here.walk.begin(1, here.out.at(now()));
    talk();
    beat(3);
    expect(here.ends).toEqual([]);
    // All the time one side has entries behind the cut that the other lacks.
    deliver(us, [here]);
    deliver(eu.slice(30), [there]);
    beat(2);
    expect(here.ends).toMatchObject([{ result: 'equal' }]);
  });

  it('is unknown if the cut is not reached in time', () => {
    deliver(eu.slice(0, 30));
    deliver(eu.slice(30), [here]);
    expect(round()).toMatchObject({ result: 'unknown' });
    expect(nowMs).toBeLessThanOrEqual(1000 + TIMEOUT_MS + REST_MS);
    expect(there.roots).toEqual([]);
  });

  it('is unknown if either tree is in doubt, before or after the cut', () => {
    deliver(eu.slice(0, 30));
    for (const side of both()) {
      side.isFit = false;
      expect(round()).toMatchObject({ result: 'unknown' });
      side.isFit = true;
    }
    deliver(eu.slice(30), [here]);
    here.walk.begin(1, here.out.at(now()));
    talk();
    there.tree.distrust(there.out);
    deliver(eu.slice(30), [there]);
    beat(2);
    expect(here.ends).toHaveLength(3);
    expect(here.ends.at(-1)).toMatchObject({ result: 'unknown' });
  });

  it('finds what is lost here, confirms it at a second cut, and restores it', () => {
    deliver(eu);
    here.lose('k20');
    expect(round()).toMatchObject({ result: 'different', keys: 1, mended: 1 });
    here.commit();
    expect(round()).toMatchObject({ result: 'equal' });
  });

  it('finds what is lost at the peer, and leaves the repair to the peer', () => {
    deliver(eu);
    there.lose('k20');
    expect(round()).toMatchObject({ result: 'different', keys: 1, mended: 0 });
    expect(there.roots).toEqual([false, false]);
  });

  it('ignores a loss that was overwritten before the second comparison', () => {
    deliver(eu);
    here.lose('k20');
    here.walk.begin(1, here.out.at(now()));
    talk();
    expect(here.ends).toEqual([]);
    deliver([mutation({ origin: US, seq: 1, namespace: NS, key: key('k20'), hlc: 1e9 })]);
    beat(2);
    expect(here.ends).toMatchObject([{ result: 'equal', keys: 0, mended: 0 }]);
  });

  it('continues if it gets an answer to another question', () => {
    deliver(eu);
    here.walk.begin(1, here.out.at(now()));
    const id = 1;
    const keys = { kind: 'tree-keys', answer: 'known', keys: [], last: '', more: false } as const;
    here.hear({ ...keys, id }, now());
    here.hear({ kind: 'tree-records', id, taken: 1, records: [] }, now());
    here.hear({ kind: 'tree-reply', id, answer: 'known', digests: [1, 2] }, now());
    expect(here.ends).toEqual([]);
    talk();
    expect(here.ends).toMatchObject([{ result: 'equal' }]);
  });
});

describe('a version that neither log covers', () => {
  const stray = mutation({ origin: US, seq: 7, namespace: NS, key: key('s'), hlc: 1e6 });

  beforeEach(() => {
    deliver(eu);
    there.absence.admit(recordOf(stray), there.out);
    there.commit();
    there.absence.age();
    there.absence.age();
  });

  it('is neither a divergence nor equal, and no reason to doubt a tree', () => {
    expect(round()).toMatchObject({ result: 'unknown', keys: 0, mended: 0 });
    expect(here.tree.isTrusted).toBe(true);
  });

  it('does not hide a loss beside it', () => {
    here.lose('k20');
    expect(round()).toMatchObject({ result: 'different', keys: 1, mended: 1 });
  });
});

describe('a tree that is wrong', () => {
  it('is rebuilt if its leaves differ and no key does, whatever is written meanwhile', () => {
    deliver(eu);
    const wrong = mutation({ origin: US, seq: 9, namespace: NS, key: key('w'), hlc: 1 });
    here.tree.onChange(wrong, undefined, recordOf(wrong));
    here.walk.begin(1, here.out.at(now()));
    talk();
    const us = run(US, 8, () => ({ namespace: NS, key: key('w'), hlc: 1e6 }));
    for (let n = 0; n < 8; n++) {
      deliver(us.slice(n, n + 1), [there]);
      beat();
      deliver(us.slice(n, n + 1), [here]);
    }
    expect(here.ends).toMatchObject([{ result: 'unknown', keys: 0 }]);
    expect(here.tree.isTrusted).toBe(false);
  });
});

describe('a peer that is asked', () => {
  const ask = (id: number): Message => ({ kind: 'tree-cut-request', id });
  const root = (cutId: number, vector: readonly (readonly [typeof EU, number])[]): Message => {
    const rest = { root: [0, 0], nodes: [], skip: 0 } as const;
    return { kind: 'tree-request', id: 9, cutId, vector, level: 'root', ...rest };
  };
  const heard = (message: Message): Message[] => {
    there.hear(message, now());
    there.out.peers.length = 0;
    return there.out.messages.splice(0);
  };

  it('announces what its frozen tree stands for only when that is durable', () => {
    there.deliver(eu[0] as (typeof eu)[number]);
    expect(heard(ask(1))).toEqual([]);
    there.commit();
    there.server.onDurable(there.out);
    expect(there.out.messages).toMatchObject([{ kind: 'tree-cut', answer: 'known', id: 1 }]);
    there.server.onDurable(there.out);
    expect(there.out.messages).toHaveLength(1);
  });

  it('rejects another cut, one that was not agreed upon, and one that lacks what it announced', () => {
    deliver(eu, [there]);
    heard(ask(1));
    const inner = { ...root(1, []), level: 'inner' } as Message;
    for (const message of [root(2, [[EU, 40]]), inner, root(1, [[EU, 39]])])
      expect(heard(message)).toMatchObject([{ answer: 'unknown', digests: [] }]);
    expect(heard(root(1, [[EU, 40]]))).toMatchObject([{ answer: 'known' }]);
    expect(heard(inner)).toMatchObject([{ answer: 'known' }]);
  });

  it('answers waiting until it has reached the cut', () => {
    deliver(eu.slice(0, 30), [there]);
    heard(ask(1));
    expect(heard(root(1, [[EU, 40]]))).toMatchObject([{ answer: 'waiting', digests: [] }]);
    deliver(eu.slice(30), [there]);
    expect(heard(root(1, [[EU, 40]]))).toMatchObject([{ answer: 'known' }]);
  });

  it('keeps four frozen trees, each until no request came for ten seconds', () => {
    const { server, out } = there;
    const answers = (peer: number): unknown => {
      server.onCut(peer, { kind: 'tree-cut-request', id: 1 }, out.at(now()));
      return out.messages.splice(0);
    };
    for (const peer of [2, 3, 4, 5]) expect(answers(peer)).toMatchObject([{ answer: 'known' }]);
    expect(answers(6)).toMatchObject([{ answer: 'unknown', vector: [] }]);
    expect(answers(5)).toMatchObject([{ answer: 'known' }]);
    server.onDisconnected(3, there.out);
    expect(answers(6)).toMatchObject([{ answer: 'known' }]);
    nowMs += 10_000;
    server.onBeat(now());
    for (const peer of [7, 8, 9, 10]) expect(answers(peer)).toMatchObject([{ answer: 'known' }]);
  });
});

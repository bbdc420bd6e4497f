import { beforeEach, describe, expect, it } from 'vitest';
import { Cut } from '../../../src/entropy/tree-cut.ts';
import { TreeServer } from '../../../src/entropy/tree-server.ts';
import type { LaneId, Seq } from '../../../src/model/id.ts';
import type {
  Message,
  TreeKeys,
  TreeKeysRequest,
  TreeRequest,
} from '../../../src/model/message.ts';
import type { VectorEntries } from '../../../src/model/vector.ts';
import { positionOf, recordKey } from '../../../src/store/layout.ts';
import { FANOUT, LEAVES, leafOf } from '../../../src/store/leaves.ts';
import { key, namespace, origin, run } from '../../support/build.ts';
import { EU, MachineRoom, US } from '../../support/machine-room.ts';

const NS = namespace('ns');
const EU1 = origin('eu-1.1');
const ALL = Array.from({ length: LEAVES }, (_, leaf) => leaf);
const IDLE_MS = 10_000;
const CUTS_MAX = 4;
const WAITING_MAX = 64;

let room: MachineRoom;
let server: TreeServer;
let isFit: boolean;
let healed: string[];
let roots: [peer: number, isSame: boolean][];

const entries = run(EU1, 6, (seq) => ({
  key: key(`k${seq}`),
  operation: seq === 5 ? 'delete' : 'put',
}));

function begin(frameBytes = 1e5): void {
  isFit = true;
  healed = [];
  roots = [];
  const { absence, log, table, tree } = room.core;
  server = new TreeServer({
    table,
    frameBytes,
    heal: (_, name) => void healed.push(name),
    freeze: () => (isFit ? new Cut({ absence, log, table, tree, isFit: () => isFit }) : undefined),
    onRoot: (...said) => void roots.push(said),
  });
}

beforeEach(() => {
  room = new MachineRoom();
  room.hold(...entries);
  begin();
});

const answers = (): Message[] => room.sent().map(({ message }) => message);

/** A peer asks for a cut; returns the vector that it gets. */
function cut(peer = EU, id = 1): VectorEntries | string | undefined {
  server.onCut(peer, { kind: 'tree-cut-request', id }, room.turn);
  const [answer] = answers();
  if (answer?.kind !== 'tree-cut') return undefined;
  return answer.answer === 'known' ? answer.vector : answer.answer;
}

/** A peer asks for nodes at a cut; returns how many digests it gets, or why none. */
function nodes(says: Partial<TreeRequest> = {}, peer = EU): number | string {
  const vector: VectorEntries = [[EU1, entries.length]];
  const at = { cutId: 1, vector, root: [0, 0], level: 'root', nodes: [], skip: 0 } as const;
  server.onTree(peer, { kind: 'tree-request', id: 2, ...at, ...says }, room.turn);
  const [answer] = answers();
  if (answer?.kind !== 'tree-reply') throw new Error('a request is answered');
  return answer.answer === 'known' ? answer.digests.length / 2 : answer.answer;
}

const keysRequest = (says: Partial<TreeKeysRequest> = {}): TreeKeysRequest => {
  return { kind: 'tree-keys-request', id: 3, leaves: ALL, after: '', upTo: '', ...says };
};

function keys(says: Partial<TreeKeysRequest> = {}): TreeKeys {
  server.onKeys(EU, keysRequest(says), room.turn);
  room.read();
  const [answer] = answers();
  if (answer?.kind !== 'tree-keys') throw new Error('a request is answered');
  return answer;
}

describe('a cut', () => {
  it('is announced with the vector that it stands for, once all of that is durable', () => {
    expect(cut()).toEqual([[EU1, entries.length]]);
    room.deliver(room.next(EU1, { key: key('late') }));
    expect(cut()).toBeUndefined();
    server.onDurable(room.turn);
    expect(answers()).toEqual([]);
    room.commit();
    server.onDurable(room.turn);
    expect(answers()).toMatchObject([{ answer: 'known', vector: [[EU1, entries.length + 1]] }]);
    server.onDurable(room.turn);
    expect(answers()).toEqual([]);
  });

  it('is unknown if the tree of the replica is in doubt, at once or by the time it could answer', () => {
    isFit = false;
    expect(cut()).toBe('unknown');
    isFit = true;
    room.deliver(room.next(EU1));
    cut();
    isFit = false;
    room.commit();
    server.onDurable(room.turn);
    expect(answers()).toMatchObject([{ answer: 'unknown' }]);
  });

  it('is one of a few at a time, one for each peer', () => {
    for (let peer = 1; peer <= CUTS_MAX; peer++) expect(cut(peer)).toHaveLength(1);
    expect(cut(CUTS_MAX + 1)).toBe('unknown');
    expect(cut(1, 2)).toHaveLength(1);
    server.onDisconnected(2, room.turn);
    expect(cut(CUTS_MAX + 1)).toHaveLength(1);
  });

  it('is dropped if no request refers to it for a while, and not before', () => {
    cut();
    room.pass(IDLE_MS - 1);
    server.onBeat(room.now);
    expect(nodes()).toBe(1);
    room.pass(IDLE_MS - 1);
    server.onBeat(room.now);
    expect(nodes()).toBe(1);
    room.pass(IDLE_MS);
    server.onBeat(room.now);
    expect(nodes()).toBe('unknown');
  });
});

describe('nodes at a cut', () => {
  it('are the root, the inner nodes, and the leaves under the named inner nodes', () => {
    cut();
    expect(nodes()).toBe(1);
    expect(nodes({ level: 'inner' })).toBe(LEAVES / FANOUT);
    expect(nodes({ level: 'leaves', nodes: [1, 5] })).toBe(2 * FANOUT);
    expect(nodes({ level: 'leaves', nodes: [1, 5], skip: FANOUT + 3 })).toBe(FANOUT - 3);
  });

  it('fill at most a frame, and are at least one', () => {
    begin(64 + 8 * 5);
    cut();
    nodes();
    expect(nodes({ level: 'inner' })).toBe(5);
    begin(1);
    cut();
    nodes();
    expect(nodes({ level: 'inner' })).toBe(1);
  });

  it('are refused if they do not exist', () => {
    cut();
    nodes();
    expect(nodes({ level: 'leaves', nodes: [LEAVES / FANOUT] })).toBe(0);
  });

  it('are unknown at a cut that was not agreed upon, is another, or belongs to another peer', () => {
    cut();
    expect(nodes({ level: 'inner' })).toBe('unknown');
    expect(nodes({ cutId: 9 })).toBe('unknown');
    expect(nodes({}, US)).toBe('unknown');
    expect(nodes({ vector: [[EU1, 1]] })).toBe('unknown');
    expect(nodes()).toBe(1);
    expect(nodes({ vector: [[EU1, entries.length + 1]] })).toBe('unknown');
  });

  it('wait until this replica has reached the cut, durably', () => {
    cut();
    const vector: [LaneId, Seq][] = [[EU1, entries.length + 1]];
    expect(nodes({ vector })).toBe('waiting');
    room.deliver(room.next(EU1, { key: key('late') }));
    expect(nodes({ vector })).toBe('waiting');
    room.commit();
    expect(nodes({ vector })).toBe(1);
  });

  it('say whether the root equals that of the peer, which ends the cut if it does', () => {
    cut();
    nodes();
    expect(roots).toEqual([[EU, false]]);
    expect(nodes({ level: 'inner' })).toBe(LEAVES / FANOUT);
    const root = room.core.tree.leaves.root();
    expect(nodes({ root })).toBe(1);
    expect(roots.at(-1)).toEqual([EU, true]);
    expect(nodes({ level: 'inner' })).toBe('unknown');
  });

  it('say nothing about a root that was not compared', () => {
    cut();
    nodes({ vector: [[EU1, entries.length + 1]] });
    expect(roots).toEqual([]);
  });
});

describe('keys under leaves', () => {
  it('are named with their versions, in the order of positions, deletes included', () => {
    const { keys: listed, last, more } = keys();
    expect(listed.map(({ key: name, state, seq }) => [name, state, seq])).toEqual(
      [1, 2, 3, 4, 5, 6].map((seq) => [`k${seq}`, seq === 5 ? 'deleted' : 'live', seq]),
    );
    expect([last, more]).toEqual([positionOf({ namespace: NS, key: 'k6' }), false]);
  });

  it('are those of the requested leaves, behind one position and up to another', () => {
    const position = (name: string) => positionOf({ namespace: NS, key: name });
    const names = (says: Partial<TreeKeysRequest>) => keys(says).keys.map(({ key: name }) => name);
    expect(names({ leaves: [leafOf(NS, key('k2')), leafOf(NS, key('k4'))] })).toEqual(['k2', 'k4']);
    expect(names({ after: position('k2'), upTo: position('k4') })).toEqual(['k3', 'k4']);
    expect(names({ leaves: [] })).toEqual([]);
  });

  it('fill at most a frame, and continue behind the last one', () => {
    begin(2 * 64 + 2 * 110);
    const first = keys();
    expect([first.keys.map(({ key: name }) => name), first.more]).toEqual([['k1', 'k2'], true]);
    expect(keys({ after: first.last }).keys[0]?.key).toBe('k3');
    begin(1);
    expect(keys().keys).toHaveLength(1);
  });

  it('are reported as damaged if their record is, and it is repaired', () => {
    room.disk.flip(recordKey(NS, key('k3')), 99);
    expect(keys().keys[2]).toMatchObject({ key: 'k3', state: 'damaged', seq: 0 });
    expect(healed).toEqual(['k3']);
  });

  it('are reported as damaged if another record is in their place', () => {
    const moved = room.disk.get(recordKey(NS, key('k2'))) as Uint8Array;
    room.disk.write({ keys: [recordKey(NS, key('k3'))], values: [moved] }, true);
    expect(keys().keys[2]).toMatchObject({ key: 'k3', state: 'damaged' });
  });

  it('are unknown if they cannot be read, and the next request is answered', () => {
    room.disk.damage(recordKey(NS, key('k3')));
    server.onKeys(EU, keysRequest(), room.turn);
    server.onKeys(
      EU,
      keysRequest({ id: 4, upTo: positionOf({ namespace: NS, key: 'k2' }) }),
      room.turn,
    );
    room.read();
    expect(answers()).toMatchObject([
      { id: 3, answer: 'unknown', keys: [], more: false },
      { id: 4, answer: 'known' },
    ]);
  });

  it('are read for one request at a time, in order, within a bound', () => {
    for (let id = 1; id <= WAITING_MAX + 2; id++) server.onKeys(EU, keysRequest({ id }), room.turn);
    expect(room.turn.reads).toHaveLength(1);
    room.read();
    const ids = answers().map((answer) => (answer.kind === 'tree-keys' ? answer.id : 0));
    expect(ids).toEqual(Array.from({ length: WAITING_MAX + 1 }, (_, n) => n + 1));
  });

  it('are not sent on a later connection, which numbers its requests from the beginning', () => {
    server.onKeys(EU, keysRequest({ id: 1 }), room.turn);
    server.onKeys(US, keysRequest({ id: 2 }), room.turn);
    server.onKeys(EU, keysRequest({ id: 3 }), room.turn);
    server.onDisconnected(EU, room.turn);
    room.read();
    expect(room.sent()).toMatchObject([{ peer: US, message: { id: 2 } }]);
  });
});

describe('records that a peer has lost', () => {
  function records(...names: string[]): unknown {
    const named = names.map((name) => ({ namespace: NS, key: key(name) }));
    server.onRecords(EU, { kind: 'tree-records-request', id: 5, keys: named }, room.turn);
    const [answer] = answers();
    if (answer?.kind !== 'tree-records') throw new Error('a request is answered');
    return [answer.records.map(({ key: name }) => name), answer.taken];
  }

  it('are sent if they are here', () => {
    expect(records('k1', 'none', 'k2')).toEqual([['k1', 'k2'], 3]);
  });

  it('fill at most a frame, and are at least one', () => {
    const bytes = entries[0]?.bytes.length ?? 0;
    begin(64 + 2 * bytes);
    expect(records('k1', 'k2', 'k3')).toEqual([['k1', 'k2'], 2]);
    begin(1);
    expect(records('k1', 'k2')).toEqual([['k1'], 1]);
  });

  it('are not sent before they are durable here', () => {
    room.deliver(room.next(EU1, { key: key('k1') }));
    expect(records('k1')).toEqual([[], 1]);
    room.commit();
    expect(records('k1')).toEqual([['k1'], 1]);
  });

  it('are repaired if they are damaged here, and not sent', () => {
    room = room.restarted();
    begin();
    room.disk.flip(recordKey(NS, key('k3')), 99);
    expect(records('k3', 'k4')).toEqual([['k4'], 2]);
    expect(healed).toEqual(['k3']);
  });
});

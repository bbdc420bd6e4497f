import { beforeEach, describe, expect, it } from 'vitest';
import { hlcFromMs } from '../../../src/model/hlc.ts';
import { firstMembers, NO_MEMBERS, setOf } from '../../../src/model/member-set.ts';
import { oneGroup } from '../../../src/model/quorum.ts';
import { type Record, recordOf } from '../../../src/model/record.ts';
import { type PendingRead, PendingReads } from '../../../src/quorum/get.ts';
import { ReadRepair } from '../../../src/quorum/read-repair.ts';
import { key, mutation, namespace, origin } from '../../support/build.ts';
import { AP, EU, MachineRoom, US } from '../../support/machine-room.ts';

const NS = namespace('ns');
const FIFO = namespace('fifo');
const K = key('k');

let room: MachineRoom;
let repair: ReadRepair;

beforeEach(() => {
  room = new MachineRoom({ namespaces: { ns: {}, fifo: { consistency: 'fifo' } } });
  repair = new ReadRepair(room.core);
});

/** The n-th version of the key. */
function version(n: number, of = NS): Record {
  const stamp = hlcFromMs(room.now.wallMs + n);
  return recordOf(
    mutation({ origin: origin('eu-1.1'), seq: n, hlc: stamp, namespace: of, key: K }),
  );
}

/** A read that all three have answered, this replica first. */
function answered(...records: readonly (Record | undefined)[]): PendingRead {
  const { hedges, metrics, namespaces, nearness } = room.core;
  const ended: PendingRead[] = [];
  const finish = (read: PendingRead): void => void ended.push(read);
  const reads = new PendingReads({ hedges, metrics, nearness, finish });
  const connected = setOf([EU, US]);
  const question = {
    purpose: 'read',
    client: { onReply: () => {} },
    namespace: NS,
    rules: namespaces.rulesFor(NS),
    key: K,
    requirement: oneGroup(firstMembers(3), 3),
    deadlineMs: room.now.monoMs + 1000,
    unfit: NO_MEMBERS,
  } as const;
  const local = {
    member: AP,
    record: records[AP],
    cut: undefined,
    lsn: 0,
    stalenessMs: 0,
  } as const;
  reads.begin(question, local, connected, room.turn);
  for (const peer of [EU, US]) {
    const record = records[peer];
    const answer = record === undefined ? 'absent' : 'record';
    const reply = { kind: 'read-reply', id: 1, answer, record } as const;
    reads.onReply(peer, reply, new Map(), connected, room.turn);
  }
  room.sent();
  expect(ended).toHaveLength(1);
  return ended[0] as PendingRead;
}

const shown = (of = NS): Record | undefined => room.core.table.read(of, K).record;
const repairs = () =>
  room.sent().flatMap(({ peer, message }) => (message.kind === 'repair' ? [peer] : []));

describe('a read that finds a difference', () => {
  it('sends the newest version to the peers that have answered without it, and merges it here', () => {
    const [old, newest] = [version(1), version(2)];
    repair.repair(answered(old, newest, undefined), newest, old, true, room.turn);
    expect([repairs(), shown()]).toEqual([[US], newest]);
    expect(room.core.metrics.readRepairs).toBe(2);
  });

  it('repairs nothing where all have the version', () => {
    const newest = version(2);
    repair.repair(answered(newest, newest, newest), newest, newest, true, room.turn);
    expect([repairs(), room.core.metrics.readRepairs]).toEqual([[], 0]);
  });

  it('sends no version that is durable nowhere', () => {
    const newest = version(2);
    repair.repair(answered(newest, undefined, undefined), newest, newest, false, room.turn);
    expect(repairs()).toEqual([]);
  });
});

describe('a repair by a peer', () => {
  it('is merged under its own version', () => {
    const record = version(3);
    repair.onRepair({ kind: 'repair', record }, room.turn);
    expect(shown()).toEqual(record);
  });

  it('does not replace a newer version', () => {
    for (const record of [version(3), version(2)])
      repair.onRepair({ kind: 'repair', record }, room.turn);
    expect(shown()).toEqual(version(3));
  });

  it('is ignored where the stream repairs', () => {
    repair.onRepair({ kind: 'repair', record: version(3, FIFO) }, room.turn);
    expect(shown(FIFO)).toBeUndefined();
  });

  it('is refused if its stamp is too far ahead of the clock', () => {
    repair.onRepair({ kind: 'repair', record: version(3_600_000) }, room.turn);
    expect([shown(), room.core.metrics.clockRefusals]).toEqual([undefined, 1]);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import type { ReadCommand } from '../../../../src/model/command.ts';
import { NO_MEMBERS } from '../../../../src/model/member-set.ts';
import type { ReadReply } from '../../../../src/model/message.ts';
import { termsOf } from '../../../../src/model/terms.ts';
import { ParkingLot } from '../../../../src/quorum/parking-lot.ts';
import { ReadRepair } from '../../../../src/quorum/read-repair.ts';
import { Reads } from '../../../../src/replica/desk/reads.ts';
import { key, namespace, origin, run } from '../../../support/build.ts';
import { EU, MachineRoom } from '../../../support/machine-room.ts';
import { replied } from '../../../support/outbox.ts';

const NS = namespace('ns');
const K = key('k');
const EU1 = origin('eu-1.1');

let room: MachineRoom;
let reads: Reads;

beforeEach(() => {
  room = new MachineRoom();
  room.hold(...run(EU1, 2, (seq) => ({ key: seq === 1 ? K : key('other') })));
  reads = new Reads(room.core, {
    admission: { unfit: () => NO_MEMBERS },
    admits: () => true,
    hasten: () => {},
    lot: new ParkingLot(10),
    repair: new ReadRepair(room.core),
    waiting: () => undefined,
  });
});

/** A read of two replicas: this one, and eu-1, whose durable vector ends at `holds`. */
function answeredBy(holds: number, answer: ReadReply['answer']): unknown {
  room.greet(EU, { vector: [[EU1, holds]] });
  const command: ReadCommand = {
    kind: 'read',
    client: { onReply: () => {} },
    namespace: NS,
    key: K,
    r: 2,
    timeoutMs: undefined,
    session: undefined,
    onUnmet: 'fail',
  };
  const rules = room.core.namespaces.find(NS);
  if (rules === undefined) throw new Error('the namespace exists');
  const terms = termsOf(command, rules, room.now.monoMs);
  reads.begin(command, terms, room.turn);
  reads.onReply(EU, { kind: 'read-reply', id: 1, answer, record: undefined }, room.turn);
  return replied(room.turn).map(({ reply }) => reply.kind);
}

describe('a read of two replicas', () => {
  it('finds a record that both have', () => {
    expect(answeredBy(1, 'same')).toEqual(['found']);
  });

  it('finds nothing if the other has no record, and its log reaches up to the record shown here', () => {
    expect(answeredBy(1, 'absent')).toEqual(['absent']);
    expect(room.core.metrics.resurrectionsRefused).toBe(1);
  });

  it('returns a record that the other has not received, once it has it', () => {
    expect(answeredBy(0, 'absent')).toEqual([]);
    expect(room.sent().map(({ message }) => message.kind)).toContain('repair');
    reads.onReply(EU, { kind: 'read-reply', id: 2, answer: 'same', record: undefined }, room.turn);
    expect(replied(room.turn).map(({ reply }) => reply.kind)).toEqual(['found']);
  });
});

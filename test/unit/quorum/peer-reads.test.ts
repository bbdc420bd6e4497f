import { beforeEach, describe, expect, it } from 'vitest';
import type { ReadRequest } from '../../../src/model/message.ts';
import { PeerReads } from '../../../src/quorum/peer-reads.ts';
import { recordKey } from '../../../src/store/layout.ts';
import type { Waiting } from '../../../src/store/waiting-version.ts';
import { recordOf } from '../../../src/model/record.ts';
import { key, namespace, origin, run } from '../../support/build.ts';
import { EU, MachineRoom } from '../../support/machine-room.ts';

const NS = namespace('ns');
const K = key('k');
const EU1 = origin('eu-1.1');

let room: MachineRoom;
let reads: PeerReads;
/** The version that waits in causal order. */
let waiting: ReturnType<Waiting>;

beforeEach(() => {
  waiting = undefined;
  room = new MachineRoom();
  room.hold(...run(EU1, 1, () => ({ key: K })));
  reads = new PeerReads(room.core.table, () => waiting);
});

function ask(says: Partial<ReadRequest> = {}, mayLack = false): unknown {
  const request = { kind: 'read-request', id: 7, namespace: NS, key: K, known: undefined } as const;
  reads.onRequest(EU, { ...request, ...says }, mayLack, room.turn);
  return answers();
}

const answers = (): unknown[] =>
  room.sent().map(({ message }) => message.kind === 'read-reply' && [message.id, message.answer]);

describe('a question of a peer for a record', () => {
  it.each([
    ['the record', {}, 'record'],
    ['that it is the same as that of the peer', { known: { origin: EU1, seq: 1 } }, 'same'],
    ['the record, if the peer has another', { known: { origin: EU1, seq: 2 } }, 'record'],
    ['that there is none', { key: key('other') }, 'absent'],
  ])('is answered with %s', (_, says, answer) => {
    expect(ask(says)).toEqual([[7, answer]]);
  });

  it('is not answered by a replica that may lack what it once had', () => {
    expect(ask({}, true)).toEqual([[7, 'damaged']]);
  });

  it('is not answered from a damaged record', () => {
    room = room.restarted();
    reads = new PeerReads(room.core.table, () => waiting);
    room.disk.flip(recordKey(NS, K), 99);
    expect(ask()).toEqual([[7, 'damaged']]);
  });

  it('waits for a record that is not durable', () => {
    room.deliver(room.next(EU1, { key: K }));
    expect(ask({ known: { origin: EU1, seq: 2 } })).toEqual([]);
    room.commit();
    expect(answers()).toEqual([[7, 'same']]);
  });

  it('gets the durable version before it if that takes long', () => {
    room.deliver(room.next(EU1, { key: K }));
    ask({ known: { origin: EU1, seq: 1 } });
    const [held] = room.turn.gated;
    const late = held?.kind === 'message' ? held.late?.message() : undefined;
    expect(late).toMatchObject({ id: 7, answer: 'same' });
  });

  it('counts a version that waits in causal order, once it is durable', () => {
    const next = room.next(EU1, { key: K });
    waiting = { record: recordOf(next), lsn: room.turn.lsn };
    room.deliver(room.next(EU1, { key: key('other') }));
    expect(ask({ known: { origin: EU1, seq: 2 } })).toEqual([]);
    room.commit();
    expect(answers()).toEqual([[7, 'same']]);
  });

  it('is not answered while a version that waits is not known', () => {
    waiting = 'unknown';
    expect(ask()).toEqual([[7, 'damaged']]);
  });
});

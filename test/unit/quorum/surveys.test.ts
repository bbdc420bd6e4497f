import { beforeEach, describe, expect, it } from 'vitest';
import type { SurveyReply, SurveyRequest } from '../../../src/model/message.ts';
import { ListRoom, VERSION_BYTES } from '../../../src/quorum/list-room.ts';
import { Surveys } from '../../../src/quorum/surveys.ts';
import { recordKey } from '../../../src/store/layout.ts';
import { key, namespace, origin, run } from '../../support/build.ts';
import { EU, MachineRoom, US } from '../../support/machine-room.ts';

const NS = namespace('ns');
const EU1 = origin('eu-1.1');
const LIMIT = 10;
/** As many surveys as may wait for their reads. */
const RUNNING_MAX = 512;

let room: MachineRoom;
let surveys: Surveys;
let healed: string[];

function begin(bytesMax = 1e9): void {
  healed = [];
  const listRoom = new ListRoom(bytesMax, room.core.metrics);
  surveys = new Surveys(room.core, (_, name) => void healed.push(name), listRoom);
}

beforeEach(() => {
  room = new MachineRoom();
  room.hold(
    ...run(EU1, 4, (seq) => ({ key: key(`k${seq}`), operation: seq === 3 ? 'delete' : 'put' })),
  );
  begin();
});

function ask(id: number, says: Partial<SurveyRequest> = {}, mayLack = false, peer = EU): void {
  const range = { namespace: NS, from: '', to: '', reverse: false, limit: LIMIT };
  surveys.onRequest(peer, { kind: 'survey-request', id, ...range, ...says }, mayLack, room.turn);
}

function replies(): SurveyReply[] {
  return room.sent().flatMap(({ message }) => (message.kind === 'survey-reply' ? [message] : []));
}

/** Asks, and reads: the keys of the answer, and whether there are more. */
function surveyed(says: Partial<SurveyRequest> = {}): unknown {
  ask(1, says);
  room.read();
  const [reply] = replies();
  if (reply?.answer !== 'known') return reply?.answer;
  return [reply.keys.map(({ key: name }) => name), reply.more];
}

describe('a survey', () => {
  it('names the version of each key, deletes included, and no value', () => {
    ask(7);
    room.read();
    const [reply] = replies();
    expect(reply).toMatchObject({ id: 7, answer: 'known', more: false });
    expect(reply?.keys[0]).toEqual({
      key: 'k1',
      isDeleted: false,
      hlc: 1024,
      origin: EU1,
      seq: 1,
    });
    expect(reply?.keys.map(({ isDeleted }) => isDeleted)).toEqual([false, false, true, false]);
  });

  it.each([
    ['within its bounds', { from: 'k2', to: 'k4' }, [['k2', 'k3'], false]],
    ['in reverse', { reverse: true }, [['k4', 'k3', 'k2', 'k1'], false]],
    ['up to its limit', { limit: 2 }, [['k1', 'k2'], true]],
    ['at its very limit', { limit: 4 }, [['k1', 'k2', 'k3', 'k4'], false]],
    ['from its end on, in reverse', { reverse: true, limit: 1, to: 'k4' }, [['k3'], true]],
    ['of another namespace', { namespace: namespace('none') }, 'unknown'],
  ])('names keys %s', (_, says, expected) => {
    expect(surveyed(says)).toEqual(expected);
  });

  it('names what is durable here, and nothing else', () => {
    room.deliver(room.next(EU1, { key: key('k1') }));
    expect(surveyed({ limit: 1 })).toEqual([['k1'], true]);
    ask(1, { limit: 1 });
    room.read();
    expect(replies()[0]?.keys[0]).toMatchObject({ seq: 1 });
    room.commit();
    ask(1, { limit: 1 });
    room.read();
    expect(replies()[0]?.keys[0]).toMatchObject({ seq: 5 });
  });

  it('is unknown, without a read, at a replica that may lack what it once had', () => {
    ask(1, {}, true);
    expect([replies(), room.turn.reads]).toMatchObject([[{ answer: 'unknown' }], []]);
  });

  it('over a damaged record is unknown, and the record is repaired', () => {
    room.disk.flip(recordKey(NS, key('k2')), 99);
    expect([surveyed(), healed]).toEqual(['unknown', ['k2']]);
    expect(surveyed({ from: 'k3' })).toEqual([['k3', 'k4'], false]);
  });

  it('that cannot be read is unknown', () => {
    room.disk.damage(recordKey(NS, key('k2')));
    expect(surveyed()).toBe('unknown');
  });
});

describe('surveys under way', () => {
  it('are not answered on a later connection', () => {
    ask(1);
    ask(1, {}, false, US);
    surveys.onDisconnected(EU);
    room.read();
    expect(room.sent()).toMatchObject([{ peer: US, message: { answer: 'known' } }]);
  });

  it('hold memory for what they may name until they are answered', () => {
    begin(3 * LIMIT * VERSION_BYTES - 1);
    for (const id of [1, 2, 3]) ask(id);
    expect(replies()).toMatchObject([{ id: 3, answer: 'unknown' }]);
    expect(room.core.metrics.listsHeldBytes).toBe(2 * LIMIT * VERSION_BYTES);
    room.read();
    expect(room.core.metrics.listsHeldBytes).toBe(0);
    ask(4);
    expect(room.turn.reads).toHaveLength(1);
  });

  it('release their memory also when their caller has disconnected', () => {
    ask(1);
    surveys.onDisconnected(EU);
    room.read();
    expect(room.core.metrics.listsHeldBytes).toBe(0);
  });

  it('are bounded in number, however little each may name', () => {
    for (let id = 1; id <= RUNNING_MAX; id++) ask(id, { limit: 1 });
    expect(replies()).toEqual([]);
    ask(0, { limit: 1 });
    expect(replies()).toMatchObject([{ id: 0, answer: 'unknown' }]);
  });
});

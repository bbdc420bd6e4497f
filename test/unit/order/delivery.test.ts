import { beforeEach, describe, expect, it } from 'vitest';
import { key, namespace, origin, run } from '../../support/build.ts';
import { DeliveryRoom } from '../../support/delivery-room.ts';

const A = origin('a.1');

let room: DeliveryRoom;

beforeEach(() => {
  room = new DeliveryRoom();
});

describe.each(['fi', 'ev', 'ca', 'unknown'])('an entry in %s that depends on nothing', (name) => {
  const entries = run(A, 3, (seq) => ({
    namespace: namespace(name),
    key: key('k'),
    hlc: 10 - seq,
  }));

  it('is shown as soon as it is received, and the lane is applied up to it', () => {
    expect(room.receive(...entries)).toEqual(['shown', 'shown', 'shown']);
    const { log } = room;
    expect([log.received(A), log.applied(A), log.durable.get(A)]).toEqual([3, 3, undefined]);
    room.commit();
    expect(log.durable.get(A)).toBe(3);
  });

  it('is reported with the winner if it loses against the record of its key', () => {
    room.receive(...entries);
    expect(room.told).toEqual([
      'a.1:1 shown',
      '2 lost to 1',
      'a.1:2 shown',
      '3 lost to 1',
      'a.1:3 shown',
    ]);
  });
});

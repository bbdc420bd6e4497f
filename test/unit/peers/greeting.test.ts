import { beforeEach, describe, expect, it } from 'vitest';
import type { Hello } from '../../../src/model/message.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import { greetingOf } from '../../../src/peers/greeting.ts';
import { membershipOf, origin, run } from '../../support/build.ts';
import { EU, MachineRoom, ownOrigin, US } from '../../support/machine-room.ts';

const OWN = ownOrigin(1);
const EU1 = origin('eu-1.1');
const DIGEST = 77;
/** It is not a member any more, and comes after the members. */
const FORMER = 3;

let room: MachineRoom;
const says = {
  membership: membershipOf(['ap', 'eu', 'us']),
  vote: undefined,
  remembers: [[EU1, 4]],
} as const;

const greeting = (peer = EU): Hello => greetingOf(room.core, peer, DIGEST, says);

beforeEach(() => {
  room = new MachineRoom({ settings: { clientUrl: 'http://ap', windowBytes: 500 } });
});

describe('a greeting', () => {
  it('names the process and the rules that it follows', () => {
    room.core.clock.raise(2048);
    expect(greeting()).toEqual({
      kind: 'hello',
      origin: OWN,
      vector: [],
      hlc: 2048,
      policyDigest: DIGEST,
      windowBytes: 500,
      url: 'http://ap',
      ...says,
    });
  });

  it('names everything that is durable here, and nothing that is not', () => {
    room.hold(...run(OWN, 2), ...run(EU1, 1));
    room.deliver(room.next(OWN));
    expect(new Map(greeting().vector)).toEqual(
      new Map([
        [OWN, 2],
        [EU1, 1],
      ]),
    );
  });

  it('is sent once on a connection: later messages add to it', () => {
    room.hold(...run(OWN, 2));
    greeting();
    expect(room.peer(EU).news(room.core.log.durable)).toEqual([]);
    expect(room.peer(US).news(room.core.log.durable)).toEqual([[OWN, 2]]);
  });

  it('names to each peer those of its entries that lost, each time', () => {
    room.hold(...run(EU1, 2));
    const [, loser] = run(EU1, 2) as [Mutation, Mutation];
    room.core.supersessions.note(loser, recordOf(run(OWN, 1)[0] as Mutation));
    const superseded = [{ origin: EU1, seq: 2, by: { origin: OWN } }];
    for (let n = 0; n < 2; n++) expect(greeting()).toMatchObject({ superseded });
    expect(greeting(US)).not.toHaveProperty('superseded');
  });

  it('names the members to a former member, and nothing that is held', () => {
    room.hold(...run(OWN, 2));
    expect(greeting(FORMER)).toMatchObject({ vector: [], membership: says.membership });
  });
});

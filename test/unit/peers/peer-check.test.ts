// Impossible claims of peers: what remains of each message, and what is noted and counted.

import { beforeEach, describe, expect, it } from 'vitest';
import { HLC_MAX } from '../../../src/model/hlc.ts';
import { incarnationAt, INCARNATION_MAX, type LaneId } from '../../../src/model/id.ts';
import type { Message } from '../../../src/model/message.ts';
import type { ClaimReason } from '../../../src/model/metrics.ts';
import { recordOf } from '../../../src/model/record.ts';
import type { VectorEntries } from '../../../src/model/vector.ts';
import { incredible, PeerCheck } from '../../../src/peers/peer-check.ts';
import {
  helloOf,
  key,
  membershipOf,
  mutation,
  namespace,
  origin,
  run,
} from '../../support/build.ts';
import { MachineRoom } from '../../support/machine-room.ts';

const REGIONS = ['eu', 'us', 'za'];
const MEMBERSHIP = membershipOf(REGIONS);
const [US, ZA] = [1, 2];
const NOW_MS = Date.UTC(2026, 5, 1);
const LIFE = incarnationAt(NOW_MS);
const OWN = origin(`eu-1.${LIFE}`);
const THEIRS = origin(`us-1.${LIFE}`);
const LAST = INCARNATION_MAX;

let room: MachineRoom;
let check: PeerCheck;

beforeEach(() => {
  room = new MachineRoom({ regions: REGIONS, incarnation: LIFE });
  room.pass(NOW_MS - room.now.wallMs);
  check = new PeerCheck(room.core);
  check.begin(MEMBERSHIP);
});

/** What the replica gets of the message. */
const admit = (peer: number, message: Message): Message | undefined =>
  check.admit(room.peer(peer).member, message, room.turn);

const refused = (reason: ClaimReason): number => room.core.metrics.claimsRefused[reason];

const hello = (of: string, vector: VectorEntries = []): Message =>
  helloOf(of, MEMBERSHIP, { vector });
const ack = (...vector: VectorEntries): Message => ({ kind: 'ack', vector, windowBytes: 1e6 });
const entriesOf = (of: LaneId, entries = run(origin(of), 1)): Message => {
  return { kind: 'entries', origin: of, entries };
};

const stamped = (fields: object = {}) =>
  mutation({
    origin: THEIRS,
    hlc: NOW_MS * 1024,
    namespace: namespace('ns'),
    key: key('a'),
    ...fields,
  });

describe('an incarnation that no clock can have begun', () => {
  it.each([`eu-1.${LAST}`, `us-1.${LAST}`, `us-1.${LIFE + 40_000_000}`])(
    'is refused in logs and vectors: %s',
    (of) => {
      expect(admit(US, entriesOf(origin(of)))).toBeUndefined();
      expect(admit(US, ack([origin(of), 1], [THEIRS, 1]))).toEqual(ack([THEIRS, 1]));
      expect(refused('life')).toBe(2);
    },
  );

  it('may be a year ahead, because clocks have been wrong by that much', () => {
    const ahead = ack([origin(`us-1.${LIFE + 30_000_000}`), 1]);
    expect(admit(US, ahead)).toBe(ahead);
  });

  it('is refused in a greeting', () => {
    expect(admit(US, hello(`us-1.${LAST}`))).toBeUndefined();
    expect(refused('life')).toBe(1);
  });

  it('is left alone in storage', () => {
    const logs = [origin('us-1.5'), origin(`us-1.${LAST}`)];
    expect([...incredible(logs, MEMBERSHIP, OWN, room.now)]).toEqual([`us-1.${LAST}`]);
  });
});

describe('a record that no clock can have stamped', () => {
  it.each([
    ['stamp', { hlc: HLC_MAX + 1 }],
    ['deadline', { expiresAtMs: Number.MAX_SAFE_INTEGER }],
    ['number', { weight: Number.NaN }],
  ] as const)('is refused by whatever way it comes: %s', (reason, fields) => {
    const record = recordOf(stamped(fields));
    const messages: Message[] = [
      entriesOf(THEIRS, [stamped(fields)]),
      { kind: 'repair', record },
      { kind: 'tree-records', id: 1, taken: 1, records: [record] },
    ];
    expect(messages.map((message) => admit(US, message))).toEqual(messages.map(() => undefined));
    expect(refused(reason)).toBe(3);
  });

  it('becomes a refusal where a request waits for it as its answer', () => {
    const record = recordOf(stamped({ hlc: HLC_MAX + 1 }));
    expect(admit(US, { kind: 'read-reply', id: 1, answer: 'record', record })).toEqual({
      kind: 'read-reply',
      id: 1,
      answer: 'damaged',
      record: undefined,
    });
    const answer = { kind: 'found', record, stalenessMs: 0, answers: 1 } as const;
    expect(admit(US, { kind: 'forward-reply', id: 1, answer })).toEqual({
      kind: 'forward-reply',
      id: 1,
      answer: { kind: 'refused', code: 'record-corrupt' },
    });
    const write = { namespace: namespace('ns'), key: 'k', origin: THEIRS, seq: 1, digest: 0 };
    const named = { ...write, hlc: HLC_MAX + 1, created: false };
    expect(admit(US, { kind: 'claim-reply', id: 1, answer: 'known', named })).toEqual({
      kind: 'claim-reply',
      id: 1,
      answer: 'unknown',
      named: undefined,
    });
    expect(refused('stamp')).toBe(3);
  });

  it('may have a deadline in ten years, which is the longest that a client can ask for', () => {
    const expiresAtMs = NOW_MS + 10 * 365 * 86_400_000;
    const message = entriesOf(THEIRS, [stamped({ expiresAtMs })]);
    expect(admit(US, message)).toBe(message);
  });
});

describe('a log of a replica that was never a member', () => {
  const stranger = origin(`zz-9.${LIFE}`);

  it('is not begun, and is left out of vectors', () => {
    expect(admit(US, entriesOf(stranger))).toBeUndefined();
    expect(admit(US, ack([stranger, 1]))).toEqual(ack());
    expect(refused('stranger')).toBe(2);
  });

  it('is accepted if two peers hold it: it was a member long ago', () => {
    expect(admit(US, hello(THEIRS, [[stranger, 1]]))).toMatchObject({ vector: [] });
    const second = hello(`za-1.${LIFE}`, [[stranger, 1]]);
    expect(admit(ZA, second)).toBe(second);
    expect([...room.peer(US).holds]).toEqual([[stranger, 1]]);
    const entries = entriesOf(stranger);
    expect(admit(US, entries)).toBe(entries);
  });

  it('is left alone in storage if there are more of them than there can have been members', () => {
    const strangers = Array.from({ length: 100 }, (_, n) => origin(`z${n}-1.5`));
    const logs = [...strangers, origin('us-1.5')];
    expect([...incredible(logs, MEMBERSHIP, OWN, room.now)]).toEqual(strangers);
  });
});

describe('more incarnations of one replica than it can have begun', () => {
  it('are refused beyond a bound', () => {
    const admitted = Array.from({ length: 5000 }, (_, n) =>
      admit(US, entriesOf(origin(`us-1.${n + 1}`))),
    ).filter((message) => message !== undefined);
    expect([admitted.length, refused('lives')]).toEqual([4096, 5000 - 4096]);
  });
});

describe('an acknowledgement', () => {
  it('of entries that are not durable here, and so were not sent, has no effect', () => {
    room.hold(room.next(OWN));
    expect(admit(US, ack([OWN, 1]))).toEqual(ack([OWN, 1]));
    expect(admit(ZA, ack([OWN, 2]))).toEqual(ack());
    expect(refused('ack')).toBe(1);
  });
});

describe('numbers that no count can reach', () => {
  const by = { round: Number.MAX_SAFE_INTEGER, by: THEIRS };
  const prepare = { kind: 'synod', step: 'prepare', epoch: 1, proposal: undefined } as const;

  it.each<[string, Message]>([
    ['a pull from nowhere', { kind: 'pull', origin: THEIRS, from: 0, bytesMax: 1 }],
    ['a pull from the end', { kind: 'pull', origin: THEIRS, from: 2 ** 53 - 1, bytesMax: 1 }],
    ['a ballot that none can outbid', { ...prepare, ballot: by }],
  ])('are refused: %s', (_, message) => {
    expect(admit(US, message)).toBeUndefined();
    expect(refused('number')).toBe(1);
  });

  it('are left out of vectors', () => {
    expect(admit(US, ack([THEIRS, 2 ** 53 - 1]))).toEqual(ack());
    expect(refused('number')).toBe(1);
  });
});

describe('a refused claim', () => {
  it('is logged once for each peer and reason, and counted each time', () => {
    const pull: Message = { kind: 'pull', origin: THEIRS, from: 0, bytesMax: 1 };
    for (let n = 0; n < 5; n++) admit(US, pull);
    admit(ZA, pull);
    expect(room.turn.notes.map(({ event, fields }) => ({ event, ...fields }))).toEqual([
      { event: 'claim-refused', peer: 'us-1', reason: 'number', message: 'pull' },
      { event: 'claim-refused', peer: 'za-1', reason: 'number', message: 'pull' },
    ]);
    expect(refused('number')).toBe(6);
  });

  it('includes a greeting under another name', () => {
    expect(admit(US, hello(`za-1.${LIFE}`))).toBeUndefined();
    expect(refused('identity')).toBe(1);
  });
});

// What a peer says and what cannot be is refused at the door, logged once and counted; what is left
// counts.

import { beforeEach, describe, expect, it } from 'vitest';
import { HLC_MAX } from '../../../src/model/hlc.ts';
import { incarnationAt, INCARNATION_MAX, type LaneId } from '../../../src/model/id.ts';
import type { Message, VectorEntries } from '../../../src/model/message.ts';
import type { Reply } from '../../../src/model/command.ts';
import type { ClaimReason } from '../../../src/model/metrics.ts';
import { recordOf } from '../../../src/model/record.ts';
import { originKey } from '../../../src/store/layout.ts';
import { encodeLaneState, LANE_EMPTY } from '../../../src/store/lane.ts';
import { getOf, putOf, shown } from '../../cluster/cluster.ts';
import {
  helloOf,
  key,
  membershipOf,
  mutation,
  namespace,
  origin,
  run,
} from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';
import { Solo } from '../../support/solo.ts';

const REGIONS = ['eu', 'us', 'za'];
const US = 1;
const ZA = 2;
const NOW_MS = Date.UTC(2026, 5, 1);
const LIFE = incarnationAt(NOW_MS);
const OWN = origin(`eu-1.${LIFE}`);
const THEIRS = origin(`us-1.${LIFE}`);
const LAST = INCARNATION_MAX;

let solo: Solo;

function begin(storage = new KeyMap()): Solo {
  const begun = new Solo({ regions: REGIONS, storage, incarnation: LIFE, wallMs: NOW_MS });
  begun.step({ kind: 'connected', peer: US });
  begun.step({ kind: 'connected', peer: ZA });
  return begun;
}

const hello = (of: string, vector: VectorEntries = []): Message =>
  helloOf(of, membershipOf(REGIONS), { vector });

beforeEach(() => {
  solo = begin();
  solo.message(US, hello(THEIRS));
  solo.message(ZA, hello(`za-1.${LIFE}`));
});

const refused = (reason: ClaimReason): number => solo.replica.metrics.claimsRefused[reason];
const lanes = (): LaneId[] => solo.replica.status(solo.now).self.vector.map(([of]) => of);
const heldBy = (peer: number) => solo.replica.status(solo.now).peers[peer - 1]?.vector;

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
    'is refused in logs, vectors and greetings: %s',
    (of) => {
      solo.message(US, { kind: 'entries', origin: origin(of), entries: run(origin(of), 1) });
      solo.message(US, {
        kind: 'ack',
        vector: [
          [origin(of), 1],
          [THEIRS, 1],
        ],
        windowBytes: 1,
      });
      expect(refused('life')).toBe(2);
      expect([lanes(), heldBy(US)]).toEqual([[], [[THEIRS, 1]]]);
      expect(solo.out.haltReason).toBeUndefined();
    },
  );

  it('may be a year ahead, because clocks have been wrong by that much', () => {
    const ahead = origin(`us-1.${LIFE + 30_000_000}`);
    solo.message(US, { kind: 'ack', vector: [[ahead, 1]], windowBytes: 1 });
    expect(heldBy(US)).toEqual([[ahead, 1]]);
  });

  it('is refused before it has greeted', () => {
    solo.step({ kind: 'disconnected', peer: US });
    solo.step({ kind: 'connected', peer: US });
    solo.message(US, hello(`us-1.${LAST}`));
    expect(refused('life')).toBe(1);
    expect(solo.replica.status(solo.now).peers[0]?.connected).toBe(false);
  });

  it('is accepted if storage has a log of it', () => {
    const storage = new KeyMap();
    const state = encodeLaneState({ ...LANE_EMPTY, received: 3 });
    storage.apply({ keys: [originKey(origin(`us-1.${LAST}`))], values: [state] });
    const again = begin(storage);
    expect(again.out.haltReason).toBeUndefined();
    expect(again.replica.status(again.now).self.vector).toEqual([]);
  });
});

describe('a record that no clock can have stamped', () => {
  it.each([
    ['stamp', { hlc: HLC_MAX + 1 }],
    ['deadline', { expiresAtMs: Number.MAX_SAFE_INTEGER }],
    ['number', { weight: Number.NaN }],
  ] as const)('is neither stored nor passed on: %s', (reason, fields) => {
    const record = stamped(fields);
    solo.message(US, { kind: 'entries', origin: THEIRS, entries: [record] });
    solo.message(US, { kind: 'repair', record: recordOf(record) });
    solo.message(US, { kind: 'read-reply', id: 1, answer: 'record', record: recordOf(record) });
    solo.message(US, { kind: 'tree-records', id: 1, taken: 1, records: [recordOf(record)] });
    expect(refused(reason)).toBe(4);
    expect(shown(solo.ask(getOf('a', { r: 1 })) ?? 'broken')).toBe('absent');
  });

  it('is not an answer: a read that waits for it ends at once, if no other peer is left', () => {
    const told: string[] = [];
    const client = { onReply: (reply: Reply) => void told.push(shown(reply)) };
    solo.sent();
    solo.step({ kind: 'command', command: { ...getOf('a', { r: 2 }), client } as never });
    const record = stamped({ hlc: HLC_MAX + 1 });
    for (let asked = 0; asked < 2; asked++) {
      expect(told).toEqual([]);
      const question = solo.sent().find(({ message }) => message.kind === 'read-request');
      if (question?.message.kind !== 'read-request') throw new Error('nobody is asked');
      const { id } = question.message;
      solo.message(question.peer, {
        kind: 'read-reply',
        id,
        answer: 'record',
        record: recordOf(record),
      });
    }
    expect(told).toEqual(['no-quorum']);
  });

  it('may have a deadline in ten years, which is the longest that a client can ask for', () => {
    const expiresAtMs = NOW_MS + 10 * 365 * 86_400_000;
    solo.message(US, { kind: 'entries', origin: THEIRS, entries: [stamped({ expiresAtMs })] });
    expect(shown(solo.ask(getOf('a', { r: 1 })) ?? 'broken')).toBe('v');
  });
});

describe('a log of a replica that was never a member', () => {
  const stranger = origin(`zz-9.${LIFE}`);

  it('is not begun, and is left out of vectors', () => {
    solo.message(US, { kind: 'entries', origin: stranger, entries: run(stranger, 1) });
    solo.message(US, { kind: 'ack', vector: [[stranger, 1]], windowBytes: 1 });
    expect([lanes(), heldBy(US), refused('stranger')]).toEqual([[], [], 2]);
  });

  it('is accepted if two peers hold it: it was a member long ago', () => {
    solo = begin();
    solo.message(US, hello(THEIRS, [[stranger, 1]]));
    expect(heldBy(US)).toEqual([]);
    solo.message(ZA, hello(`za-1.${LIFE}`, [[stranger, 1]]));
    expect([heldBy(US), heldBy(ZA)]).toEqual([[[stranger, 1]], [[stranger, 1]]]);
    solo.message(US, {
      kind: 'entries',
      origin: stranger,
      entries: [stamped({ origin: stranger })],
    });
    expect(lanes()).toEqual([stranger]);
  });

  it('is accepted if storage holds more of them than can have existed', () => {
    const storage = new KeyMap();
    const state = encodeLaneState({ ...LANE_EMPTY, received: 3, floor: 3 });
    for (let n = 0; n < 100; n++)
      storage.apply({ keys: [originKey(origin(`z${n}-1.5`))], values: [state] });
    storage.apply({ keys: [originKey(origin('us-1.5'))], values: [state] });
    const again = begin(storage);
    expect(again.replica.status(again.now).self.vector).toEqual([['us-1.5', 3]]);
  });
});

describe('more incarnations of one replica than it can have begun', () => {
  it('are refused beyond a bound', () => {
    for (let n = 1; n <= 5000; n++) {
      const of = origin(`us-1.${n}`);
      const [entry] = run(of, 1);
      solo.message(US, {
        kind: 'entries',
        origin: of,
        entries: entry === undefined ? [] : [entry],
      });
    }
    expect(lanes()).toHaveLength(4096);
    expect(refused('lives')).toBe(5000 - 4096);
  });
});

describe('an acknowledgement', () => {
  it('of entries that were not sent has no effect', () => {
    const written = solo.ask(putOf('a', 'v', { w: 3, timeoutMs: 100 }));
    expect(written).toBeUndefined();
    for (const peer of [US, ZA])
      solo.message(peer, { kind: 'ack', vector: [[OWN, 2]], windowBytes: 1e6 });
    expect([refused('ack'), heldBy(US)]).toEqual([2, []]);
    expect(solo.out.haltReason).toBeUndefined();
  });
});

describe('numbers that no count can reach', () => {
  it.each<[string, Message]>([
    ['a pull from nowhere', { kind: 'pull', origin: THEIRS, from: 0, bytesMax: 1 }],
    ['a pull from the end', { kind: 'pull', origin: THEIRS, from: 2 ** 53 - 1, bytesMax: 1 }],
    [
      'a ballot that none can outbid',
      {
        kind: 'synod',
        step: 'prepare',
        epoch: 1,
        ballot: { round: Number.MAX_SAFE_INTEGER, by: THEIRS },
        proposal: undefined,
      },
    ],
    ['a vector entry', { kind: 'ack', vector: [[THEIRS, 2 ** 53 - 1]], windowBytes: 1 }],
  ])('are refused: %s', (_, message) => {
    solo.message(US, message);
    expect(refused('number')).toBe(1);
  });
});

describe('a refused claim', () => {
  it('is logged once for each peer and reason, and counted each time', () => {
    for (let n = 0; n < 5; n++)
      solo.message(US, { kind: 'pull', origin: THEIRS, from: 0, bytesMax: 1 });
    solo.message(ZA, { kind: 'pull', origin: THEIRS, from: 0, bytesMax: 1 });
    const notes = solo.out.notes.filter(({ event }) => event === 'claim-refused');
    expect(notes.map(({ fields }) => fields)).toEqual([
      { peer: 'us-1', reason: 'number', message: 'pull' },
      { peer: 'za-1', reason: 'number', message: 'pull' },
    ]);
    expect(refused('number')).toBe(6);
  });

  it('includes a greeting under another name', () => {
    solo.message(US, hello(`za-1.${LIFE}`));
    expect(refused('identity')).toBe(1);
  });
});

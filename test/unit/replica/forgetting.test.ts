// A replica that forgets a delete, step by step: what it waits for, and what it does with a record
// that arrives too late.

import { beforeEach, describe, expect, it } from 'vitest';
import type { Command } from '../../../src/model/command.ts';
import type { Heartbeat } from '../../../src/model/message.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import type { Reply } from '../../../src/model/reply.ts';
import type { VectorEntries } from '../../../src/model/vector.ts';
import { recordKey } from '../../../src/store/layout.ts';
import { delOf, getOf, putOf, shown } from '../../cluster/cluster.ts';
import {
  bytes,
  helloOf,
  membershipOf,
  key,
  mutation,
  namespace,
  origin,
} from '../../support/build.ts';
import { Solo } from '../../support/solo.ts';

const PEER = 1;
const OURS = origin('eu-1.1');
const THEIRS = origin('us-1.1');
const NAME = { namespace: namespace('ns'), key: key('a') };

let solo: Solo;

beforeEach(() => {
  solo = new Solo({ regions: ['eu', 'us'] });
  hello([]);
});

function hello(vector: VectorEntries): void {
  solo.step({ kind: 'connected', peer: PEER });
  solo.message(PEER, helloOf(THEIRS, membershipOf(['eu', 'us']), { vector }));
}

/** The peer reports what it holds, and then our own heartbeat is due. */
function heard(vector: VectorEntries = []): void {
  const beat: Heartbeat = {
    kind: 'heartbeat',
    hlc: 0,
    vector,
    ping: 1,
    echo: 0,
    echoDelayMs: 0,
    heads: [],
    wallMs: 0,
    commitAgeMs: 0,
    health: [],
  };
  solo.message(PEER, beat);
  tick();
}

function tick(): void {
  solo.now.monoMs += 200;
  solo.step({ kind: 'tick' });
}

const ack = (vector: VectorEntries): void =>
  solo.message(PEER, { kind: 'ack', vector, windowBytes: 1e6 });
const kept = (): number => solo.replica.metrics.tombstones;
const isStored = (): boolean => solo.storage.get(recordKey(NAME.namespace, NAME.key)) !== undefined;
const read = (r: number): string => {
  const reply = solo.ask(getOf('a', { r }));
  return reply === undefined ? 'asked' : shown(reply);
};

/** A write of the peer, older than anything here. */
const older = (): Mutation =>
  mutation({ ...NAME, origin: THEIRS, seq: 1, hlc: 1024, value: bytes('older') });

function deleteHere(): void {
  solo.ask(putOf('a', 'old', { w: 1 }));
  solo.ask(delOf('a', { w: 1 }));
}

/** The peer has everything, and is heard as often as needed. */
function forget(): void {
  ack([[OURS, 2]]);
  for (let n = 0; n < 20 && kept() > 0; n++) heard();
  expect(kept()).toBe(0);
  expect(isStored()).toBe(false);
}

describe('a tombstone here', () => {
  it('waits for the acknowledgement of every member, whatever its age', () => {
    deleteHere();
    ack([[OURS, 1]]);
    solo.now.wallMs += 1e12;
    for (let n = 0; n < 50; n++) heard();
    expect(kept()).toBe(1);
    forget();
  });

  it('waits for what the others had accepted when they had it', () => {
    deleteHere();
    ack([[OURS, 2]]);
    // The peer's report of what it holds arrives later than its acknowledgement.
    tick();
    heard([[THEIRS, 1]]);
    for (let n = 0; n < 10; n++) heard();
    expect(kept()).toBe(1);
    solo.message(PEER, { kind: 'entries', origin: THEIRS, entries: [older()] });
    expect(read(1)).toBe('absent');
    for (let n = 0; n < 4; n++) heard();
    expect(kept()).toBe(0);
    expect(read(1)).toBe('absent');
  });

  it('waits until the others were heard again', () => {
    deleteHere();
    ack([[OURS, 2]]);
    for (let n = 0; n < 20; n++) tick();
    expect(kept()).toBe(1);
  });

  it('begins to wait again when a member returns with less', () => {
    deleteHere();
    ack([[OURS, 2]]);
    heard();
    solo.step({ kind: 'disconnected', peer: PEER });
    hello([[OURS, 1]]);
    for (let n = 0; n < 10; n++) heard();
    expect(kept()).toBe(1);
    forget();
  });

  it('is dropped when a newer write has replaced it', () => {
    deleteHere();
    solo.ask(putOf('a', 'again', { w: 1 }));
    expect(kept()).toBe(0);
    expect(read(1)).toBe('again');
  });
});

describe('after a delete was forgotten', () => {
  const old = (): Mutation => mutation({ ...NAME, origin: OURS, seq: 1, hlc: 1024 });

  it('a repair does not restore the value', () => {
    deleteHere();
    forget();
    solo.message(PEER, { kind: 'repair', record: recordOf(old()) });
    expect(read(1)).toBe('absent');
    expect(solo.replica.metrics.resurrectionsRefused).toBe(1);
  });

  it('a peer that still shows the value is not believed', () => {
    deleteHere();
    forget();
    solo.sent();
    let answer = '';
    const client = {
      onReply: (reply: Reply) => void (answer = shown(reply)),
    };
    solo.step({ kind: 'command', command: { ...getOf('a', { r: 2 }), client } as Command });
    const request = solo.sent().map(({ message }) => message)[0];
    if (request?.kind !== 'read-request') throw new Error('the peer is asked');
    const { id } = request;
    solo.message(PEER, { kind: 'read-reply', id, answer: 'record', record: recordOf(old()) });
    expect(answer).toBe('absent');
    expect(solo.sent()).toEqual([]);
    expect(read(1)).toBe('absent');
  });

  it('a write that is new to all is accepted', () => {
    deleteHere();
    forget();
    const record = mutation({ ...NAME, origin: THEIRS, seq: 1, hlc: solo.now.wallMs * 1024 });
    solo.message(PEER, { kind: 'repair', record: recordOf(record) });
    expect(read(1)).toBe('v');
  });
});

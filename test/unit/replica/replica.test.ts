import { beforeEach, describe, expect, it } from 'vitest';
import type { Message } from '../../../src/model/message.ts';
import { type Mutation, recordOf } from '../../../src/model/record.ts';
import type { VectorEntries } from '../../../src/model/vector.ts';
import { metaKey } from '../../../src/store/layout.ts';
import { getOf, putOf, shown } from '../../cluster/cluster.ts';
import {
  helloOf,
  membershipOf,
  bytes,
  key,
  mutation,
  namespace,
  origin,
  run,
} from '../../support/build.ts';
import { Solo, type SoloOptions } from '../../support/solo.ts';

const PEER = 1;
const PEER_LIFE = origin('us-1.1');

let solo: Solo;

const begin = (options: SoloOptions = {}): Solo => {
  const namespaces = { ns: {}, fi: { consistency: 'fifo' } };
  return new Solo({ regions: ['eu', 'us'], namespaces, ...options });
};

beforeEach(() => {
  solo = begin();
});

const hello = (): Message => helloOf(PEER_LIFE, membershipOf(['eu', 'us']));

function greet(): void {
  solo.step({ kind: 'connected', peer: PEER });
  solo.message(PEER, hello());
  solo.sent();
}

const sentKinds = (): string[] => solo.sent().map(({ message }) => message.kind);
const value = (name: string, ns = 'ns'): string => {
  const reply = solo.ask(getOf(name, { ns, r: 1 }));
  return reply === undefined ? 'no answer' : shown(reply);
};
const record = (ns: string, fields: Partial<Mutation> = {}): Mutation =>
  mutation({
    origin: PEER_LIFE,
    seq: 9,
    hlc: solo.now.wallMs * 1024,
    namespace: namespace(ns),
    key: key('a'),
    value: bytes('theirs'),
    ...fields,
  });

describe('a peer that has not greeted', () => {
  it('gets a greeting, and its other messages are ignored', () => {
    solo.step({ kind: 'connected', peer: PEER });
    expect(sentKinds()).toEqual(['hello']);
    solo.message(PEER, { kind: 'repair', record: recordOf(record('ns')) });
    solo.message(PEER, { kind: 'entries', origin: PEER_LIFE, entries: run(PEER_LIFE, 1) });
    solo.message(PEER, { kind: 'pull', origin: PEER_LIFE, from: 1, bytesMax: 100 });
    expect(sentKinds()).toEqual([]);
    expect(solo.replica.status(solo.now).self.vector).toEqual([]);
  });

  it('does not count among those that can be reached', () => {
    // An empty replica accepts nothing before it has heard a majority, so this one has heard one.
    greet();
    solo = begin({ storage: solo.storage, incarnation: 2 });
    solo.step({ kind: 'connected', peer: PEER });
    solo.now.monoMs += 3000;
    solo.step({ kind: 'tick' });
    expect(solo.ask(putOf('a', 'v', { w: 2 }))).toMatchObject({ fault: { code: 'no-quorum' } });
    solo.message(PEER, hello());
    expect(solo.ask(putOf('a', 'v', { w: 2 }))).toBeUndefined();
  });

  it('connects again without a reported end: nothing from before counts', () => {
    greet();
    solo.step({ kind: 'connected', peer: PEER });
    expect(solo.ask(putOf('a', 'v', { w: 2 }))).toMatchObject({ fault: { code: 'no-quorum' } });
  });
});

describe('a repair', () => {
  beforeEach(greet);

  it('is merged in an eventual namespace', () => {
    solo.message(PEER, { kind: 'repair', record: recordOf(record('ns')) });
    expect(value('a')).toBe('theirs');
    solo.message(PEER, {
      kind: 'repair',
      record: recordOf(record('ns', { hlc: 1, value: bytes('old') })),
    });
    expect(value('a')).toBe('theirs');
  });

  it('is ignored in a fifo namespace, where it would overtake, and in one without a policy', () => {
    const { size } = solo.storage;
    for (const ns of ['fi', 'unknown'])
      solo.message(PEER, { kind: 'repair', record: recordOf(record(ns)) });
    expect(value('a', 'fi')).toBe('absent');
    expect(solo.storage.size).toBe(size);
  });

  it('stamped beyond the drift bound is refused and counted', () => {
    const ahead = (solo.now.wallMs + 10_000) * 1024;
    solo.message(PEER, { kind: 'repair', record: recordOf(record('ns', { hlc: ahead })) });
    expect(value('a')).toBe('absent');
    expect(solo.replica.metrics.clockRefusals).toBe(1);
  });
});

describe('a peer with other policies', () => {
  it('is reported to an operator, and accepted', () => {
    greet();
    expect(solo.out.notes).toMatchObject([{ event: 'policies-differ' }, { event: 'open' }]);
    expect(solo.ask(putOf('a', 'v', { w: 1 }))).toMatchObject({ kind: 'written' });
    expect(sentKinds()).toEqual(['entries']);
  });
});

describe('an acknowledgement of this replica', () => {
  it('goes to the replica whose entries it covers, as soon as they are durable', () => {
    greet();
    solo.message(PEER, { kind: 'entries', origin: PEER_LIFE, entries: run(PEER_LIFE, 3) });
    expect(solo.sent()).toMatchObject([
      { peer: PEER, message: { kind: 'ack', vector: [[PEER_LIFE, 3]] } },
    ]);
  });
});

describe('a peer that lost its disk', () => {
  it('holds what its new greeting says, and the stream begins there', () => {
    greet();
    for (const name of ['a', 'b', 'c']) solo.ask(putOf(name, 'v', { w: 1 }));
    const own = origin('eu-1.1');
    solo.message(PEER, { kind: 'ack', vector: [[own, 3]], windowBytes: 1e6 });
    expect(solo.replica.status(solo.now).self.stableCut).toEqual([[own, 3]]);
    expect(solo.ask(putOf('d', 'v', { w: 1 }))).toMatchObject({ kind: 'written' });
    solo.step({ kind: 'disconnected', peer: PEER });
    greet();
    const status = solo.replica.status(solo.now);
    expect(status.self.stableCut).toEqual([]);
    expect(status.peers[0]).toMatchObject({ vector: [], entriesItLacks: 4 });
  });
});

const heartbeatOf = (vector: VectorEntries): Message => ({
  kind: 'heartbeat',
  hlc: 0,
  ping: 1,
  echo: 0,
  echoDelayMs: 0,
  vector,
  heads: [],
  wallMs: 0,
  commitAgeMs: 0,
  health: [],
});

describe('a peer that knows more of this replica than it has written', () => {
  it('proves an old copy, whenever it reports it: a later incarnation', () => {
    greet();
    solo.message(PEER, heartbeatOf([[origin('eu-1.7'), 3]]));
    expect(solo.out.haltReason).toContain('old copy');
  });

  it('proves an old copy when it greets: more of this incarnation', () => {
    solo.step({ kind: 'connected', peer: PEER });
    solo.message(
      PEER,
      helloOf(PEER_LIFE, membershipOf(['eu', 'us']), { vector: [[origin('eu-1.1'), 3]] }),
    );
    expect(solo.out.haltReason).toContain('old copy');
  });

  it('is not believed later about entries of this incarnation that it was not sent', () => {
    greet();
    solo.message(PEER, heartbeatOf([[origin('eu-1.1'), 3]]));
    expect(solo.out.haltReason).toBeUndefined();
    expect(solo.replica.metrics.claimsRefused.ack).toBe(1);
    expect(solo.replica.status(solo.now).self.stableCut).toEqual([]);
  });
});

describe('a start', () => {
  it('is a new incarnation, whose number no earlier one had', () => {
    const { storage } = solo;
    expect(new Solo({ storage, incarnation: 2 }).replica.status(solo.now).self.origin).toBe(
      'eu-1.2',
    );
    expect(() => new Solo({ storage, incarnation: 2 })).toThrow('every start is a new incarnation');
  });

  it('over damage opens no connection and serves nothing', () => {
    const { storage } = solo;
    storage.damage(metaKey('incarnation'), 1);
    solo = new Solo({ storage, incarnation: 2 });
    expect([solo.replica.recovered, solo.replica.state]).toEqual([false, 'starting']);
    expect(solo.ask(putOf('a', 'v'))).toMatchObject({ fault: { code: 'catching-up' } });
  });
});

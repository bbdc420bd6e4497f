// Questions of clients that are forwarded to other replicas, whose answers are right or wrong, late
// or missing.

import { beforeEach, describe, expect, it } from 'vitest';
import { ForwardClient } from '../../../src/forward/client.ts';
import type { ListCommand, ReadCommand } from '../../../src/model/command.ts';
import { fault } from '../../../src/model/fault.ts';
import type { ForwardAnswer, ForwardRequest } from '../../../src/model/message.ts';
import type { Settings } from '../../../src/model/settings.ts';
import { termsOf } from '../../../src/model/terms.ts';
import { type Mutation, type Record, recordOf } from '../../../src/model/record.ts';
import { getOf, type ListOptions, listOf } from '../../cluster/cluster.ts';
import { bytes, key, mutation, namespace, origin } from '../../support/build.ts';
import { EU, MachineRoom, US } from '../../support/machine-room.ts';
import { replied } from '../../support/outbox.ts';

const NAMESPACES = { ns: {}, fi: { consistency: 'fifo' } };
const FIFO = namespace('fi');
const forward = { ns: 'fi', timeoutMs: 1000, onUnmet: 'forward' } as const;

let room: MachineRoom;
let client: ForwardClient;
/** Questions of peers that were accepted as reads. */
let begun: unknown[];

function begin(settings: Partial<Settings> = {}): void {
  room = new MachineRoom({ namespaces: NAMESPACES, settings });
  for (const peer of [EU, US]) room.greet(peer);
  begun = [];
  const fit = (): readonly number[] => [EU, US];
  const faultOf = (_: unknown, others: string) => fault('catching-up', others);
  client = new ForwardClient(
    room.core,
    { fit, faultOf },
    (command) => void begun.push(command.client.peer),
  );
}

beforeEach(() => begin());

function ask(question: ReturnType<typeof getOf>): void {
  const command = { ...question, client: { onReply: () => {} } } as ReadCommand | ListCommand;
  const found = room.core.namespaces.find(command.namespace);
  if (found === undefined) throw new Error('no such namespace');
  client.begin(command, termsOf(command, found, room.now.monoMs), room.turn);
}

const read = (): void => ask(getOf('a', { ...forward, r: 1 }));
const list = (options: ListOptions = {}): void => ask(listOf({ ...forward, ...options }));

/** The questions that were sent since the last call, by the peer that was asked. */
function questions(): { readonly peer: number; readonly message: ForwardRequest }[] {
  return room.sent().map(({ peer, message }) => {
    if (message.kind !== 'forward-request') throw new Error(`a client sends no ${message.kind}`);
    return { peer, message };
  });
}

/** The number of the only question that was sent. */
function asked(): number {
  const [question, ...others] = questions();
  if (question === undefined || others.length > 0) throw new Error('one replica is asked first');
  return question.message.id;
}

const reply = (peer: number, id: number, answer: ForwardAnswer): void =>
  client.onMessage(peer, { kind: 'forward-reply', id, answer }, room.turn);

/** The answers to clients since the last call. */
const answers = () => replied(room.turn).map((each) => each.reply);
const codes = () => answers().map((each) => (each.kind === 'failed' ? each.fault.code : each.kind));

function recordUnder(name: string, fields: Partial<Mutation> = {}): Record {
  const hlc = room.now.wallMs * 1024;
  const draft = { origin: origin('us-1.1'), seq: 4, hlc, namespace: FIFO, key: key(name) };
  return recordOf(mutation({ ...draft, value: bytes('theirs'), ...fields }));
}

const found = (record = recordUnder('a')): ForwardAnswer => {
  return { kind: 'found', record, stalenessMs: 7, answers: 1 };
};
const page = (
  names: readonly string[],
  prefixes: readonly string[] = [],
  of = FIFO,
): ForwardAnswer => {
  const items = names.map((each) => recordUnder(each, { namespace: of }));
  return { kind: 'listed', items, prefixes, shown: [], after: '', stalenessMs: 'unknown' };
};

describe('a read that is forwarded', () => {
  it('gets the answer of the first replica unchanged, with the passed time added, and keeps nothing of it', () => {
    read();
    const [first] = questions();
    expect(first).toMatchObject({
      peer: EU,
      message: { level: 'fifo', timeoutMs: 1000, question: { kind: 'read', key: 'a', r: 1 } },
    });
    room.pass(30);
    reply(EU, first?.message.id ?? 0, found());
    expect(answers()).toMatchObject([{ kind: 'found', stalenessMs: 37, heldBy: { id: 'eu-1' } }]);
    expect(room.core.table.read(FIFO, key('a')).record).toBeUndefined();
    expect([client.waiting, room.core.metrics.readsForwarded]).toEqual([0, 1]);
  });

  it('ignores answers of a replica that it did not ask, second answers, and those of an earlier connection', () => {
    read();
    const id = asked();
    reply(US, id, found());
    reply(EU, id + 1, found());
    room.leave(EU);
    client.onDisconnected(EU, room.turn);
    expect(questions()).toMatchObject([{ peer: US }]);
    room.greet(EU);
    reply(EU, id, found());
    expect(answers()).toEqual([]);
    reply(US, id, { kind: 'absent', removal: undefined, stalenessMs: 'unknown', answers: 1 });
    reply(US, id, found());
    expect(answers()).toMatchObject([
      { kind: 'absent', stalenessMs: 'unknown', heldBy: { id: 'us-1' } },
    ]);
  });

  it('asks a second replica if the first is slow, and takes whichever answer comes first', () => {
    read();
    const id = asked();
    client.onDue(room.pass(499));
    expect(questions()).toEqual([]);
    expect(room.core.timers.nextMs).toBe(room.now.monoMs + 1);
    client.onDue(room.pass(1));
    expect(questions()).toMatchObject([{ peer: US, message: { timeoutMs: 500 } }]);
    reply(EU, id, found());
    expect(answers()).toMatchObject([{ kind: 'found', heldBy: { id: 'eu-1' } }]);
  });

  it('is refused once all replicas have refused, with their reasons', () => {
    read();
    const id = asked();
    reply(EU, id, { kind: 'refused', code: 'replica-stale' });
    reply(US, id, { kind: 'refused', code: 'draining' });
    const detail = 'eu-1 replica-stale, us-1 draining';
    expect(answers()).toMatchObject([{ fault: { code: 'catching-up', detail } }]);
  });

  it('is refused at its deadline, and says that replicas were silent', () => {
    read();
    reply(EU, asked(), { kind: 'refused', code: 'draining' });
    client.onDue(room.pass(1000));
    const detail = 'eu-1 draining, the others did not answer in time';
    expect(answers()).toMatchObject([{ fault: { detail } }]);
    expect(client.waiting).toBe(0);
  });

  it.each([
    ['of another key', () => found(recordUnder('b'))],
    ['of another namespace', () => found(recordUnder('a', { namespace: namespace('ns') }))],
    ['that was deleted', () => found(recordUnder('a', { operation: 'delete' }))],
    ['from far in the future', () => found(recordUnder('a', { hlc: 3_000_000 * 1024 }))],
    ['that is a list', () => page(['a'])],
  ])('refuses a record %s and asks the next', (_, said) => {
    read();
    reply(EU, asked(), said());
    expect(answers()).toEqual([]);
    expect(questions()).toMatchObject([{ peer: US }]);
  });

  it('is bounded in number, and ends when the replica stops', () => {
    begin({ readsPendingMax: 2 });
    for (let n = 0; n < 2; n++) read();
    expect(codes()).toEqual([]);
    read();
    expect(codes()).toEqual(['overloaded']);
    client.failAll('storage-failed', room.turn);
    expect([codes(), client.waiting]).toEqual([['storage-failed', 'storage-failed'], 0]);
  });

  it('makes the next stamp here later than the version that was read', () => {
    const hlc = (room.now.wallMs + 50) * 1024;
    read();
    reply(EU, asked(), found(recordUnder('a', { hlc })));
    expect(room.core.clock.tick(room.now.wallMs)).toBeGreaterThan(hlc);
  });
});

describe('a list that is forwarded', () => {
  it('asks for no more than fits into a frame', () => {
    list({ limit: 9, prefix: 'x', bytesMax: undefined });
    expect(questions()).toMatchObject([
      { message: { question: { kind: 'list', limit: 9, prefix: 'x', bytesMax: 256 * 1024 } } },
    ]);
  });

  it('is bounded more narrowly than reads, until lists are answered', () => {
    for (let n = 0; n < 64; n++) list();
    const [first] = questions();
    list();
    read();
    expect(codes()).toEqual(['overloaded']);
    reply(EU, first?.message.id ?? 0, page([]));
    list();
    expect([codes(), client.waiting]).toEqual([['listed'], 65]);
  });

  it.each([
    ['in order', {}, () => page(['a', 'b'])],
    ['in reverse order', { reverse: true }, () => page(['b', 'a'])],
    [
      'with a prefix that begins before the start',
      { delimiter: '/', start: 'a/b' },
      () => page(['c'], ['a/']),
    ],
    ['that is empty', {}, () => page([])],
  ])('takes a page %s', (_, options, said) => {
    list(options);
    reply(EU, asked(), said());
    expect(answers()).toMatchObject([{ kind: 'listed', heldBy: { id: 'eu-1' } }]);
  });

  it.each([
    ['out of order', {}, () => page(['b', 'a'])],
    ['that says a key twice', {}, () => page(['a', 'a'])],
    ['in the wrong direction', { reverse: true }, () => page(['a', 'b'])],
    ['before its start', { start: 'b' }, () => page(['a'])],
    ['at its end', { end: 'b' }, () => page(['b'])],
    ['beside its prefix', { prefix: 'a' }, () => page(['b'])],
    ['that goes back', { after: 'b' }, () => page(['b'])],
    ['with too many keys', { limit: 1 }, () => page(['a', 'b'])],
    ['folded without a delimiter', {}, () => page([], ['a/'])],
    ['of another namespace', {}, () => page(['a'], [], namespace('ns'))],
    ['that is no page', {}, () => found()],
  ])('refuses a page %s', (_, options, said) => {
    list(options);
    reply(EU, asked(), said());
    expect(answers()).toEqual([]);
    expect(questions()).toMatchObject([{ peer: US }]);
  });
});

describe('a question of a peer', () => {
  const question = {
    kind: 'read',
    namespace: FIFO,
    key: key('a'),
    r: 1,
    session: undefined,
  } as const;
  const request = { kind: 'forward-request', id: 8, timeoutMs: 900, level: 'fifo' } as const;

  it('is taken as a read here, and asks no other replica', () => {
    client.onMessage(EU, { ...request, question }, room.turn);
    expect(begun).toEqual([EU]);
    expect(room.sent()).toEqual([]);
  });

  it('no longer counts when its connection has ended', () => {
    begin({ readsPendingMax: 1 });
    client.onMessage(EU, { ...request, question }, room.turn);
    client.onDisconnected(EU, room.turn);
    client.onMessage(US, { ...request, question }, room.turn);
    expect(begun).toEqual([EU, US]);
  });
});

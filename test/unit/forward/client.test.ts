// A replica stepped by hand that has yet to measure how far it is behind: its peers answer, rightly
// or wrongly, and one of them asks it in turn.

import { beforeEach, describe, expect, it } from 'vitest';
import type { Reply } from '../../../src/model/command.ts';
import type {
  ForwardAnswer,
  ForwardRequest,
  Message,
  Question,
} from '../../../src/model/message.ts';
import { type Mutation, type Record, recordOf } from '../../../src/model/record.ts';
import { getOf, type ListOptions, listOf, putOf } from '../../cluster/cluster.ts';
import {
  bytes,
  helloOf,
  key,
  membershipOf,
  mutation,
  namespace,
  origin,
} from '../../support/build.ts';
import { allRecords } from '../../../src/store/layout.ts';
import { Solo } from '../../support/solo.ts';

const REGIONS = ['eu', 'us', 'zz'];
const [US, ZZ] = [1, 2];
/** The time of a Solo's clock. */
const WALL_MS = 1_000_000;
const forward = { onUnmet: 'forward' } as const;

let solo: Solo;
let answer: Reply | undefined;

beforeEach(() => {
  const staleAfter = { timeMs: 2000 };
  const namespaces = { ns: {}, fi: { consistency: 'fifo', staleAfter }, ev: { staleAfter } };
  solo = new Solo({ regions: REGIONS, namespaces, settings: { readsPendingMax: 2 } });
  solo.greet(US, 'us-1.1');
  solo.greet(ZZ, 'zz-1.1');
  solo.sent();
  answer = undefined;
});

function ask(command: ReturnType<typeof getOf>): void {
  const client = { onReply: (reply: Reply) => void (answer = reply) };
  solo.step({ kind: 'command', command: { ...command, client } as never });
}

const read = (): void => ask(getOf('a', { ns: 'fi', r: 1, timeoutMs: 1000, ...forward }));
const list = (options: ListOptions = {}): void => ask(listOf({ ns: 'fi', ...forward, ...options }));

/** Questions that went out since the last look, by who was asked. */
function questions(): { readonly peer: number; readonly message: ForwardRequest }[] {
  return solo
    .sent()
    .flatMap(({ peer, message }) =>
      message.kind === 'forward-request' ? [{ peer, message }] : [],
    );
}

const reply = (peer: number, id: number, said: ForwardAnswer): void =>
  solo.message(peer, { kind: 'forward-reply', id, answer: said });

const recordUnder = (name: string, fields: Partial<Mutation> = {}): Record =>
  recordOf(
    mutation({
      origin: origin('us-1.1'),
      seq: 4,
      hlc: WALL_MS * 1024,
      namespace: namespace('fi'),
      key: key(name),
      value: bytes('theirs'),
      ...fields,
    }),
  );

const found = (record = recordUnder('a')): ForwardAnswer => {
  return { kind: 'found', record: record, stalenessMs: 7, answers: 1 };
};
const page = (names: readonly string[], prefixes: readonly string[] = []): ForwardAnswer => {
  return {
    kind: 'listed',
    items: names.map((each) => recordUnder(each)),
    prefixes,
    after: '',
    stalenessMs: 'unknown',
  };
};
const code = (): string | undefined =>
  answer?.kind === 'failed' ? answer.fault.code : answer?.kind;

describe('a read that is forwarded', () => {
  it('gets the answer of the first replica unchanged, with the passed time added, and keeps nothing of it', () => {
    read();
    const [first] = questions();
    expect(first).toMatchObject({
      peer: US,
      message: { level: 'fifo', timeoutMs: 1000, question: { kind: 'read', key: 'a', r: 1 } },
    });
    solo.now.monoMs += 30;
    reply(US, first?.message.id ?? 0, found());
    expect(answer).toMatchObject({ kind: 'found', stalenessMs: 37, heldBy: { id: 'us-1' } });
    expect(
      solo.storage.range({ ...allRecords(), reverse: false, limit: 99, bytesMax: 1e6 }),
    ).toMatchObject({
      entries: [],
    });
    expect(solo.replica.waiting).toBe(0);
  });

  it('ignores answers of a replica that it did not ask, second answers, and those of an earlier connection', () => {
    read();
    const [first] = questions();
    const id = first?.message.id ?? 0;
    reply(ZZ, id, found());
    reply(US, id + 1, found());
    expect(answer).toBeUndefined();
    solo.step({ kind: 'disconnected', peer: US });
    expect(questions()).toMatchObject([{ peer: ZZ }]);
    solo.step({ kind: 'connected', peer: US });
    solo.message(US, helloOf(origin('us-1.2'), membershipOf(REGIONS)));
    reply(US, id, found());
    expect(answer).toBeUndefined();
    reply(ZZ, id, { kind: 'absent', stalenessMs: 'unknown', answers: 1 });
    reply(ZZ, id, found());
    expect(answer).toMatchObject({
      kind: 'absent',
      stalenessMs: 'unknown',
      heldBy: { id: 'zz-1' },
    });
  });

  it('asks a second replica if the first is slow, and takes whichever answer comes first', () => {
    read();
    const [first] = questions();
    solo.now.monoMs += 499;
    solo.step({ kind: 'tick' });
    expect(questions()).toEqual([]);
    solo.now.monoMs += 1;
    expect(solo.replica.timers.nextMs).toBeLessThanOrEqual(solo.now.monoMs);
    solo.step({ kind: 'tick' });
    expect(questions()).toMatchObject([{ peer: ZZ, message: { timeoutMs: 500 } }]);
    reply(US, first?.message.id ?? 0, found());
    expect(answer).toMatchObject({ kind: 'found', heldBy: { id: 'us-1' } });
  });

  it('is refused once all replicas have refused, with their reasons', () => {
    read();
    const id = questions()[0]?.message.id ?? 0;
    reply(US, id, { kind: 'refused', code: 'replica-stale' });
    reply(ZZ, id, { kind: 'refused', code: 'draining' });
    expect(answer).toMatchObject({
      fault: {
        code: 'catching-up',
        detail: expect.stringMatching(/; us-1 replica-stale, zz-1 draining$/),
        alternates: [{ id: 'us-1' }, { id: 'zz-1' }],
      },
    });
  });

  it.each([
    ['of another key', found(recordUnder('b'))],
    ['of another namespace', found(recordUnder('a', { namespace: namespace('ev') }))],
    ['that was deleted', found(recordUnder('a', { operation: 'delete' }))],
    ['from far in the future', found(recordUnder('a', { hlc: 3_000_000 * 1024 }))],
    ['that is a list', page(['a'])],
  ])('refuses a record %s and asks the next replica', (_, said) => {
    read();
    const id = questions()[0]?.message.id ?? 0;
    reply(US, id, said);
    expect(answer).toBeUndefined();
    expect(questions()).toMatchObject([{ peer: ZZ }]);
  });

  it('is bounded in number, and ends when the replica stops', () => {
    for (let n = 0; n < 2; n++) read();
    expect(answer).toBeUndefined();
    read();
    expect(code()).toBe('overloaded');
    solo.step({ kind: 'stop' });
    expect(code()).toBe('storage-failed');
    expect(solo.replica.waiting).toBe(0);
  });

  it('makes the next stamp here later than the version that was read', () => {
    const hlc = (WALL_MS + 50) * 1024;
    read();
    reply(US, questions()[0]?.message.id ?? 0, found(recordUnder('a', { hlc })));
    const written = solo.ask(putOf('a', 'mine', { ns: 'fi', w: 1 }));
    expect(written?.kind === 'written' ? written.hlc : 0).toBeGreaterThan(hlc);
  });
});

describe('a list that is forwarded', () => {
  it('asks for no more than fits into a frame', () => {
    list({ limit: 9, prefix: 'x', bytesMax: undefined });
    expect(questions()).toMatchObject([
      { message: { question: { kind: 'list', limit: 9, prefix: 'x', bytesMax: 256 * 1024 } } },
    ]);
  });

  it.each([
    ['in order', {}, page(['a', 'b'])],
    ['in reverse order', { reverse: true }, page(['b', 'a'])],
    [
      'with a prefix that begins before the start',
      { delimiter: '/', start: 'a/b' },
      page(['c'], ['a/']),
    ],
    ['that is empty', {}, page([])],
  ])('accepts a page %s', (_, options, said) => {
    list(options);
    reply(US, questions()[0]?.message.id ?? 0, said);
    expect(answer).toMatchObject({ kind: 'listed', heldBy: { id: 'us-1' } });
  });

  it.each([
    ['out of order', {}, page(['b', 'a'])],
    ['that says a key twice', {}, page(['a', 'a'])],
    ['in the wrong direction', { reverse: true }, page(['a', 'b'])],
    ['before its start', { start: 'b' }, page(['a'])],
    ['at its end', { end: 'b' }, page(['b'])],
    ['beside its prefix', { prefix: 'a' }, page(['b'])],
    ['that goes back', { after: 'b' }, page(['b'])],
    ['with too many keys', { limit: 1 }, page(['a', 'b'])],
    ['folded without a delimiter', {}, page([], ['a/'])],
    ['of another namespace', { ns: 'ev' }, page(['a'])],
    ['that is no page', {}, found()],
  ])('refuses a page %s', (_, options, said) => {
    list(options);
    reply(US, questions()[0]?.message.id ?? 0, said);
    expect(answer).toBeUndefined();
    expect(questions()).toMatchObject([{ peer: ZZ }]);
  });
});

describe('a forwarded question of a peer', () => {
  const question: Question = { kind: 'read', namespace: namespace('fi'), key: key('a'), r: 1 };
  const request = (fields: Partial<ForwardRequest> = {}): Message => {
    return { kind: 'forward-request', id: 8, timeoutMs: 900, level: 'fifo', question, ...fields };
  };
  const said = (): unknown[] => {
    return solo.sent().filter(({ message }) => message.kind.startsWith('forward-'));
  };
  const refused = (id: string) => [
    { peer: US, message: { kind: 'forward-reply', id: 8, answer: { kind: 'refused', code: id } } },
  ];

  it('is refused if this replica may not answer either, and never forwarded again', () => {
    solo.message(US, request());
    expect(said()).toEqual(refused('catching-up'));
  });

  it('is answered as a client would be, once the answer may leave', () => {
    const ns = { namespace: namespace('ns'), level: 'eventual' } as const;
    solo.ask(putOf('a', 'mine', { ns: 'ns', w: 1 }));
    solo.sent();
    solo.message(US, request({ level: 'eventual', question: { ...question, ...ns } as Question }));
    expect(said()).toMatchObject([{ peer: US, message: { answer: { kind: 'found' } } }]);
  });

  it('is refused if the policies differ', () => {
    solo.message(US, request({ level: 'eventual' }));
    expect(said()).toEqual(refused('namespace-not-found'));
    const other = { ...question, namespace: namespace('none') };
    solo.message(US, request({ question: other }));
    expect(said()).toEqual(refused('namespace-not-found'));
  });

  it('gets no answer once its connection has ended', () => {
    const ns = { namespace: namespace('ns'), r: 2 } as const;
    solo.message(US, request({ level: 'eventual', question: { ...question, ...ns } }));
    const asked = solo
      .sent()
      .flatMap(({ message }) => (message.kind === 'read-request' ? [message.id] : []));
    solo.step({ kind: 'disconnected', peer: US });
    solo.greet(US, 'us-1.1');
    for (const id of asked)
      solo.message(ZZ, { kind: 'read-reply', id, answer: 'absent', record: undefined });
    expect(asked).not.toEqual([]);
    expect(said()).toEqual([]);
    expect(solo.replica.waiting).toBe(0);
  });
});

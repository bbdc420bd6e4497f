// Which replicas are members, and which answer clients, over HTTP.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Place, Probed } from '../../../src/model/membership.ts';
import { type Harness, json, problemOf, startHarness } from './harness.ts';

let harness: Harness;
/** The results of probing the newcomer's address, one after the other, and the probed addresses. */
let found: Probed[] = [];
const probed: Place[] = [];

beforeAll(async () => {
  harness = await startHarness({
    probe(place) {
      probed.push(place);
      return Promise.resolve(found.shift() ?? { kind: 'there', region: place.region, epoch: 0 });
    },
  });
});
beforeEach(() => {
  harness.service.commands.length = 0;
  probed.length = 0;
  found = [];
});
afterAll(() => harness.stop());

const post = (path: string, body?: object) =>
  harness.ask(`/v1/cluster/replicas${path}`, {
    method: 'POST',
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
  });

const PLACE = { id: 'sa-1', region: 'sa', peer: '10.0.3.7:7071', http: 'http://10.0.3.7:7070/' };

describe('POST /v1/cluster/replicas', () => {
  it('begins a join, and shows the members', async () => {
    const answer = await post('?timeout=2s', PLACE);
    expect(answer.status).toBe(200);
    expect(json(answer)).toMatchObject({
      kind: 'join',
      target: 'sa-1',
      state: 'done',
      membership: { epoch: 1, members: [{ id: 'ap-1', since: 1 }, {}, {}] },
    });
    expect(harness.service.commands).toMatchObject([
      {
        kind: 'membership',
        change: {
          kind: 'join',
          place: {
            id: 'sa-1',
            region: 'sa',
            peerAddress: '10.0.3.7:7071',
            httpUrl: 'http://10.0.3.7:7070',
          },
        },
      },
    ]);
  });

  it('leaves for the change the time that the check of the newcomer has left', async () => {
    await post('?timeout=2s', PLACE);
    const [asked] = harness.service.commands;
    const timeoutMs = asked?.kind === 'membership' ? asked.timeoutMs : 0;
    expect([timeoutMs > 0, timeoutMs <= 2000]).toEqual([true, true]);
  });

  it.each([
    [{ ...PLACE, id: 'SA' }],
    [{ ...PLACE, region: '' }],
    [{ ...PLACE, peer: '10.0.3.7' }],
    [{ ...PLACE, peer: '10.0.3.7:0' }],
    [{ ...PLACE, peer: '10.0.3.7:70710' }],
    [{ ...PLACE, peer: 'a b:7071' }],
    [{ ...PLACE, http: 'ftp://10.0.3.7' }],
    [{ ...PLACE, http: 'http://10.0.3.7/path' }],
    [{ ...PLACE, more: 1 }],
    [{ id: 'sa-1', region: 'sa' }],
  ])('refuses %j', async (body) => {
    const answer = await post('', body);
    expect([answer.status, problemOf(answer)]).toEqual([400, 'invalid-parameter']);
    expect(harness.service.commands).toEqual([]);
  });
});

describe('a newcomer', () => {
  const changes = () => harness.service.commands.filter(({ kind }) => kind === 'membership');

  it('has to name itself before it is proposed', async () => {
    expect((await post('', PLACE)).status).toBe(200);
    expect(probed).toMatchObject([{ id: 'sa-1', peerAddress: '10.0.3.7:7071' }]);
    expect(changes()).toHaveLength(1);
  });

  it.each<[Probed, number, string, string]>([
    [
      { kind: 'unreachable', reason: 'ENOTFOUND', mayBegin: false },
      503,
      'peer-unreachable',
      'ENOTFOUND',
    ],
    [{ kind: 'other', reason: 'refused: cluster' }, 409, 'peer-mismatch', 'another cluster'],
    [{ kind: 'other', reason: 'refused: recipient' }, 409, 'peer-mismatch', 'another replica'],
    [{ kind: 'other', reason: 'refused: proof' }, 409, 'peer-mismatch', 'secret'],
    [{ kind: 'there', region: 'us', epoch: 0 }, 409, 'peer-mismatch', 'its region is us'],
    [{ kind: 'there', region: 'sa', epoch: 1 }, 409, 'peer-mismatch', 'another membership'],
  ])('that is not as expected is not proposed: %j', async (first, status, code, words) => {
    found = [first];
    const answer = await post('', PLACE);
    expect([answer.status, problemOf(answer)]).toEqual([status, code]);
    const { detail, indeterminate } = json(answer);
    expect([String(detail).includes(words), indeterminate]).toEqual([true, false]);
    expect(changes()).toEqual([]);
    const job = json(await harness.ask(answer.headers.location ?? '/none'));
    expect(job).toMatchObject({
      kind: 'join',
      state: 'failed',
      problem: { type: `urn:conit:problem:${code}` },
    });
  });

  it('that was taken in meanwhile knows a later membership, and may be requested again', async () => {
    found = [{ kind: 'there', region: 'sa', epoch: 2 }];
    expect((await post('', PLACE)).status).toBe(200);
    expect(changes()).toHaveLength(1);
  });

  it('that is starting is asked again, within half of the time', async () => {
    found = [
      { kind: 'unreachable', reason: 'ECONNREFUSED', mayBegin: true },
      { kind: 'unreachable', reason: 'refused: starting', mayBegin: true },
    ];
    const done = await harness.ask('/v1/cluster/replicas?timeout=1m', {
      method: 'POST',
      headers: { 'content-type': 'application/json', Prefer: 'wait=60' },
      body: JSON.stringify(PLACE),
    });
    expect(json(done)).toMatchObject({ state: 'done' });
    expect(probed).toHaveLength(3);
  });

  it('that is already a member is not checked, and a member that has moved is', async () => {
    const member = { id: 'us-1', region: 'us', peer: '127.0.0.1:7102' };
    expect((await post('', member)).status).toBe(200);
    expect(probed).toEqual([]);
    found = [{ kind: 'there', region: 'us', epoch: 1 }];
    expect((await post('', { ...member, peer: '127.0.0.1:7105' })).status).toBe(200);
    expect(probed).toHaveLength(1);
    expect(changes()).toHaveLength(2);
  });
});

describe('POST /v1/cluster/replicas/{id}/…', () => {
  it('forgets a member, by force only on request', async () => {
    for (const query of ['', '?force', '?force=false']) await post(`/us-1/forget${query}`);
    expect(harness.service.commands).toMatchObject([
      { change: { kind: 'forget', id: 'us-1', force: false }, timeoutMs: 10_000 },
      { change: { force: true } },
      { change: { force: false } },
    ]);
  });

  it('drains with a grace, and refuses an invalid one', async () => {
    harness.service.commands.length = 0;
    await post('/eu-1/drain?grace=5s');
    const asked = harness.service.commands.filter(({ kind }) => kind === 'drain');
    expect(asked).toMatchObject([{ drained: true, graceMs: 5000 }]);
    for (const grace of ['5', '-1s', '2h', 'soon'])
      expect(problemOf(await post(`/eu-1/drain?grace=${grace}`))).toBe('invalid-parameter');
    expect((await post('/eu-1/resume?grace=5s')).status).toBe(400);
  });

  it('drains and resumes the asked replica', async () => {
    // The reference keeps serving, as if it had been resumed meanwhile.
    expect(problemOf(await post('/eu-1/drain'))).toBe('superseded');
    expect(json(await post('/eu-1/resume'))).toMatchObject({ kind: 'resume', state: 'done' });
    const asked = harness.service.commands.filter(({ kind }) => kind === 'drain');
    expect(asked).toMatchObject([{ drained: true }, { drained: false }]);
  });

  it.each([
    ['/us-1/drain', 421, 'misdirected'],
    ['/us-1/resync', 421, 'misdirected'],
    ['/zz-1/drain', 404, 'replica-not-found'],
    ['/US/forget', 404, 'replica-not-found'],
    ['/us-1/forget?timeout=x', 400, 'invalid-parameter'],
    ['/us-1/forget?x=1', 400, 'invalid-parameter'],
    ['/us-1/exclude', 404, 'route-not-found'],
  ])('%s is answered %i', async (path, status, code) => {
    const answer = await post(path);
    expect([answer.status, problemOf(answer)]).toEqual([status, code]);
  });
});

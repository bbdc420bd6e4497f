// Who belongs to the cluster, and who answers clients, over HTTP.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Harness, json, problemOf, startHarness } from './harness.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
});
beforeEach(() => void (harness.service.commands.length = 0));
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
  it('asks for the replica to be taken in, and shows the members', async () => {
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
        timeoutMs: 2000,
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

describe('POST /v1/cluster/replicas/{id}/…', () => {
  it('forgets, by force only where that is said', async () => {
    for (const query of ['', '?force', '?force=false']) await post(`/us-1/forget${query}`);
    expect(harness.service.commands).toMatchObject([
      { change: { kind: 'forget', id: 'us-1', force: false }, timeoutMs: 10_000 },
      { change: { force: true } },
      { change: { force: false } },
    ]);
  });

  it('drains with a grace, and refuses one that is none', async () => {
    harness.service.commands.length = 0;
    await post('/eu-1/drain?grace=5s');
    const asked = harness.service.commands.filter(({ kind }) => kind === 'drain');
    expect(asked).toMatchObject([{ drained: true, graceMs: 5000 }]);
    for (const grace of ['5', '-1s', '2h', 'soon'])
      expect(problemOf(await post(`/eu-1/drain?grace=${grace}`))).toBe('invalid-parameter');
    expect((await post('/eu-1/resume?grace=5s')).status).toBe(400);
  });

  it('drains and resumes the replica that is asked', async () => {
    // The reference goes on serving, as if somebody had resumed it meanwhile.
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

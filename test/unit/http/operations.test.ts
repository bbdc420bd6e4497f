// Everything except keys: where a write is, what replicas hold, the cluster, policies, health,
// metrics.

import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { assert } from '../../../src/base/assert.ts';
import { statusFamilies } from '../../../src/adapters/telemetry/status-families.ts';
import type { Command } from '../../../src/model/command.ts';
import type { Reply } from '../../../src/model/reply.ts';
import type { PeerStatus, ReplicaStatus, Status } from '../../../src/model/status.ts';
import type { ReadyCheck } from '../../../src/api/shapes.ts';
import { until } from '../../support/wait.ts';
import { startHost } from './host-service.ts';
import { createReferenceService } from './reference-service.ts';
import { type Harness, json, problemOf, startHarness } from './harness.ts';

let harness: Harness;

beforeAll(async () => {
  harness = await startHarness();
  await harness.ask('/v1/kv/bench/a/b', { method: 'PUT', body: 'secret value' });
});
beforeEach(() => {
  harness.service.state = 'serving';
});
afterAll(() => harness.stop());

describe('/v1/writes/{dot}', () => {
  it('shows how far a write has come', async () => {
    const answer = await harness.ask('/v1/writes/eu-1.1.1');
    expect(answer.status).toBe(200);
    expect(json(answer)).toEqual({
      dot: 'eu-1.1.1',
      reached: ['logged', 'quorum', 'region:eu'],
      holders: ['eu-1', 'us-1'],
      replicas: 3,
    });
  });

  it.each([
    ['eu-1.1.999', 404, 'write-not-found'],
    ['eu-1.1', 400, 'invalid-parameter'],
    ['eu-1.1.0', 400, 'invalid-parameter'],
    ['eu-1.1.9007199254740993', 400, 'invalid-parameter'],
    ['..%2F..%2Fetc', 400, 'invalid-parameter'],
    ['x'.repeat(3000), 400, 'invalid-parameter'],
    ['eu-1.1.1?watch', 501, 'not-built'],
    ['eu-1.1.1?x=1', 400, 'invalid-parameter'],
  ])('%s is answered %i', async (dot, status, code) => {
    const answer = await harness.ask(`/v1/writes/${dot}`);
    expect([answer.status, problemOf(answer)]).toEqual([status, code]);
  });
});

describe('/v1/explain/{ns}/{key}', () => {
  it('shows the versions of all replicas and no value', async () => {
    for (const path of ['a/b', 'a%2Fb', '%61%2fb?timeout=1s']) {
      const answer = await harness.ask(`/v1/explain/bench/${path}`);
      expect(answer.status).toBe(200);
      expect(answer.body.toString()).not.toContain('secret value');
      expect(json(answer)).toMatchObject({
        namespace: 'bench',
        key: 'a/b',
        replicas: [
          { id: 'eu-1', answer: 'record', newest: true, deleted: false, size: 12, missing: [] },
          { id: 'us-1', answer: 'no-answer', missing: [{ origin: 'eu-1.1', entries: 3 }] },
        ],
      });
    }
  });

  it.each([
    ['bench/a/../b', 400, 'invalid-key'],
    ['bench/%ff', 400, 'bad-request'],
    ['bench/%zz', 400, 'bad-request'],
    ['bench/..%2f', 400, 'invalid-key'],
    ['nope/x', 404, 'namespace-not-found'],
    ['bench/x?timeout=x', 400, 'invalid-parameter'],
    ['bench/x?r=1', 400, 'invalid-parameter'],
  ])('%s is answered %i', async (path, status, code) => {
    const answer = await harness.ask(`/v1/explain/${path}`);
    expect([answer.status, problemOf(answer)]).toEqual([status, code]);
  });

  it('names what keeps a tombstone', async () => {
    await harness.ask('/v1/kv/bench/gone', { method: 'PUT', body: 'v' });
    await harness.ask('/v1/kv/bench/gone', { method: 'DELETE' });
    const { replicas, tombstone } = json(await harness.ask('/v1/explain/bench/gone'));
    expect(replicas).toMatchObject([{ deleted: true, newest: true }, { answer: 'no-answer' }]);
    expect(tombstone).toMatchObject({ blockedBy: ['us-1'] });
  });

  it('accepts a key of any UTF-8 bytes', async () => {
    const answer = await harness.ask(`/v1/explain/bench/${encodeURIComponent('ключ\0%')}`);
    expect(json(answer)['key']).toBe('ключ\0%');
  });
});

describe('/v1/cluster', () => {
  it('shows all replicas, and unknown values as unknown', async () => {
    const answer = await harness.ask('/v1/cluster');
    expect(json(answer)).toMatchObject({
      node: 'eu-1',
      regions: ['ap', 'eu', 'us'],
      replicas: [
        { id: 'ap-1', state: 'down', rttMs: null, entriesWeLack: null, stalenessMs: 'unknown' },
        { id: 'eu-1', self: true, state: 'serving', url: 'http://127.0.0.1:7070' },
        { id: 'us-1', state: 'connected', rttMs: 1.5, url: null },
      ],
    });
    const antiEntropy = { result: 'equal', lastSuccess: '2023-11-14T22:13:20.500Z' };
    expect(json(answer)).toMatchObject({
      replicas: [
        { antiEntropy: { result: 'unknown', lastSuccess: null } },
        { treeRoot: 'unknown', divergentKeys: null },
        { antiEntropy },
      ],
    });
  });

  it('shows one replica', async () => {
    expect(json(await harness.ask('/v1/cluster/replicas/us-1'))).toMatchObject({ id: 'us-1' });
    const answer = await harness.ask('/v1/cluster/replicas/mars-1');
    expect([answer.status, problemOf(answer)]).toEqual([404, 'replica-not-found']);
  });

  it('says why the answer is not available', async () => {
    harness.service.state = 'draining';
    const answer = await harness.ask('/v1/cluster');
    expect([answer.status, problemOf(answer)]).toEqual([503, 'draining']);
    expect(answer.headers['retry-after']).toBe('1');
  });
});

describe('/v1/namespaces', () => {
  it('shows the policies with every default filled in', async () => {
    const { namespaces } = json(await harness.ask('/v1/namespaces'));
    expect(namespaces).toHaveLength(4);
    const answer = await harness.ask('/v1/namespaces/ordered');
    expect(json(answer)).toEqual({
      name: 'ordered',
      consistency: 'fifo',
      causalScope: null,
      conflict: 'lww',
      w: 'majority',
      r: 2,
      timeoutMs: 700,
      overlap: true,
      staleAfter: null,
      onIsolated: 'accept',
      bounds: { t: null },
      pauseLagMs: null,
      minServing: 1,
      session: ['ryw', 'mr', 'mw', 'wfr'],
    });
    expect(problemOf(await harness.ask('/v1/namespaces/nope'))).toBe('namespace-not-found');
  });
});

describe('/livez', () => {
  it('depends on nothing but the process', async () => {
    for (const state of ['starting', 'failed', 'draining'] as const) {
      harness.service.state = state;
      const answer = await harness.ask('/livez');
      expect([answer.status, answer.body.toString()]).toEqual([200, 'ok\n']);
      expect((await harness.ask('/livez', { method: 'HEAD' })).status).toBe(200);
    }
  });
});

describe('/readyz', () => {
  it('is ready while it serves and reaches a quorum', async () => {
    const answer = await harness.ask('/readyz');
    expect([answer.status, json(answer)]).toEqual([200, { status: 'ready' }]);
  });

  it.each(['starting', 'catching-up', 'draining', 'failed'] as const)(
    'is not ready while it is %s',
    async (state) => {
      harness.service.state = state;
      const answer = await harness.ask('/readyz');
      expect([answer.status, problemOf(answer)]).toEqual([503, 'not-ready']);
      expect(answer.headers['retry-after']).toBe('1');
    },
  );

  it.each([
    ['?ns=bench', 200],
    ['?ns=ordered', 200],
    ['?ns=strong', 503],
    ['?maxLag=1s', 200],
    ['?maxLag=40ms', 503],
    ['?maxLag=1', 400],
    ['?ns=nope', 404],
    ['?what', 400],
  ])('%s is answered %i', async (query, status) => {
    expect((await harness.ask(`/readyz${query}`)).status).toBe(status);
  });

  it('shows every check on request', async () => {
    const answer = await harness.ask('/readyz?verbose&maxLag=1s');
    expect(json(answer)['checks']).toEqual([
      { name: 'serving', ok: true, detail: 'the replica is serving' },
      { name: 'not-draining', ok: true, detail: expect.any(String) as string },
      { name: 'disk', ok: true, detail: 'no commit is under way' },
      { name: 'low-disk', ok: true, detail: 'the disk has room for writes' },
      { name: 'clock', ok: true, detail: 'agreed: 0 ms ahead of that of a majority' },
      { name: 'quorum', ok: true, detail: '2 of 3 replicas can be reached' },
      {
        name: 'lag',
        ok: true,
        detail: 'staleness is 41 ms, without ap-1, which cannot be reached',
      },
    ]);
    const failing = json(await harness.ask('/readyz?verbose&ns=strong'));
    expect(failing['checks']).toContainEqual(
      expect.objectContaining({ name: 'quorum', ok: false }),
    );
    expect(json(await harness.ask('/readyz?ns=strong'))['checks']).toBeUndefined();
  });
});

/** A replica with the status that this function makes. */
function startWith(change: (status: Status) => Status): Promise<Harness> {
  const reference = createReferenceService();
  const submit = (command: Command): void => {
    if (command.kind !== 'status') return reference.submit(command);
    const onReply = (reply: Reply): void => {
      assert(reply.kind === 'status', 'the status is asked for');
      command.client.onReply(change(reply));
    };
    reference.submit({ ...command, client: { ...command.client, onReply } });
  };
  const { metrics, sessions } = reference;
  const service = { state: 'serving' as const, metrics, sessions, submit };
  return startHarness({ service });
}

describe('conit_ready equals the answer of /readyz', () => {
  const self = (changes: Partial<ReplicaStatus>) => (status: Status) => ({
    ...status,
    self: { ...status.self, ...changes },
  });
  it.each([
    ['nothing is amiss', true, self({})],
    ['a commit hangs', false, self({ isStalled: true })],
    ['the disk is low', false, self({ isDiskLow: true })],
    ['the clock is disputed', false, self({ clock: { state: 'disputed', aheadMs: 0 } })],
    ['the clock has drifted', false, self({ clock: { state: 'drifted', aheadMs: 9000 } })],
    [
      'no peer is connected',
      false,
      (status: Status) => ({
        ...status,
        peers: status.peers.map((peer) => ({ ...peer, connected: false })),
      }),
    ],
  ] as const)('%s', async (_name, isWell, change) => {
    let status: Status | undefined;
    const other = await startWith((reported) => (status = change(reported)));
    const answer = await other.ask('/readyz');
    await other.stop();
    const family = statusFamilies(() => status).find(({ name }) => name === 'conit_ready');
    expect([answer.status === 200, family?.samples()[0]?.value]).toEqual([isWell, Number(isWell)]);
  });
});

describe('/readyz?maxLag where a peer has stamped ahead of the agreed clock', () => {
  it('leaves that peer out, and names it', async () => {
    const other = await startWith((status) => {
      const [fresh, late] = status.peers as [PeerStatus, PeerStatus];
      const ahead = { connected: true, isStampedAhead: true, stalenessMs: 60_000 };
      return { ...status, peers: [fresh, { ...late, ...ahead }] };
    });
    const answer = await other.ask('/readyz?verbose&maxLag=1s');
    expect(answer.status).toBe(200);
    expect(json(answer)['checks']).toContainEqual({
      name: 'lag',
      ok: true,
      detail: 'staleness is 41 ms, without ap-1, whose writes are stamped ahead',
    });
    await other.stop();
  });
});

describe('/readyz of a replica without writes', () => {
  it('is 503 while its disk hangs, until it is back', async () => {
    const disk = { isHanging: false };
    const service = await startHost({ commitStallMs: 100, heartbeatMs: 20 }, disk);
    const alone = await startHarness({ service });
    const disks = async (): Promise<ReadyCheck | undefined> => {
      const { checks } = json(await alone.ask('/readyz?verbose')) as { checks: ReadyCheck[] };
      return checks.find(({ name }) => name === 'disk');
    };
    expect(await disks()).toMatchObject({ ok: true });
    disk.isHanging = true;
    await until('it is noticed', async () => (await disks())?.ok === false);
    expect((await disks())?.detail).toMatch(/^a commit has taken \d+ ms$/);
    expect(json(await alone.ask('/readyz'))['detail']).toMatch(/^disk: a commit has taken/);
    disk.isHanging = false;
    await until('it is back', async () => (await disks())?.ok === true);
    await alone.stop();
  });
});

describe('/metrics', () => {
  it('is the exposition unchanged', async () => {
    const answer = await harness.ask('/metrics');
    expect(answer.headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect(answer.body.toString()).toBe('# TYPE up gauge\nup 1\n');
  });

  it('that fails is an internal error, reported to the operator and not to the client', async () => {
    const other = await startHarness({
      metricsText: () => Promise.reject(new Error('canary in a stack')),
    });
    const answer = await other.ask('/metrics');
    await other.stop();
    expect([answer.status, problemOf(answer)]).toEqual([500, 'internal']);
    expect(answer.body.toString()).not.toContain('canary');
    expect(other.errors).toEqual([new Error('canary in a stack')]);
  });
});

describe('paths', () => {
  it.each(['/v1', '/v1/', '/v1/kv', '/v1/kv/', '/v2/kv/bench/x', '//v1/kv/bench/x', '/%2e'])(
    '%s have no route',
    async (path) => {
      const answer = await harness.ask(path);
      expect([answer.status, problemOf(answer)]).toEqual([
        404,
        expect.stringMatching(/not-found$/),
      ]);
    },
  );

  it('that cannot be parsed are refused', async () => {
    const answer = await harness.ask('/v1/%zz');
    expect([answer.status, problemOf(answer)]).toEqual([400, 'bad-request']);
  });

  it.each([
    ['/livez', 'GET, HEAD'],
    ['/v1/kv/bench', 'GET, HEAD, DELETE'],
    ['/v1/batch/bench', 'POST'],
    ['/v1/explain/bench/a/b/c', 'GET, HEAD'],
    ['/v1/writes/eu-1.1.1', 'GET, HEAD'],
  ])('%s takes %s', async (path, allow) => {
    for (const method of ['DELETE', 'PUT', 'OPTIONS', 'PATCH', 'PROPFIND', 'TRACE']) {
      if (allow.includes(method)) continue;
      const answer = await harness.ask(path, { method });
      expect([answer.status, problemOf(answer)]).toEqual([405, 'method-not-allowed']);
      expect(answer.headers.allow).toBe(allow);
    }
  });
});

describe('the metrics of requests', () => {
  it('count every request under a bounded name', async () => {
    const other = await startHarness();
    await other.ask('/v1/kv/bench/m', { method: 'PUT', body: 'x' });
    await other.ask('/v1/kv/bench/m');
    await other.ask('/v1/kv/ordered/m');
    await other.ask('/v1/kv/bench/m?x=1');
    await other.ask('/v1/kv/nope/m');
    await other.ask('/v1/kv/bench/m', { method: 'DELETE' });
    await other.ask('/v1/kv/ordered');
    await other.ask('/livez');
    await other.ask('/nowhere');
    await other.stop();
    const counted = other.meter
      .series()
      .map(({ op, level, code, histogram }) => `${op} ${level} ${code} ${histogram.count}`);
    expect(counted.sort()).toEqual(
      [
        'delete eventual 2xx 1',
        'get  4xx 1',
        'get eventual 2xx 1',
        'get eventual 4xx 1',
        'get fifo 4xx 1',
        'list fifo 2xx 1',
        'livez  2xx 1',
        'other  4xx 1',
        'put eventual 2xx 1',
      ].sort(),
    );
  });
});

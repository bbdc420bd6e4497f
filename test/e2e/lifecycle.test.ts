// A replica from start to stop as operators see it: it reports that it is ready when it has caught
// up, stops in order, starts again with all its data, and refuses peers that do not share the
// secret.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { call, tryCall } from '../support/call.ts';
import { becomeEqual } from '../support/converged.ts';
import { useCluster } from '../support/fixture.ts';
import { codeOf, get, look, problemOf, put } from '../support/kv.ts';
import { until } from '../support/wait.ts';

const fixture = useCluster();

describe('/readyz', () => {
  it('is 503 until a replica that was away holds what it missed', async () => {
    const { eu, ap } = fixture;
    await ap.kill9();
    const keys = await fill(10, 1000);
    await ap.restart({ ready: false });
    let refusals = 0;
    await until('ready', async () => {
      const reply = await tryCall(ap, 'GET', '/readyz?verbose', { timeoutMs: 1000 });
      if (reply.kind === 'reply' && reply.status === 503) refusals++;
      return reply.kind === 'reply' && reply.status === 200;
    });
    // Read at once, from this replica alone: everything that was written before it was ready must
    // be present.
    for (const key of [keys[0], keys[4999], keys.at(-1)]) {
      expect(await look(ap, key ?? '')).toBe(key);
    }
    console.log(`catching up with ${keys.length} writes: /readyz said no ${refusals} times`);
    expect((await call(eu, 'GET', '/readyz')).status).toBe(200);
  });

  it('names its checks, and with maxLag requires a proved bound on staleness', async () => {
    const { eu } = fixture;
    const answer = await call(eu, 'GET', '/readyz?verbose&maxLag=5s&ns=demo');
    expect(answer.status).toBe(200);
    const { checks } = answer.json() as { checks: { name: string; ok: boolean }[] };
    expect(checks.map(({ name }) => name)).toEqual([
      'serving',
      'not-draining',
      'disk',
      'low-disk',
      'clock',
      'quorum',
      'namespace',
      'lag',
    ]);
    expect(checks.every(({ ok }) => ok)).toBe(true);
  });
});

describe('SIGTERM', () => {
  it('lets requests under way finish, takes no new ones, exits with 0 and keeps the data', async () => {
    const { eu, us, ap, cluster } = fixture;
    us.pause();
    ap.pause();
    const waiting = put(eu, 'drain/waiting?w=2&timeout=10s', 'in flight');
    await until('it is under way', async () => (await look(eu, 'drain/waiting')) === 'in flight');
    const stopped = eu.stop();
    await until('nothing new is taken', async () => {
      const reply = await tryCall(eu, 'PUT', '/v1/kv/demo/drain/new?w=1', {
        body: 'late',
        timeoutMs: 1000,
      });
      if (reply.kind !== 'reply') return true;
      return reply.status === 503 && reply.body.toString().includes('draining');
    });
    us.resume();
    ap.resume();
    expect((await waiting).status).toBe(201);
    expect(await stopped).toBe(0);
    expect(eu.isRunning).toBe(false);
    await eu.restart();
    await becomeEqual(cluster.replicas);
    for (const replica of cluster.replicas) {
      expect(await look(replica, 'drain/waiting')).toBe('in flight');
    }
  });

  it('stops in time while a write waits for copies, and answers that write outcome-unknown', async () => {
    const { eu, us, ap } = fixture;
    us.pause();
    ap.pause();
    const isOpen = put(eu, 'drain/forever?w=2&timeout=1m', 'in doubt').then(
      (answer) => problemOf(answer).indeterminate,
      () => true,
    );
    await until('it is under way', async () => (await look(eu, 'drain/forever')) === 'in doubt');
    expect(await eu.stop()).toBe(0);
    expect(await isOpen).toBe(true);
  });

  it('at every replica, followed by a start of all, keeps every key at its version', async () => {
    const { cluster } = fixture;
    await fill(2, 500);
    await becomeEqual(cluster.replicas);
    const before = await Promise.all(cluster.replicas.map(everything));
    expect(before[0]?.length).toBeGreaterThan(1000);
    const codes = await Promise.all(cluster.replicas.map((replica) => replica.stop()));
    expect(codes).toEqual([0, 0, 0]);
    await Promise.all(cluster.replicas.map((replica) => replica.restart()));
    expect(await Promise.all(cluster.replicas.map(everything))).toEqual(before);
  });
});

describe('a replica that does not belong to the cluster', () => {
  it.each([
    ['secret', { CONIT_CLUSTER_SECRET: '5b1f3a7c9d2e4f60718293a4b5c6d7e8f9012a3b4c5d6e7f' }],
    ['cluster id', { CONIT_CLUSTER_ID: 'another' }],
  ])('because of another %s is refused, and the others go on', async (what, stranger) => {
    const { eu, ap, cluster } = fixture;
    await ap.stop();
    // Its directory is bound to its cluster.
    const env = { ...stranger, CONIT_DATA_DIR: `${ap.dataDir}-${what.replace(' ', '-')}` };
    await ap.restart({ ready: false, env });
    await until('it answers', async () => (await tryCall(ap, 'GET', '/livez')).kind === 'reply');
    const key = `stranger/${what.replace(' ', '-')}`;
    await until('three copies are refused', async () => {
      const answer = await put(eu, `${key}/three?w=3&timeout=100ms`, 'x');
      return answer.status === 503 && codeOf(answer) === 'no-quorum';
    });
    const written = await put(eu, `${key}?w=2`, 'not for strangers');
    expect(written.header('conit-acks')).toBe('2/3');
    // It retries, and is refused each time.
    const begunMs = performance.now();
    await until('two seconds have passed', async () => {
      const { replicas } = (await call(eu, 'GET', '/v1/cluster')).json() as ClusterView;
      const view = replicas.find(({ id }) => id === 'ap-1');
      expect(view?.state).toBe('down');
      return performance.now() > begunMs + 2000;
    });
    // It is empty, and no peer can confirm that it always was, so it answers nothing.
    const alone = await get(ap, `${key}?r=1`);
    expect([alone.status, codeOf(alone)]).toEqual([503, 'catching-up']);
    expect((await call(ap, 'GET', '/readyz')).status).toBe(503);
    expect((await get(ap, `${key}?r=2`)).status).toBe(503);
    expect(readFileSync(ap.logFile, 'utf8')).not.toContain(cluster.secret);
    await ap.stop();
    await ap.restart();
    await becomeEqual(cluster.replicas);
    expect(await look(ap, key)).toBe('not for strangers');
  });
});

interface ClusterView {
  readonly replicas: readonly { readonly id: string; readonly state: string }[];
}

/** Writes keys whose value is the key, in batches, with two copies; returns the keys. */
async function fill(batches: number, size: number): Promise<string[]> {
  const keys: string[] = [];
  for (let batch = 0; batch < batches; batch++) {
    const names = Array.from({ length: size }, (_, at) => `fill/${size}/${batch}-${at}`);
    const ops = names.map((key) => ({ op: 'put', key, value: key }));
    const answer = await call(fixture.eu, 'POST', '/v1/batch/demo?w=2', {
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ops }),
    });
    const { results } = answer.json() as { results: { status: number }[] };
    expect(results.every(({ status }) => status === 201 || status === 204)).toBe(true);
    keys.push(...names);
  }
  return keys;
}

/** Every key of a replica with its version. */
async function everything(replica: typeof fixture.eu): Promise<string[]> {
  const lines: string[] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? '' : `&cursor=${cursor}`;
    const page = (await call(replica, 'GET', `/v1/kv/demo?r=1&limit=1000${more}`)).json() as {
      readonly items: readonly { readonly key: string; readonly version: string }[];
      readonly cursor: string | null;
    };
    lines.push(...page.items.map(({ key, version }) => `${key} ${version}`));
    ({ cursor } = page);
  } while (cursor !== null);
  return lines;
}

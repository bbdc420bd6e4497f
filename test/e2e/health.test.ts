// What clients and operators see of a replica that is too far behind: it was paused, and returns to
// a cluster that has continued without it. It refuses, forwards or redirects, gives the reason, and
// serves again by itself.

import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient } from '../../src/cli/client.ts';
import { status } from '../../src/cli/status.ts';
import { afterAll, describe, expect, it } from 'vitest';
import { type Answer, call, tryCall } from '../support/call.ts';
import type { TestReplica } from '../support/processes.ts';
import { useCluster } from '../support/fixture.ts';
import { codeOf, get, put } from '../support/kv.ts';
import { until } from '../support/wait.ts';

const folder = mkdtempSync(join(tmpdir(), 'conit-health-'));
const config = join(folder, 'conit.json');
const namespaces = { demo: {}, fresh: { staleAfter: { timeMs: 1000 }, pauseLagMs: 500 } };
writeFileSync(config, JSON.stringify({ namespaces }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const fixture = useCluster({ CONIT_CONFIG: config });
const STOOD_STILL_MS = 2500;

interface Replica {
  readonly id: string;
  readonly state: string;
  readonly answers: boolean;
  readonly url: string | null;
}

interface Health {
  readonly namespace: string;
  readonly state: string;
  readonly rule: string | null;
  readonly answers: boolean;
}

/** The namespace by the replica's own report. */
async function healthAt(replica: TestReplica): Promise<Health | undefined> {
  const answer = await call(replica, 'GET', `/v1/cluster/replicas/${replica.id}`);
  return (answer.json() as { namespaces: Health[] }).namespaces[0];
}

const isServing = async (replica: TestReplica): Promise<boolean> =>
  (await healthAt(replica))?.state === 'serving';

/**
 * The replica is paused while another one accepts writes, and continues. `look` checks it while it
 * is too far behind. If it has caught up before that, because the machine is busy, it is paused
 * again.
 */
async function standStill<T>(
  replica: TestReplica,
  write: (n: number) => Promise<unknown>,
  look: (n: number) => Promise<T | undefined>,
): Promise<T> {
  let n = 0;
  return until('it is seen while it is behind', async () => {
    await until('it serves', () => isServing(replica));
    replica.pause();
    await sleep(STOOD_STILL_MS);
    await write(++n);
    replica.resume();
    for (;;) {
      const seen = await look(n);
      if (seen !== undefined || (await isServing(replica))) return seen;
    }
  });
}

const route = async (replica: TestReplica, query: string): Promise<Replica[]> => {
  const answer = await call(replica, 'GET', `/v1/route${query}`);
  expect(answer.status).toBe(200);
  return (answer.json() as { endpoints: Replica[] }).endpoints;
};

describe('a replica whose process stood still', () => {
  it('answers no read that is too old: it refuses it, redirects a client that asked for that, and returns', async () => {
    const { eu, us, ap } = fixture;
    await put(eu, 'a?w=3', 'old', {}, 'fresh');
    const urls = [eu.url, us.url];
    const newest = (n: number): string => `new ${n}`;
    const { redirect, list, refused, n } = await standStill(
      ap,
      (nth) => put(eu, 'a?w=2', newest(nth), {}, 'fresh'),
      async (nth) => {
        const found = await get(ap, 'a?redirect&r=1', {}, 'fresh');
        if (found.status === 200) expect(found.text).toBe(newest(nth));
        else expect([503, 307]).toContain(found.status);
        const page = await call(ap, 'GET', '/v1/kv/fresh?redirect&limit=5');
        const alone = await get(ap, 'a?onUnmet=fail', {}, 'fresh');
        const isSeen = found.status === 307 && page.status === 307 && alone.status === 503;
        return isSeen ? { redirect: found, list: page, refused: alone, n: nth } : undefined;
      },
    );
    expect(urls.map((url) => `${url}/v1/kv/fresh/a?r=1`)).toContain(redirect.header('location'));
    const followed = await fetch(redirect.header('location'));
    expect(await followed.text()).toBe(newest(n));
    expect(list.header('location')).toMatch(/\/v1\/kv\/fresh\?limit=5$/);
    expect(codeOf(refused)).toBe('replica-stale');
    const { state, alternates } = refused.json() as { state: string; alternates: unknown[] };
    expect(state).toMatch(/stale|paused/);
    // A replica that returned may not have heard both of them again yet.
    expect(alternates).not.toEqual([]);
    const others = [eu, us].map(({ id, url }) => ({ id, url }));
    for (const alternate of alternates) expect(others).toContainEqual(alternate);
    await until('it returns', () => isServing(ap));
    expect((await get(ap, 'a?onUnmet=fail', {}, 'fresh')).text).toBe(newest(n));
  });

  it('forwards a plain read, and names the replica that answered', async () => {
    const { eu, ap } = fixture;
    const answer = await standStill(
      ap,
      () => put(eu, 'b?w=2', 'theirs', {}, 'fresh'),
      async () => {
        const found = await get(ap, 'b', {}, 'fresh');
        return found.status === 200 && !isOwn(found) ? found : undefined;
      },
    );
    expect([answer.text, answer.header('conit-served-by')]).toEqual([
      'theirs',
      expect.stringMatching(/^"(eu|us)-1";region=(eu|us)$/),
    ]);
  });

  it('forwards a list, and ends the connection of a client that forbids forwarding', async () => {
    const { eu, ap } = fixture;
    const { list, refused } = await standStill(
      ap,
      () => put(eu, 'b/2?w=2', 'theirs', {}, 'fresh'),
      async () => {
        const page = await call(ap, 'GET', '/v1/kv/fresh?prefix=b/&values=inline');
        const alone = await get(ap, 'b?onUnmet=fail', {}, 'fresh');
        const isSeen = page.status === 200 && !isOwn(page) && alone.status === 503;
        return isSeen ? { list: page, refused: alone } : undefined;
      },
    );
    expect(refused.header('connection')).toBe('close');
    expect(list.json()).toMatchObject({
      items: [{ key: 'b/2', value: 'theirs' }],
      asOf: { replica: expect.stringMatching(/^(eu|us)-1$/) as string },
    });
  });

  it('is not ready for that namespace, is ready for others, and gives the reason', async () => {
    const { eu, ap } = fixture;
    const no = await standStill(
      ap,
      () => put(eu, 'c?w=2', 'v', {}, 'fresh'),
      async () => {
        const all = await tryCall(ap, 'GET', '/readyz');
        const one = await call(ap, 'GET', '/readyz?verbose&ns=fresh');
        const shown = await statusAt(ap);
        const isReady = all.kind === 'reply' && all.status === 200;
        return isReady && one.status === 503 && LATE.test(shown) ? one : undefined;
      },
    );
    expect(checksOf(no)).toContainEqual({
      name: 'namespace',
      ok: false,
      detail: expect.stringMatching(/^fresh is (stale|paused) by (time|pause)$/),
    });
    await until('it is ready', async () => {
      const yes = await call(ap, 'GET', '/readyz?verbose&ns=fresh&maxLag=2s');
      return yes.status === 200 && checksOf(yes).every(({ ok }) => ok);
    });
  });
});

describe('/v1/route', () => {
  it('names the requested region first, and replicas that do not answer last', async () => {
    const { eu, us, ap } = fixture;
    await until('all serve', async () => {
      const states = await route(eu, '?ns=fresh');
      return states.every(({ answers }) => answers);
    });
    expect((await route(eu, '?region=ap&ns=fresh')).map(({ id }) => id)[0]).toBe('ap-1');
    expect((await route(eu, '')).map(({ id }) => id)[0]).toBe('eu-1');
    expect((await route(eu, '')).map(({ url }) => url)).toEqual(
      expect.arrayContaining([eu.url, us.url, ap.url]),
    );
    await ap.kill9();
    const without = await until('it is seen to be gone', async () => {
      const endpoints = await route(eu, '?region=ap&ns=fresh');
      return endpoints.at(-1)?.id === 'ap-1' ? endpoints : undefined;
    });
    expect(without.at(-1)).toMatchObject({ state: 'down', answers: false });
    expect((await call(eu, 'GET', '/v1/route?ns=none')).status).toBe(404);
    expect((await call(eu, 'GET', '/v1/route?region=%20')).status).toBe(400);
  });
});

describe('conit resync --watch', () => {
  it('runs until the replica has what it missed', async () => {
    const { eu, ap } = fixture;
    await ap.kill9();
    const value = 'x'.repeat(1000);
    for (let batch = 0; batch < 10; batch++) {
      const ops = Array.from({ length: 500 }, (_, n) => ({
        op: 'put',
        key: `r/${batch}/${n}`,
        value,
      }));
      const body = JSON.stringify({ ops });
      const headers = { 'Content-Type': 'application/json' };
      expect((await call(eu, 'POST', '/v1/batch/fresh', { body, headers })).status).toBe(200);
    }
    await ap.restart({ ready: false });
    await until('it listens', async () => (await tryCall(ap, 'GET', '/livez')).kind === 'reply');
    const { out, code } = await conit(['resync', '--watch', '--url', ap.url, '-o', 'json']);
    const seen = out
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { phase: string });
    expect([code, seen.at(-1)]).toEqual([
      0,
      expect.objectContaining({ phase: 'done', entriesMissing: 0, waiting: [] }),
    ]);
    expect((await get(ap, 'r/9/499?onUnmet=fail', {}, 'fresh')).text).toBe(value);
  });
});

describe('/metrics', () => {
  it('shows the state of each bounded namespace, readiness, clocks and refusals', async () => {
    const { eu, ap } = fixture;
    await until('it serves', () => isServing(eu));
    await get(eu, 'none', {}, 'fresh');
    await call(eu, 'GET', '/v1/kv/nowhere/none');
    const { text } = await call(eu, 'GET', '/metrics');
    expect(text).toContain('conit_namespace_state{namespace="fresh",state="serving"} 1');
    expect(text).toContain('conit_namespace_state{namespace="fresh",state="stale"} 0');
    expect(text).toContain('conit_ready 1');
    expect(text).toMatch(/conit_requests_refused_total\{code="namespace-not-found"\} [1-9]/);
    expect(text).not.toContain('conit_requests_refused_total{code="not-found"}');
    const offset = /conit_clock_offset_seconds\{peer="ap-1"\} (\S+)/;
    expect(Math.abs(Number(offset.exec(text)?.[1]))).toBeLessThan(0.5);
    await ap.kill9();
    await until('its offset is gone', async () => {
      return !offset.test((await call(eu, 'GET', '/metrics')).text);
    });
  });
});

function checksOf(answer: Answer): { name: string; ok: boolean; detail: string }[] {
  return (answer.json() as { checks: { name: string; ok: boolean; detail: string }[] }).checks;
}

/** What `conit status` prints about a replica that is behind, and why. */
const LATE = /^fresh +ap-1 +(stale|paused) .*(staleAfter\.timeMs|pauseLagMs)/m;

/** In this process: a child process may start more slowly than the replica returns. */
async function statusAt({ url }: TestReplica): Promise<string> {
  let text = '';
  const out = (chunk: string | Uint8Array) => void (text += Buffer.from(chunk).toString());
  const terminal = { out, say: out, isOutTty: false, isSayTty: false, columns: 80 };
  const readStdin = () => Promise.resolve(Buffer.alloc(0));
  await status(createClient({ url, tokenFile: undefined }), { ...terminal, readStdin }, 'table');
  return text;
}

function isOwn(answer: Answer): boolean {
  return answer.header('conit-served-by').includes('ap-1');
}

function conit(args: readonly string[]): Promise<{ out: string; code: number }> {
  const program = join(import.meta.dirname, '..', '..', 'dist', 'cli', 'main.js');
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args], (error, out) =>
      resolve({ out, code: error === null ? 0 : Number(error.code ?? -1) }),
    );
  });
}

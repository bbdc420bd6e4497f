// Requests besides plain reads and writes, to a cluster whose replicas restart and are killed
// meanwhile: conditions, idempotency, expiry, lists and batches.

import { describe, expect, it } from 'vitest';
import { type Answer, call } from '../support/call.ts';
import { becomeEqual } from '../support/converged.ts';
import { useCluster } from '../support/fixture.ts';
import { codeOf, del, get, look, put } from '../support/kv.ts';
import { until } from '../support/wait.ts';

const fixture = useCluster();

describe('conditions', () => {
  it('If-None-Match: * creates once, If-Match replaces the version that was read', async () => {
    const { eu } = fixture;
    const created = await put(eu, 'cond', 'one', { 'If-None-Match': '*' });
    expect(created.status).toBe(201);
    const again = await put(eu, 'cond', 'two', { 'If-None-Match': '*' });
    expect([again.status, codeOf(again)]).toEqual([412, 'precondition-failed']);
    const replaced = await put(eu, 'cond', 'three', { 'If-Match': created.header('etag') });
    expect(replaced.status).toBe(204);
    const late = await put(eu, 'cond', 'four', { 'If-Match': created.header('etag') });
    expect(late.status).toBe(412);
    expect(await look(eu, 'cond')).toBe('three');
    expect((await put(eu, 'cond/absent', 'x', { 'If-Match': '*' })).status).toBe(412);
    expect((await del(eu, 'cond', { 'If-Match': created.header('etag') })).status).toBe(412);
    expect((await del(eu, 'cond', { 'If-Match': replaced.header('etag') })).status).toBe(204);
    expect(await look(eu, 'cond')).toBe(404);
    expect((await del(eu, 'cond', { 'If-Match': '*' })).status).toBe(412);
    expect((await del(eu, 'cond')).status).toBe(204);
  });

  it('a version that was read in one region is valid as a condition in another', async () => {
    const { eu, us } = fixture;
    await put(eu, 'far?w=3', 'one');
    const read = await get(us, 'far');
    const replaced = await put(us, 'far?w=3', 'two', { 'If-Match': read.header('etag') });
    expect(replaced.status).toBe(204);
    expect((await put(eu, 'far', 'three', { 'If-Match': read.header('etag') })).status).toBe(412);
    expect(await look(eu, 'far')).toBe('two');
  });

  it('a reader that already has the version gets 304', async () => {
    const { eu } = fixture;
    const written = await put(eu, 'cached', 'value');
    const read = await get(eu, 'cached', { 'If-None-Match': written.header('etag') });
    expect([read.status, read.text]).toEqual([304, '']);
    const head = await call(eu, 'HEAD', '/v1/kv/demo/cached');
    expect([head.status, head.header('content-length'), head.text]).toEqual([200, '5', '']);
  });
});

describe('an Idempotency-Key', () => {
  it('has one effect, at whichever replica the request is retried, also after restarts and kills of all', async () => {
    const { cluster, eu, us, ap } = fixture;
    const attempt = { 'Idempotency-Key': 'pay-42' };
    const first = await put(eu, 'idem?w=3', 'paid', attempt);
    expect(first.status).toBe(201);
    const retryAt = async (replica: typeof eu): Promise<void> => {
      const retry = await put(replica, 'idem?w=3', 'paid', attempt);
      expect([retry.status, retry.header('conit-version')]).toEqual([
        201,
        first.header('conit-version'),
      ]);
    };
    await retryAt(eu);
    await retryAt(us);
    await put(us, 'idem?w=3', 'changed since');
    await retryAt(ap);
    await Promise.all(cluster.replicas.map((replica) => replica.stop()));
    await Promise.all(cluster.replicas.map((replica) => replica.restart()));
    await retryAt(us);
    await Promise.all(cluster.replicas.map((replica) => replica.kill9()));
    await Promise.all(cluster.replicas.map((replica) => replica.restart()));
    await retryAt(ap);
    for (const replica of cluster.replicas)
      expect(await look(replica, 'idem')).toBe('changed since');
  });

  it('belongs to one request: another request under it is refused', async () => {
    const { eu, us } = fixture;
    const attempt = { 'Idempotency-Key': 'pay-43' };
    await put(eu, 'idem/b?w=3', 'one', attempt);
    for (const answer of [
      await put(us, 'idem/b', 'two', attempt),
      await put(us, 'idem/c', 'one', attempt),
    ]) {
      expect([answer.status, codeOf(answer)]).toEqual([422, 'idempotency-mismatch']);
    }
    expect(await look(us, 'idem/b')).toBe('one');
    expect(await look(us, 'idem/c')).toBe(404);
  });
});

describe('ttl', () => {
  it('hides the value everywhere at its deadline, and a restart does not bring it back', async () => {
    const { cluster, eu, us } = fixture;
    await put(eu, 'brief?w=3&ttl=600ms', 'soon gone');
    expect(await look(us, 'brief')).toBe('soon gone');
    await put(eu, 'long?w=3&ttl=1h', 'stays');
    for (const replica of cluster.replicas) {
      await until('it is hidden', async () => (await look(replica, 'brief')) === 404);
    }
    await Promise.all(cluster.replicas.map((replica) => replica.stop()));
    await Promise.all(cluster.replicas.map((replica) => replica.restart()));
    for (const replica of cluster.replicas) {
      expect([await look(replica, 'brief'), await look(replica, 'long')]).toEqual([404, 'stays']);
      expect(keysOf(await list(replica, 'prefix=brief'))).toEqual([]);
    }
    expect((await put(us, 'brief', 'again', { 'If-None-Match': '*' })).status).toBe(201);
  });
});

describe('a list', () => {
  const keys = Array.from({ length: 25 }, (_, at) => `list/${at % 2 === 0 ? 'a' : 'b'}/${10 + at}`);
  const sorted = keys.toSorted();

  it('comes in byte order, page by page, in both directions', async () => {
    const { cluster, eu } = fixture;
    for (const key of keys) await put(eu, `${key}?w=3`, `value of ${key}`);
    await becomeEqual(cluster.replicas);
    for (const replica of cluster.replicas) {
      expect(await pages(replica, 'prefix=list/&limit=10')).toEqual(sorted);
      expect(await pages(replica, 'prefix=list/&limit=7&reverse=true')).toEqual(
        sorted.toReversed(),
      );
      expect(keysOf(await list(replica, 'start=list/a/14&end=list/a/20'))).toEqual(
        sorted.filter((key) => key >= 'list/a/14' && key < 'list/a/20'),
      );
    }
  });

  it('groups keys at a delimiter, and carries values on request', async () => {
    const { us } = fixture;
    const folded = (await list(us, 'prefix=list/&delimiter=/')).json();
    expect(folded).toMatchObject({ items: [], prefixes: ['list/a/', 'list/b/'], cursor: null });
    const inline = (await list(us, 'prefix=list/b&limit=1&values=inline')).json();
    expect(inline).toMatchObject({ items: [{ key: 'list/b/11', value: 'value of list/b/11' }] });
  });

  it('links to its next page', async () => {
    const { us } = fixture;
    const page = await list(us, 'prefix=list/&limit=20');
    const next = /^<([^>]+)>; rel="next"$/.exec(page.header('link'))?.[1] ?? '';
    expect(keysOf(await call(us, 'GET', next))).toEqual(sorted.slice(20));
  });

  it('shows neither deleted nor expired keys', async () => {
    const { eu, ap } = fixture;
    await put(eu, 'gone/a?w=3', 'a');
    await put(eu, 'gone/b?w=3', 'b');
    await put(eu, 'gone/c?w=3&ttl=1ms', 'c');
    await del(eu, 'gone/a?w=3');
    expect(keysOf(await list(ap, 'prefix=gone/'))).toEqual(['gone/b']);
  });
});

describe('a batch', () => {
  it('answers each operation on its own, and survives a kill of all replicas', async () => {
    const { cluster, eu, us } = fixture;
    await put(eu, 'batch/old?w=3', 'old');
    const ops = [
      { op: 'put', key: 'batch/new', value: 'new' },
      { op: 'put', key: 'batch/old', value: 'x', ifNoneMatch: '*' },
      { op: 'get', key: 'batch/old' },
      { op: 'delete', key: 'batch/old' },
      { op: 'get', key: 'batch/none' },
    ];
    const answer = await call(eu, 'POST', '/v1/batch/demo?w=3', {
      headers: { 'Content-Type': 'application/json', 'Idempotency-Key': 'batch-1' },
      body: JSON.stringify({ ops }),
    });
    expect(answer.status).toBe(200);
    const { results } = answer.json() as { results: { status: number; acks?: number }[] };
    expect(results.map(({ status }) => status)).toEqual([201, 412, 200, 204, 404]);
    expect(results[0]?.acks).toBe(3);
    await Promise.all(cluster.replicas.map((replica) => replica.kill9()));
    await Promise.all(cluster.replicas.map((replica) => replica.restart()));
    expect([await look(us, 'batch/new'), await look(us, 'batch/old')]).toEqual(['new', 404]);
  });
});

function list(replica: typeof fixture.eu, query: string): Promise<Answer> {
  return call(replica, 'GET', `/v1/kv/demo?${query}`);
}

interface Page {
  readonly items: readonly { readonly key: string }[];
  readonly cursor: string | null;
}

function keysOf(answer: Answer): string[] {
  return (answer.json() as Page).items.map(({ key }) => key);
}

async function pages(replica: typeof fixture.eu, query: string): Promise<string[]> {
  const keys: string[] = [];
  let cursor: string | null = null;
  do {
    const more: string = cursor === null ? '' : `&cursor=${cursor}`;
    const page = await list(replica, `${query}${more}`);
    keys.push(...keysOf(page));
    ({ cursor } = page.json() as Page);
  } while (cursor !== null);
  return keys;
}

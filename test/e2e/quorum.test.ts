// Quorums in three regions, with all replicas and with one of them killed or paused: what still
// works, what is refused, and that no reply is wrong.

import { describe, expect, it } from 'vitest';
import { present } from '../../src/base/assert.ts';
import { type Answer, call } from '../support/call.ts';
import { becomeEqual } from '../support/converged.ts';
import { useCluster } from '../support/fixture.ts';
import { codeOf, get, look, problemOf, put } from '../support/kv.ts';
import { until } from '../support/wait.ts';

const fixture = useCluster();

describe('with all replicas up', () => {
  it('a majority write answers 201 with its copies, and another region shows the value', async () => {
    const { eu, us, ap } = fixture;
    const written = await put(eu, 'hello?w=majority', 'Hello, world');
    expect(written.status).toBe(201);
    expect(written.header('conit-acks')).toMatch(/^[23]\/3$/);
    expect(written.header('conit-version')).toMatch(/^eu-1\.\d+\.\d+$/);
    for (const other of [us, ap]) {
      await until('it is there', async () => (await look(other, 'hello')) === 'Hello, world');
      const read = await get(other, 'hello');
      expect(read.header('etag')).toBe(`"${written.header('conit-version')}"`);
      expect(read.header('content-type')).toBe('text/plain');
      expect(read.header('conit-served-by')).toBe(`"${other.id}";region=${other.region}`);
    }
  });

  it('a quorum read at any replica sees a quorum write at once', async () => {
    const { cluster, eu } = fixture;
    for (let round = 0; round < 50; round++) {
      await put(eu, 'overlap?w=2', `value ${round}`);
      const reader = cluster.replicas[round % 3] ?? eu;
      expect((await get(reader, `overlap?r=${2 + (round % 2)}`)).text).toBe(`value ${round}`);
    }
  });

  it.each(['1', '2', '3', 'majority', 'all', 'local', 'each'])(
    'w=%s waits for that many copies',
    async (w) => {
      const least = { 1: 1, 2: 2, 3: 3, majority: 2, all: 3, local: 1, each: 3 }[w] ?? 0;
      const written = await put(fixture.us, `copies/${w}?w=${w}`, w);
      expect(written.status).toBe(201);
      expect(Number(written.header('conit-acks').split('/')[0])).toBeGreaterThanOrEqual(least);
    },
  );

  it('a w or r that the cluster cannot meet is refused', async () => {
    for (const answer of [await put(fixture.eu, 'x?w=4', 'x'), await get(fixture.eu, 'x?r=4')]) {
      expect(answer.status).toBe(400);
      expect(codeOf(answer)).toBe('invalid-parameter');
    }
  });
});

const faults = [
  {
    name: 'killed',
    begin: () => fixture.ap.kill9().then(() => undefined),
    end: () => fixture.ap.restart(),
  },
  {
    name: 'frozen',
    begin: () => Promise.resolve(fixture.ap.pause()),
    end: () => Promise.resolve(fixture.ap.resume()),
  },
];

describe.each(faults)('while one replica is $name', ({ name, begin, end }) => {
  const key = (text: string) => `${name}/${text}`;

  it('W=2 of 3 succeeds, and the returning replica receives what it missed', async () => {
    const { cluster, eu, us, ap } = fixture;
    await begin();
    let slowestMs = 0;
    for (let count = 0; count < 200; count++) {
      const begun = performance.now();
      const answer = await put(count % 2 === 0 ? eu : us, `${key(`on/${count}`)}?w=2`, `${count}`);
      slowestMs = Math.max(slowestMs, performance.now() - begun);
      expect([answer.status, answer.header('conit-acks')]).toEqual([201, '2/3']);
    }
    console.log(
      `one of three ${name}: 200 writes with W=2, the slowest took ${Math.round(slowestMs)} ms`,
    );
    await end();
    await ap.becomeReady();
    await becomeEqual(cluster.replicas);
    for (let count = 0; count < 200; count++) {
      expect(await look(ap, key(`on/${count}`))).toBe(`${count}`);
    }
  });

  it('W=3 answers 504 with dot and copies, or 503, and either answer is true', async () => {
    const { eu, cluster, ap } = fixture;
    await begin();
    const answers: { key: string; value: string; answer: Answer }[] = [];
    let count = 0;
    // Until the loss is noticed the write is accepted and its outcome is unknown; from then on it
    // is refused.
    await until('a refusal', async () => {
      const answer = await put(eu, `${key(`three/${count}`)}?w=3&timeout=200ms`, `${count}`);
      answers.push({ key: key(`three/${count}`), value: `${count++}`, answer });
      return answer.status === 503;
    });
    const open = answers.filter(({ answer }) => answer.status === 504);
    expect(open.length + 1).toBe(answers.length);
    for (const { answer } of open) {
      expect(codeOf(answer)).toBe('outcome-unknown');
      const { indeterminate, required, acks, dot } = problemOf(answer);
      expect({ indeterminate, required, acks }).toEqual({
        indeterminate: true,
        required: 3,
        acks: 2,
      });
      expect(dot).toMatch(/^eu-1\.\d+\.\d+$/);
      expect(answer.header('conit-version')).toBe(dot);
      expect(answer.header('conit-acks')).toBe('2/3');
    }
    const refused = present(answers.at(-1), 'the last one was refused');
    expect(codeOf(refused.answer)).toBe('no-quorum');
    expect(problemOf(refused.answer)).toMatchObject({
      indeterminate: false,
      retryable: true,
      required: 3,
    });
    expect(refused.answer.header('retry-after')).toMatch(/^\d+$/);

    await end();
    await ap.becomeReady();
    await becomeEqual(cluster.replicas);
    for (const replica of cluster.replicas) {
      for (const each of open) expect(await look(replica, each.key)).toBe(each.value);
      expect(await look(replica, refused.key)).toBe(404);
    }
    for (const { answer } of open) {
      const status = await until('the writer knows it', async () => {
        const view = await call(eu, 'GET', `/v1/writes/${answer.header('conit-version')}`);
        const { reached } = view.json() as { readonly reached: readonly string[] };
        return reached.includes('all') && view;
      });
      expect(status.json()).toMatchObject({ holders: ['ap-1', 'eu-1', 'us-1'], replicas: 3 });
    }
    expect((await put(eu, `${key('again')}?w=3`, 'again')).header('conit-acks')).toBe('3/3');
  });

  it('R=2 reads succeed, R=3 is refused', async () => {
    const { eu } = fixture;
    await put(eu, `${key('read')}?w=3`, 'before');
    await begin();
    await put(eu, `${key('read')}?w=2`, 'after');
    expect((await get(fixture.us, `${key('read')}?r=2`)).text).toBe('after');
    const answer = await get(eu, `${key('read')}?r=3&timeout=300ms`);
    expect(['504 timeout', '503 no-quorum']).toContain(`${answer.status} ${codeOf(answer)}`);
    expect(problemOf(answer).indeterminate).toBe(false);
    await until(
      'it is known to be gone',
      async () => (await get(eu, `${key('read')}?r=3`)).status === 503,
    );
    await end();
    const healed = await until('three answer again', async () => {
      const read = await get(eu, `${key('read')}?r=3`);
      return read.status === 200 && read;
    });
    expect(healed.text).toBe('after');
  });

  it('explain shows the version at each replica, and which replica does not answer', async () => {
    const { eu } = fixture;
    const first = await put(eu, `${key('explained')}?w=3`, 'one');
    await begin();
    const second = await put(eu, `${key('explained')}?w=2`, 'two');
    const explained = await call(eu, 'GET', `/v1/explain/demo/${key('explained')}?timeout=500ms`);
    const views = replicasOf(explained.json());
    expect(views.get('eu-1')).toMatchObject({
      answer: 'record',
      version: second.header('conit-version'),
      newest: true,
    });
    expect(views.get('us-1')).toMatchObject({ answer: 'record', newest: true });
    expect(views.get('ap-1')?.answer).toBe('no-answer');
    await end();
    await fixture.ap.becomeReady();
    await becomeEqual(fixture.cluster.replicas);
    const healed = replicasOf(
      (await call(eu, 'GET', `/v1/explain/demo/${key('explained')}`)).json(),
    );
    expect(first.header('conit-version')).not.toBe(second.header('conit-version'));
    for (const id of ['eu-1', 'us-1', 'ap-1']) {
      expect(healed.get(id)).toMatchObject({
        answer: 'record',
        version: second.header('conit-version'),
      });
      expect(healed.get(id)?.missing).toEqual([]);
    }
  });
});

describe('while two of three replicas are down', () => {
  it('a majority write is refused; a local write and local reads succeed', async () => {
    const { eu, us, ap } = fixture;
    await put(eu, 'lonely?w=3', 'before');
    await Promise.all([us.kill9(), ap.kill9()]);
    await until('a refusal', async () => {
      const { status } = await put(eu, 'lonely/refused?w=2&timeout=100ms', 'x');
      return status === 503;
    });
    expect((await put(eu, 'lonely?w=1', 'alone')).header('conit-acks')).toBe('1/3');
    expect(await look(eu, 'lonely')).toBe('alone');
    expect((await call(eu, 'GET', '/readyz')).status).toBe(503);
    expect((await call(eu, 'GET', '/livez')).status).toBe(200);
    await Promise.all([us.restart(), ap.restart()]);
    await becomeEqual(fixture.cluster.replicas);
    expect(await look(ap, 'lonely')).toBe('alone');
    expect((await call(eu, 'GET', '/readyz')).status).toBe(200);
  });
});

interface ReplicaView {
  readonly id: string;
  readonly answer: string;
  readonly version?: string;
  readonly missing: readonly unknown[];
}

function replicasOf(explained: unknown): Map<string, ReplicaView> {
  const { replicas } = explained as { readonly replicas: readonly ReplicaView[] };
  return new Map(replicas.map((replica) => [replica.id, replica]));
}

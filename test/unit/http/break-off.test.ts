// A bug in the handling of an answer ends that answer and its connection, and is reported once; the
// server continues.

import { afterEach, describe, expect, it } from 'vitest';
import { HandOver } from '../../../src/host/hand-over.ts';
import type { Command } from '../../../src/model/command.ts';
import type { ReplicaService } from '../../../src/model/port.ts';
import type { Reply } from '../../../src/model/reply.ts';
import { type Harness, repliesIn, startHarness } from './harness.ts';
import { createReferenceService } from './reference-service.ts';

let harness: Harness | undefined;
afterEach(() => harness?.stop());

const BATCH = '{"ops":[{"op":"get","key":"k"}]}';
const JSON_BODY = `Content-Type: application/json\r\nContent-Length: ${BATCH.length}\r\n\r\n${BATCH}`;
const REQUESTS = {
  get: 'GET /v1/kv/bench/k HTTP/1.1\r\nHost: a\r\n\r\n',
  head: 'HEAD /v1/kv/bench/k HTTP/1.1\r\nHost: a\r\n\r\n',
  put: 'PUT /v1/kv/bench/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx',
  delete: 'DELETE /v1/kv/bench/k HTTP/1.1\r\nHost: a\r\n\r\n',
  list: 'GET /v1/kv/bench HTTP/1.1\r\nHost: a\r\n\r\n',
  batch: `POST /v1/batch/bench HTTP/1.1\r\nHost: a\r\n${JSON_BODY}`,
  explain: 'GET /v1/explain/bench/k HTTP/1.1\r\nHost: a\r\n\r\n',
  cluster: 'GET /v1/cluster HTTP/1.1\r\nHost: a\r\n\r\n',
} as const;
type Name = keyof typeof REQUESTS;
const names = Object.keys(REQUESTS) as Name[];

/**
 * The reference model behind the host, until `isBroken`; then `submit` returns what the test says.
 */
async function start(broken: (command: Command, hand: HandOver) => void) {
  const service = createReferenceService();
  const hand = new HandOver(service.metrics, { note: () => undefined, committed: () => undefined });
  const state = { isBroken: true };
  const breaking: ReplicaService = {
    metrics: service.metrics,
    sessions: service.sessions,
    get state() {
      return service.state;
    },
    submit: (command) => (state.isBroken ? broken(command, hand) : service.submit(command)),
  };
  harness = await startHarness({ service: breaking });
  return { harness, errors: harness.errors, state, metrics: service.metrics };
}

/** No reply of this kind belongs to any command. */
const ODD = { kind: 'found', record: null } as unknown as Reply;

describe.each([
  ['in a turn of the host', (command: Command, hand: HandOver) => hand.give(command.client, ODD)],
  [
    'before the replica has it',
    (): void => {
      throw new Error('a bug');
    },
  ],
])('a bug %s', (_place, broken) => {
  it.each(names)('answers %s with 500, ends the connection, and is reported once', async (name) => {
    const { harness: server, state, errors, metrics } = await start(broken);
    const text = await server.raw(REQUESTS[name] + REQUESTS.put);
    const code = name === 'head' ? undefined : 'internal';
    expect(repliesIn(text)).toEqual([{ status: 500, code }]);
    expect(text.match(/\r\nconnection: close\r\n/gi)).toHaveLength(1);
    expect(errors).toHaveLength(1);
    expect(metrics.repliesBroken).toBe(1);
    state.isBroken = false;
    expect(repliesIn(await server.raw(REQUESTS.get))[0]?.status).not.toBe(500);
  });
});

describe('a bug', () => {
  it('after a reply has begun ends the connection without a second reply', async () => {
    const {
      harness: server,
      errors,
      state,
    } = await start((command, hand) => {
      const { client } = command;
      const service = createReferenceService();
      const twice = (reply: Reply): void => {
        hand.give(client, reply);
        hand.give(client, ODD);
      };
      service.submit({ ...command, client: { onReply: twice } });
    });
    const text = await server.raw(REQUESTS.get);
    expect(repliesIn(text).length).toBeLessThan(2);
    expect(errors).toHaveLength(1);
    state.isBroken = false;
    expect(repliesIn(await server.raw(REQUESTS.get))[0]?.status).toBe(404);
  });

  it('in a job fails the job', async () => {
    const { harness: server, errors } = await start((command, hand) => {
      if (command.kind === 'membership') hand.give(command.client, ODD);
    });
    const path = '/v1/cluster/replicas/us-1/forget';
    expect((await server.ask(path, { method: 'POST', headers: { prefer: 'wait=5' } })).status).toBe(
      500,
    );
    expect(errors).toHaveLength(1);
  });

  it('that leaves a header that cannot be written is answered all the same', async () => {
    const {
      harness: server,
      errors,
      state,
    } = await start((command, hand) => {
      const alternates = [{ id: 'us-1', url: 'http://us.example' }];
      const fault = { code: 'replica-stale', detail: 'no', alternates };
      hand.give(command.client, { kind: 'failed', fault } as unknown as Reply);
    });
    // A target may hold bytes beyond ASCII in absolute or origin form; the reply repeats them in
    // its Location.
    const text = await server.raw('GET /v1/kv/bench/\u00e9?redirect HTTP/1.1\r\nHost: a\r\n\r\n');
    expect(repliesIn(text)[0]?.status).toBeGreaterThan(0);
    expect(errors).toEqual([]);
    state.isBroken = false;
    expect(repliesIn(await server.raw(REQUESTS.get))[0]?.status).toBe(404);
  });
});

// Work that outlasts its request: what a job reports from its start to its end, and which clients
// may wait for it.

import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Command } from '../../../src/model/command.ts';
import { courseOf } from '../../../src/http/jobs/job-course.ts';
import { JOBS_MAX, Jobs } from '../../../src/http/jobs/jobs.ts';
import { refusal } from '../../../src/http/problem.ts';
import type { ReplicaId } from '../../../src/model/id.ts';
import type { Reply } from '../../../src/model/reply.ts';
import type { ReplicaState, Status } from '../../../src/model/status.ts';
import { type Answer, type Ask, type Harness, json, problemOf, startHarness } from './harness.ts';

let harness: Harness;
/** Commands that wait for their answer. */
let held: Command[];
/** What the replica reports, in addition to the reference service. */
let says: Partial<Status>;
let state: ReplicaState;

beforeEach(async () => {
  harness = await startHarness();
  held = [];
  says = {};
  state = 'serving';
  harness.service.hold = (command) => {
    if (command.kind === 'status') answerStatus(command);
    else held.push(command);
  };
});
afterEach(() => harness.stop());

function answerStatus({ client }: Command): void {
  const { hold } = harness.service;
  harness.service.hold = undefined;
  const onReply = (reply: Reply): void => {
    if (reply.kind !== 'status') throw new Error(reply.kind);
    client.onReply({ ...reply, self: { ...reply.self, state }, ...says });
  };
  harness.service.submit({ kind: 'status', client: { onReply } });
  harness.service.hold = hold;
}

function statusNow(): Promise<Status> {
  return new Promise((resolve) => {
    answerStatus({ kind: 'status', client: { onReply: (reply) => resolve(reply as Status) } });
  });
}

const prefer = (wait: number | string): Ask => ({ headers: { Prefer: `wait=${wait}` } });
const post = (path: string, more: Ask = {}): Promise<Answer> =>
  harness.ask(`/v1/cluster/replicas${path}`, { method: 'POST', ...more });
const look = (answer: Answer, more: Ask = {}): Promise<Answer> =>
  harness.ask(answer.headers.location ?? '/none', more);
const answerHeld = (reply: Reply): void => held.shift()?.client.onReply(reply);
const busy: Reply = { kind: 'failed', fault: { code: 'membership-busy', detail: 'later' } };

/** The reference service's answer to a change of the members. */
function agree(): void {
  const command = held.shift() as Command;
  harness.service.hold = undefined;
  harness.service.submit(command);
}

describe('a change of the members that takes long', () => {
  it('is a job: 202, its progress, which members agreed, and its result', async () => {
    const begun = await post('/us-1/forget');
    expect(begun.status).toBe(202);
    expect(begun.headers.location).toBe(`/v1/jobs/${String(json(begun)['id'])}`);
    expect(json(begun)).toMatchObject({ state: 'running', node: 'eu-1', ended: null });
    says = { change: { step: 'accepting', agreed: ['eu-1' as ReplicaId] } };
    const running = json(await look(begun));
    expect(running).toMatchObject({
      kind: 'forget',
      target: 'us-1',
      state: 'running',
      progress: { step: 'accepting', agreed: ['eu-1'], members: 3 },
    });
    agree();
    const done = await look(begun);
    expect([done.status, json(done)['since']]).toEqual([200, running['since']]);
    expect(json(done)).toMatchObject({
      state: 'done',
      ended: expect.stringMatching(/Z$/) as string,
      membership: { epoch: 1, members: [{}, {}, {}] },
    });
  });

  it('is answered with its problem, at once or after waiting, and reports it later, too', async () => {
    const asking = post('/us-1/forget');
    await until(() => held.length === 1);
    answerHeld(busy);
    const refused = await asking;
    expect([refused.status, problemOf(refused)]).toEqual([409, 'membership-busy']);
    const late = post('/us-1/forget', prefer(5));
    await until(() => held.length === 1);
    setTimeout(() => answerHeld(busy), 100);
    expect(problemOf(await late)).toBe('membership-busy');
    const later = await look(refused);
    expect([later.status, json(later)]).toMatchObject([
      200,
      { state: 'failed', problem: { type: 'urn:conit:problem:membership-busy', status: 409 } },
    ]);
  });
});

describe('a client that asks for a job', () => {
  it('may wait for its end, and is informed that it waited', async () => {
    const begun = await post('/us-1/forget');
    setTimeout(agree, 100);
    const done = await look(begun, prefer(5));
    expect(json(done)['state']).toBe('done');
    expect(done.headers['preference-applied']).toBe('wait=5');
    expect((await post('/us-1/forget', prefer('x'))).status).toBe(400);
    expect((await post('/us-1/forget', prefer(9999))).status).toBe(400);
  });

  it('does not keep a server from closing', async () => {
    const begun = await post('/us-1/forget');
    const waiting = look(begun, prefer(60));
    // By then, the bytes that were sent before are read.
    for (let n = 0; n < 5; n++) await harness.ask('/livez');
    harness.server.beginDrain();
    expect(json(await waiting)['state']).toBe('running');
  });

  it('gets 404 for a job that is not known', async () => {
    const none = await harness.ask('/v1/jobs/0123');
    expect([none.status, problemOf(none)]).toEqual([404, 'job-not-found']);
  });
});

describe('a drain', () => {
  /** It is requested while two requests are not answered yet. */
  async function begin(): Promise<Answer> {
    state = 'draining';
    says = { waiting: 2 };
    const asking = post('/eu-1/drain');
    await until(() => held.length === 1);
    answerHeld({ kind: 'drained', drained: true });
    return asking;
  }

  it('is done when the accepted requests are answered', async () => {
    const begun = await begin();
    expect([begun.status, json(begun)]).toMatchObject([202, { progress: { requests: 2 } }]);
    says = { waiting: 0 };
    expect(json(await look(begun, prefer(5)))).toMatchObject({
      state: 'done',
      progress: { requests: 0 },
    });
  });

  it('continues while the replica recovers, and has failed if the replica is not drained', async () => {
    const asked = await statusNow();
    const end = (isDrained: boolean): unknown => {
      const self: Status['self'] = { ...asked.self, state: 'catching-up', isDrained };
      return courseOf('drain', 0, { ...asked, self }).end;
    };
    expect(end(true)).toBeUndefined();
    expect(end(false)).toMatchObject({ code: 'superseded' });
  });

  it('has failed if the replica is resumed first', async () => {
    const begun = await begin();
    state = 'serving';
    const failed = json(await look(begun, prefer(5)));
    expect(failed).toMatchObject({ problem: { type: 'urn:conit:problem:superseded' } });
  });
});

describe('a resync', () => {
  it('is done if nothing is missing and every namespace is answered', async () => {
    state = 'catching-up';
    says = { peers: [] };
    const asking = post('/eu-1/resync');
    await until(() => held.length === 1);
    expect(held[0]?.kind).toBe('resync');
    answerHeld({ kind: 'resyncing' });
    const begun = await asking;
    expect(begun.status).toBe(202);
    expect(json(begun)).toMatchObject({
      progress: { entriesMissing: 0, waiting: [], equalTo: [] },
    });
    state = 'serving';
    expect(json(await look(begun, prefer(5)))).toMatchObject({ state: 'done' });
  });

  it('continues while a namespace is not answered, or it is unknown what is missing', async () => {
    const asked = await statusNow();
    const unfit = { namespace: 'bench', state: 'stale', answers: false };
    const self = { ...asked.self, namespaces: [unfit] } as unknown as Status['self'];
    const peer = { ...asked.peers[0], connected: false } as Status['peers'][number];
    const end = (more: Partial<Status>): unknown => courseOf('resync', 0, { ...asked, ...more });
    expect(end({ self, peers: [] })).toMatchObject({
      progress: { waiting: ['bench'] },
      end: undefined,
    });
    expect(end({ peers: [peer] })).toMatchObject({
      progress: { entriesMissing: null },
      end: undefined,
    });
    expect(end({ peers: [] })).toMatchObject({ end: 'done' });
  });
});

describe('the jobs of a replica', () => {
  it('are bounded: the one that ended first is dropped, and while all run a further one is refused', () => {
    const jobs = new Jobs();
    const all = Array.from({ length: JOBS_MAX }, () => jobs.begin('resync', 'eu-1'));
    expect(jobs.begin('drain', 'eu-1')).toBeUndefined();
    all[7]?.fail(refusal('timeout', ''));
    const next = jobs.begin('drain', 'eu-1');
    expect(next).toBeDefined();
    expect(jobs.find(all[7]?.id ?? '')).toBeUndefined();
    expect(jobs.find(all[0]?.id ?? '')).toBe(all[0]);
    expect(jobs.begin('drain', 'eu-1')).toBeUndefined();
  });
});

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 2));
}

// What is required of the regions while they run in containers: they cannot be reached from
// outside, they work, they survive the end of a container, and they notice and heal a cut between
// regions.

import { type Answer, call, tryCall } from '../support/call.ts';
import { run } from './command.ts';
import { docker, type Project, type Published } from './compose.ts';
import { waitFor } from './interrupt.ts';
import type { PrometheusApi } from './prometheus.ts';
import { NotRun, type Step } from './report.ts';
import { becomesIn } from './scraping.ts';
import type { Secrets } from './secrets.ts';

export interface Regions {
  readonly project: Project;
  readonly secrets: Secrets;
  readonly replicas: readonly [Published, Published, Published];
  /** `undefined` if no image of it is present. */
  readonly prometheus: PrometheusApi | undefined;
}

export async function checkRegions(step: Step, regions: Regions): Promise<void> {
  await checkStart(step, regions);
  await checkClosed(step, regions);
  await checkUse(step, regions);
  await checkPrometheus(step, regions);
  await checkKill(step, regions);
  await checkStop(step, regions);
  await checkCut(step, regions);
}

async function checkStart(step: Step, { project, replicas }: Regions): Promise<void> {
  await step('every replica becomes ready, and healthy', async () => {
    for (const replica of replicas) {
      await becomeReady(replica);
      const id = await project.container(replica.id);
      await waitFor(`${replica.id} is healthy`, async () => {
        const health = await docker('inspect', id, '--format', '{{.State.Health.Status}}');
        return health === 'healthy';
      });
    }
    return undefined;
  });
}

async function checkClosed(step: Step, { project, replicas, secrets }: Regions): Promise<void> {
  await step('ports are open on this machine only, and only those of the API', async () => {
    const bindings = await inspectAll('{{json .HostConfig.PortBindings}}');
    for (const text of bindings) {
      const ports = JSON.parse(text) as Record<string, readonly { readonly HostIp: string }[]>;
      const open = Object.entries(ports).map(([port, at]) => `${at[0]?.HostIp} ${port}`);
      if (open.join() !== '127.0.0.1 7070/tcp') throw new Error(`open: ${open.join()}`);
    }
    return undefined;
  });
  await step('no secret is in what Docker tells of a container', async () => {
    for (const text of await inspectAll('{{json .}}')) {
      if (secrets.texts.some((secret) => text.includes(secret))) throw new Error('there is');
    }
    return undefined;
  });
  await step('the root file system cannot be written to', async () => {
    const id = await project.container('eu-1');
    const write = `require('node:fs').writeFileSync('/tmp/x', '')`;
    const { ok, output } = await run('docker', ['exec', id, 'node', '-e', write]);
    if (ok || !output.includes('EROFS')) throw new Error(output || 'it can');
    return undefined;
  });
  await step('who has no token is refused', async () => {
    mustBe(401, await call(replicas[0], 'PUT', '/v1/kv/demo/key', { body: 'value' }));
    return undefined;
  });
  async function inspectAll(format: string): Promise<readonly string[]> {
    const ids = await Promise.all(replicas.map(({ id }) => project.container(id)));
    return Promise.all(ids.map((id) => docker('inspect', id, '--format', format)));
  }
}

async function checkUse(step: Step, { replicas, secrets }: Regions): Promise<void> {
  const [eu, , ap] = replicas;
  await step('what is written in one region is read in another', async () => {
    await put(eu, 'greeting?w=all', 'Hello from eu', secrets);
    return read(ap, 'greeting', 'Hello from eu', secrets);
  });
}

async function checkPrometheus(step: Step, { prometheus }: Regions): Promise<void> {
  await step('Prometheus sees every replica and its lag', async () => {
    const becomes = becomesIn(given(prometheus));
    await becomes('sum(up{job="conit"}) == 3');
    return becomes('count(conit_replication_lag_seconds{origin="eu-1"} < 5) == 2');
  });
}

async function checkKill(step: Step, regions: Regions): Promise<void> {
  const { project, replicas, secrets, prometheus } = regions;
  const [eu, us, ap] = replicas;
  await step('a container is killed, and the others go on', async () => {
    await docker('kill', '--signal', 'KILL', await project.container(us.id));
    await put(eu, 'while-us-is-dead?w=2', 'written', secrets);
    return read(ap, 'while-us-is-dead?r=2', 'written', secrets);
  });
  await step('Prometheus sees that it is down', () =>
    becomesIn(given(prometheus))('ALERTS{alertname="ConitReplicaDown",region="us"}'),
  );
  await step('it starts again, and has what it missed', async () => {
    await docker('start', await project.container(us.id));
    await becomeReady(us);
    return read(us, 'while-us-is-dead', 'written', secrets);
  });
}

async function checkStop(step: Step, { project, replicas }: Regions): Promise<void> {
  const [eu] = replicas;
  await step('SIGTERM reaches the server, which ends in order', async () => {
    const id = await project.container(eu.id);
    await docker('stop', '-t', '15', id);
    const code = await docker('inspect', id, '--format', '{{.State.ExitCode}}');
    const log = await docker('logs', '--tail', '20', id);
    if (code !== '0' || !log.includes('"event":"stopped"')) throw new Error(`${code}: ${log}`);
    await docker('start', id);
    await becomeReady(eu);
    return 'exit code 0';
  });
}

/** ap-1 is disconnected from the peers' network; its clients and Prometheus still reach it. */
async function checkCut(step: Step, regions: Regions): Promise<void> {
  const { project, replicas, secrets, prometheus } = regions;
  const [eu, , ap] = replicas;
  const wan = `${project.name}_wan`;
  const instance = `instance="${ap.id}:7070"`;
  await step('a region is cut off, and says that it is not ready', async () => {
    // Ready means that it reaches a majority; reaching all of them may take a moment longer.
    await waitFor('all three have a copy', async () => {
      return (await ask(eu, 'PUT', '/v1/kv/demo/old?w=all', secrets, 'before')).status < 300;
    });
    await docker('network', 'disconnect', wan, await project.container(ap.id));
    await waitFor('ap-1 is not ready', async () => (await statusOf(ap, '/readyz')) === 503);
    return undefined;
  });
  await step('it still answers by itself, and says how stale that is', async () => {
    const staleness = await waitFor('the staleness grows', async () => {
      const answer = await ask(ap, 'GET', '/v1/kv/demo/old?r=1', secrets);
      return Number(answer.header('conit-staleness')) > 8000 && answer.header('conit-staleness');
    });
    return `${staleness} ms`;
  });
  await step('what it cannot do is refused, and nothing has happened', async () => {
    const body = 'refused';
    const answer = await ask(ap, 'PUT', '/v1/kv/demo/refused?w=2', secrets, body);
    mustBe(503, answer);
    if ((answer.json() as { indeterminate: boolean }).indeterminate) throw new Error(answer.text);
    return (answer.json() as { type: string }).type;
  });
  await step('the others report it down, and go on', async () => {
    await waitFor('eu-1 reports it', async () => {
      const { text } = await ask(eu, 'GET', '/v1/cluster', secrets);
      return stateOf(text, ap.id) === 'down';
    });
    return put(eu, 'old?w=2', 'after', secrets);
  });
  await step('Prometheus sees its lag grow, although it is up', async () => {
    const becomes = becomesIn(given(prometheus));
    await becomes(`count(conit_peer_up{${instance}} == 0) == 2 and sum(up{${instance}}) == 1`);
    return becomes(`conit_staleness_seconds{${instance}} > 10`);
  });
  await step('it is connected again, and heals', async () => {
    const id = await project.container(ap.id);
    await docker('network', 'connect', '--alias', ap.id, wan, id);
    await becomeReady(ap);
    await waitFor('ap-1 has the newer value', async () => {
      const { text } = await ask(ap, 'GET', '/v1/kv/demo/old?r=1', secrets);
      return text === 'after';
    });
    await waitFor('ap-1 is fresh', async () => (await statusOf(ap, '/readyz?maxLag=2s')) === 200);
    return undefined;
  });
}

function given(prometheus: PrometheusApi | undefined): PrometheusApi {
  if (prometheus === undefined) throw new NotRun('no image of Prometheus here, and none to pull');
  return prometheus;
}

async function put(
  replica: Published,
  target: string,
  body: string,
  secrets: Secrets,
): Promise<string> {
  const answer = await ask(replica, 'PUT', `/v1/kv/demo/${target}`, secrets, body);
  if (![201, 204].includes(answer.status)) throw new Error(`${answer.status} ${answer.text}`);
  return `${answer.header('conit-acks')} copies`;
}

async function read(
  replica: Published,
  target: string,
  expected: string,
  secrets: Secrets,
): Promise<string> {
  const answer = await ask(replica, 'GET', `/v1/kv/demo/${target}`, secrets);
  mustBe(200, answer);
  if (answer.text !== expected) throw new Error(`read ${answer.text}, not ${expected}`);
  return `staleness ${answer.header('conit-staleness')}`;
}

function ask(
  replica: Published,
  method: string,
  path: string,
  { client }: Secrets,
  body?: string,
): Promise<Answer> {
  return call(replica, method, path, { headers: client, ...(body === undefined ? {} : { body }) });
}

function mustBe(status: number, answer: Answer): void {
  if (answer.status !== status) throw new Error(`${answer.status}, not ${status}: ${answer.text}`);
}

async function becomeReady(replica: Published): Promise<void> {
  const look = async () => (await statusOf(replica, '/readyz')) === 200;
  await waitFor(`${replica.id} is ready`, look);
}

async function statusOf(replica: Published, path: string): Promise<number | undefined> {
  const reply = await tryCall(replica, 'GET', path, { timeoutMs: 3000 });
  return reply.kind === 'reply' ? reply.status : undefined;
}

function stateOf(view: string, id: string): string | undefined {
  const { replicas } = JSON.parse(view) as {
    readonly replicas: readonly { readonly id: string; readonly state: string }[];
  };
  return replicas.find((replica) => replica.id === id)?.state;
}

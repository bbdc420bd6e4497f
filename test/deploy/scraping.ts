// Stage 2: a real Prometheus scrapes a real cluster with its own token, shows its lag, and alerts
// when a replica ends.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call } from '../support/call.ts';
import { startCluster, type TestCluster, type TestReplica } from '../support/processes.ts';
import { has } from './command.ts';
import { waitFor } from './interrupt.ts';
import { copyDeploy, makeQuick, type PrometheusApi, startPrometheus } from './prometheus.ts';
import { NotRun, type Step } from './report.ts';
import { makeSecrets, type Secrets } from './secrets.ts';

export async function checkScraping(step: Step): Promise<void> {
  if (!has('prometheus', '--version')) throw new NotRun('no prometheus');
  const folder = mkdtempSync(join(tmpdir(), 'conit-deploy-'));
  try {
    const secrets = await makeSecrets(join(folder, 'secrets'));
    const env = { CONIT_TOKENS_FILE: secrets.tokensFile, CONIT_PEER_TIMEOUT: '1s' };
    const cluster = await startCluster({ dataDir: join(folder, 'data'), env });
    try {
      await checkTokens(step, cluster, secrets);
      await withPrometheus(join(folder, 'prometheus'), cluster, secrets, (prometheus) =>
        watch(step, prometheus, cluster, secrets),
      );
    } finally {
      await cluster.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function checkTokens(step: Step, { replicas }: TestCluster, secrets: Secrets): Promise<void> {
  const [eu] = replicas as [TestReplica];
  await step('the token for Prometheus reads metrics and nothing else', async () => {
    const { metrics, client } = secrets;
    const asked = [
      { path: '/metrics', headers: {}, status: 401 },
      { path: '/metrics', headers: metrics, status: 200 },
      { path: '/v1/cluster', headers: metrics, status: 403 },
      { path: '/v1/kv/demo/key', headers: metrics, status: 403 },
      { path: '/metrics', headers: client, status: 403 },
    ];
    for (const { path, headers, status } of asked) {
      const answer = await call(eu, 'GET', path, { headers });
      if (answer.status !== status) throw new Error(`${path}: ${answer.status}, not ${status}`);
    }
    return undefined;
  });
}

async function withPrometheus(
  folder: string,
  { replicas }: TestCluster,
  { metricsTokenFile }: Secrets,
  body: (prometheus: PrometheusApi) => Promise<void>,
): Promise<void> {
  copyDeploy(folder, metricsTokenFile);
  makeQuick(folder, replicas);
  const prometheus = await startPrometheus(folder);
  try {
    await body(prometheus);
  } finally {
    await prometheus.stop();
  }
}

async function watch(
  step: Step,
  prometheus: PrometheusApi,
  { replicas }: TestCluster,
  { client }: Secrets,
): Promise<void> {
  const [eu, us] = replicas as [TestReplica, TestReplica];
  const ofEu = `instance="127.0.0.1:${eu.httpPort}"`;
  const ofUs = `instance="127.0.0.1:${us.httpPort}"`;
  const lagOfUs = `conit_replication_lag_seconds{${ofUs},origin="eu-1"}`;
  const becomes = becomesIn(prometheus);

  await step('it scrapes every replica', () => becomes('sum(up{job="conit"}) == 3'));
  await step('it tells the lag of each replica behind the others', async () => {
    await call(eu, 'PUT', '/v1/kv/demo/seen?w=all', { body: 'value', headers: client });
    await becomes('count(conit_staleness_seconds < 5) == 3');
    return becomes(`${lagOfUs} < 5`);
  });
  await step('it calls nobody while all is well', () =>
    becomes('absent(ALERTS) and sum(up{job="conit"}) == 3'),
  );
  await step('a replica is killed, and is called down: first pending, then firing', async () => {
    await eu.kill9();
    const down = (state: string) =>
      becomes(`ALERTS{alertname="ConitReplicaDown",alertstate="${state}",${ofEu},region="eu"}`);
    await down('pending');
    return down('firing');
  });
  await step('its peers miss it', () =>
    becomes('count(ALERTS{alertname="ConitPeerLost",alertstate="firing",peer="eu-1"}) == 2'),
  );
  await step('their lag grows, and that is called', async () => {
    const lag = await becomes(`${lagOfUs} > 10`);
    await becomes(`ALERTS{alertname="ConitReplicationLag",alertstate="firing",${ofUs}}`);
    await becomes(`ALERTS{alertname="ConitStale",alertstate="firing",${ofUs}}`);
    return lag;
  });
  await step('it comes back, and every alert ends', async () => {
    await eu.restart();
    return becomes('absent(ALERTS) and sum(up{job="conit"}) == 3');
  });
}

/** Waits until the expression has a result; returns its first value. */
export function becomesIn(prometheus: PrometheusApi): (expression: string) => Promise<string> {
  return async (expression) => {
    const [first] = await waitFor(expression, async () => {
      const samples = await prometheus.query(expression);
      return samples.length > 0 && samples;
    });
    return `${expression.replace(/ALERTS\{(.*)\}/, 'ALERTS{…}')} is ${Number(first?.value.toFixed(3))}`;
  };
}

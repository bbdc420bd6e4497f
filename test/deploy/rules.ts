// Stage 1: promtool checks what replicas export and what is deployed, and neither refers to metrics
// or alerts that the other does not know.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { call } from '../support/call.ts';
import { startCluster, type TestCluster, type TestReplica } from '../support/processes.ts';
import { has, must } from './command.ts';
import { waitFor } from './interrupt.ts';
import { alertRules, copyDeploy } from './prometheus.ts';
import { NotRun, type Step } from './report.ts';

export async function checkRules(step: Step): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'conit-deploy-'));
  try {
    await checkFiles(step, folder);
    // One namespace has bounds, so that its metrics are exported.
    const config = join(folder, 'conit.json');
    writeFileSync(config, JSON.stringify({ namespaces: { demo: {}, chat: { pauseLagMs: 1000 } } }));
    const env = { CONIT_CONFIG: config };
    const cluster = await startCluster({ dataDir: join(folder, 'data'), env });
    try {
      await checkMetrics(step, cluster);
    } finally {
      await cluster.stop();
    }
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function checkFiles(step: Step, folder: string): Promise<void> {
  const tokenFile = join(folder, 'token');
  writeFileSync(tokenFile, 'a token\n');
  const config = copyDeploy(join(folder, 'deploy'), tokenFile);
  const promtool = async (...args: string[]): Promise<string> => {
    if (!has('promtool', '--version')) throw new NotRun('no promtool');
    return (await must('promtool', args)).split('\n').at(-1)?.trim() ?? '';
  };
  await step('the configuration is accepted', () => promtool('check', 'config', config));
  await step('the rules are accepted', () => promtool('check', 'rules', 'deploy/alerts.yml'));
  await step('the rules fire when they should, and only then', () =>
    promtool('test', 'rules', 'deploy/alerts.test.yml'),
  );
  await step('every rule fires in a scene', async () => {
    const scenes = readFileSync('deploy/alerts.test.yml', 'utf8');
    const names = alertRules().map(({ alert }) => alert);
    mustBeEmpty('no scene for', names, (name) => !scenes.includes(`alertname="${name}"`));
    return `${names.length} rules`;
  });
}

async function checkMetrics(step: Step, { replicas }: TestCluster): Promise<void> {
  const [eu] = replicas as [TestReplica];
  await call(eu, 'PUT', '/v1/kv/demo/measured?w=all', { body: 'value' });
  // Unknown values are absent, so the first echoes are awaited.
  const pages = await Promise.all(
    replicas.map((replica) =>
      waitFor(`${replica.id} knows its lag`, async () => {
        const { text } = await call(replica, 'GET', '/metrics');
        return text.includes('\nconit_staleness_seconds ') && text;
      }),
    ),
  );
  await step('what replicas export passes promtool check metrics', async () => {
    if (!has('promtool', '--version')) throw new NotRun('no promtool');
    for (const page of pages) await must('promtool', ['check', 'metrics'], { input: page });
    return `${pages.length} pages`;
  });
  await step('every metric that a rule speaks of is exported', async () => {
    const exported = new Set(pages.join('\n').match(/^[a-z_]+/gm));
    const wanted = alertRules().flatMap(
      ({ expr }) => expr.match(/\b(conit|process)_[a-z_]+/g) ?? [],
    );
    mustBeEmpty('not exported', [...new Set(wanted)], (name) => !exported.has(name));
    return `${new Set(wanted).size} metrics`;
  });
}

function mustBeEmpty(what: string, names: readonly string[], isWrong: (name: string) => boolean) {
  const wrong = names.filter(isWrong);
  if (names.length === 0) throw new Error(`${what}: nothing was looked at`);
  if (wrong.length > 0) throw new Error(`${what}: ${wrong.join(', ')}`);
}

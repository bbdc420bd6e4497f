// `npm run test:browser`: what a real browser lets a web page do to a cluster without tokens, as
// `npm start` runs one. A page of another site, and one on another port of localhost, drain and
// forget replicas, post forms, and embed values; a page whose name is rebound to the server sends
// same-origin requests; a page of a configured origin uses the API. Then the cluster is checked. It
// needs Chromium, and is *not run* without it.
//
// Exit code 0 if nothing that ran has failed, 1 if something did.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { runProgram } from '../support/program.ts';
import { startCluster, type TestCluster } from '../support/processes.ts';
import { type Browser, findBrowser } from './browser.ts';
import { consolePage, foreignPage, reboundPage, visitPage } from './pages.ts';
import { Stage } from './stage.ts';

const NAMES = { evil: 'evil.example', console: 'console.example', rebound: 'rebound.example' };

const usage = `npm run test:browser -- [options]
Lets pages of other web sites attack a cluster without tokens in a real browser. Needs Chromium, and is not
run where it is not installed.

  --help   this text`;

await runProgram(usage, choose, main);

function choose(args: readonly string[]): object | undefined {
  const options = { help: { type: 'boolean' } } as const;
  const { help } = parseArgs({ args: [...args], options }).values;
  return help === true ? undefined : {};
}

async function main(): Promise<number> {
  const browser = findBrowser();
  if (browser === undefined) {
    console.log('not run  browser: no Chromium is installed (apt-get install chromium)');
    return 0;
  }
  const folder = mkdtempSync(join(tmpdir(), 'conit-browser-'));
  const stage = new Stage();
  const port = await stage.listen();
  const origins = `http://${NAMES.console}:${port}`;
  let cluster: TestCluster | undefined;
  try {
    cluster = await startCluster({ dataDir: folder, env: { CONIT_ORIGINS: origins } });
    return (await attack(browser, stage, cluster, folder)) ? 0 : 1;
  } finally {
    await cluster?.stop();
    await stage.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

async function attack(
  browser: Browser,
  stage: Stage,
  cluster: TestCluster,
  folder: string,
): Promise<boolean> {
  const victim = cluster.replicas[0];
  if (victim === undefined) throw new Error('the cluster has no replica');
  await plant(victim.url);
  const ids = cluster.replicas.map(({ id }) => id);
  const pages = { profile: join(folder, 'browser'), port: stage.port, victim: victim.httpPort };
  const seen = async (name: string, page: string, host: string): Promise<Outcomes> => {
    stage.show(`/${name}`, page);
    return browser.open(`http://${host}:${stage.port}/${name}`, pages, () => stage.report(name));
  };
  const verdicts = [
    judgeForeign(
      'another site',
      await seen('evil', foreignPage('evil', victim.url, ids), NAMES.evil),
    ),
    judgeForeign(
      'another port',
      await seen(
        'near',
        foreignPage('near', victim.url.replace('127.0.0.1', 'localhost'), ids),
        'localhost',
      ),
    ),
    judgeConsole(await seen('console', consolePage('console', victim.url), NAMES.console)),
    await rebind(browser, stage, victim, pages),
    await visit(browser, stage, victim.url, pages),
    await judgeCluster(cluster),
  ];
  for (const [name, complaint] of verdicts)
    console.log(complaint === '' ? `passed   ${name}` : `FAILED   ${name}: ${complaint}`);
  return verdicts.every(([, complaint]) => complaint === '');
}

type Outcomes = { readonly [attempt: string]: string };
type Verdict = readonly [name: string, complaint: string];

/** A value that a page might run, and one that it might read. */
async function plant(url: string): Promise<void> {
  const put = (key: string, type: string, body: string) =>
    fetch(`${url}/v1/kv/demo/${key}?w=all`, {
      method: 'PUT',
      headers: { 'content-type': type },
      body,
    });
  const script = await put('script', 'text/javascript', 'window.stolen = true');
  const secret = await put('secret', 'text/plain', 'a secret');
  if (!script.ok || !secret.ok)
    throw new Error(`nothing to steal: ${script.status}, ${secret.status}`);
}

/** Whatever the page reports, it must not have read or run anything. */
function judgeForeign(name: string, outcomes: Outcomes): Verdict {
  const wrong = Object.entries(outcomes).filter(
    ([, outcome]) => !/^(?:opaque|refused)$/.test(outcome),
  );
  const few = Object.keys(outcomes).length < 10 ? 'it did not come to its end; ' : '';
  return [`a page of ${name}`, few + wrong.map((pair) => pair.join(' is ')).join(', ')];
}

function judgeConsole(outcomes: Outcomes): Verdict {
  const { put, version, get, preflightRefused } = outcomes;
  const isServed = put === '201' && version !== 'null' && get === 'from the console';
  return [
    'a page of a configured origin',
    isServed && preflightRefused === undefined ? '' : JSON.stringify(outcomes),
  ];
}

async function rebind(
  browser: Browser,
  stage: Stage,
  victim: { readonly httpPort: number },
  pages: Parameters<Browser['open']>[1],
): Promise<Verdict> {
  const name = 'a page whose name is rebound to the server';
  const page = reboundPage('rebound', `http://${NAMES.evil}:${stage.port}`);
  if (!(await stage.stand(victim.httpPort, page))) return [`${name} (not run: no 127.0.0.2)`, ''];
  const url = `http://${NAMES.rebound}:${victim.httpPort}/`;
  const outcomes = await browser.open(url, pages, () => stage.report('rebound'));
  const isRefused = Object.values(outcomes).every((outcome) => outcome === '421');
  return [name, isRefused && Object.keys(outcomes).length === 4 ? '' : JSON.stringify(outcomes)];
}

/** A link from another site opens the documents. */
async function visit(
  browser: Browser,
  stage: Stage,
  url: string,
  pages: Parameters<Browser['open']>[1],
): Promise<Verdict> {
  stage.show('/visit', visitPage(`${url}/docs/`));
  const document = await browser.dump(`http://${NAMES.evil}:${stage.port}/visit`, pages);
  const isShown = document.includes('swagger') && !document.includes('cross-site');
  return ['a link to the documents', isShown ? '' : document.slice(0, 300)];
}

async function judgeCluster({ replicas }: TestCluster): Promise<Verdict> {
  const complaints: string[] = [];
  for (const { id, url } of replicas) {
    const { status } = await look(`${url}/readyz`);
    if (status !== 200) complaints.push(`${id} is not ready (${status})`);
  }
  const first = replicas[0]?.url ?? '';
  const { text } = await look(`${first}/v1/kv/demo`);
  for (const key of ['"script"', '"secret"'])
    if (!text.includes(key)) complaints.push(`${key} is gone`);
  if (text.includes('"planted"')) complaints.push('something was planted');
  const metrics = await look(`${first}/metrics`);
  if (!/conit_requests_refused_total\{code="cross-site"\} [1-9]/.test(metrics.text))
    complaints.push('no request of a page was refused, so nothing was shown');
  return ['the cluster afterwards', complaints.join(', ')];
}

/** Status 0 if no process answers: a replica that was forgotten ends. */
async function look(url: string): Promise<{ readonly status: number; readonly text: string }> {
  try {
    const answer = await fetch(url);
    return { status: answer.status, text: await answer.text() };
  } catch {
    return { status: 0, text: '' };
  }
}

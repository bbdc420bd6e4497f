// `npm run test:foreign`: test suites that others wrote for key-value stores, over the HTTP API of
// a cluster of three. Each request goes to the next replica in turn, with w and r of a majority, so
// that what one replica acknowledged is read at another. The packages are installed into a
// temporary folder; if the registry cannot be reached a suite is *not run*.
//
// Exit code 0 when nothing that ran has failed, 1 when something did, 2 for an invalid command
// line.

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { startCluster, type TestCluster } from '../support/processes.ts';
import { headOf, runProgram, wordsIn } from '../support/program.ts';
import { install } from './install.ts';
import { runSuite } from './run-suite.ts';
import { SUITES, type Suite } from './suites.ts';

/** A busy machine takes its time. */
const READY_MS_MAX = 300_000;
const usage = `npm run test:foreign -- [options]
Runs the test suites of other projects against three replicas. Takes minutes, and gets packages from the
npm registry; a suite whose packages cannot be had is not run.

  --only A,B   of ${SUITES.map(({ name }) => name).join(', ')} (all)
  --help       this text`;

await runProgram(usage, choose, main);

function choose(args: readonly string[]): readonly Suite[] | undefined {
  const options = { only: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { only, help } = parseArgs({ args: [...args], options }).values;
  if (help === true) return undefined;
  const all = SUITES.map(({ name }) => name);
  const names = wordsIn(only, 'only', all);
  return SUITES.filter(({ name }) => names.includes(name));
}

async function main(chosen: readonly Suite[]): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'conit-foreign-'));
  let cluster: TestCluster | undefined;
  let failed = 0;
  try {
    for (const suite of chosen) {
      const modules = await install(suite.packages, join(folder, suite.name));
      if (typeof modules !== 'string') {
        console.log(`${headOf('not run', suite.name, 0)}: ${modules.reason}`);
        continue;
      }
      cluster ??= await startCluster({
        dataDir: join(folder, 'data'),
        env: envIn(folder),
        readyTimeoutMs: READY_MS_MAX,
      });
      const urls = cluster.replicas.map(({ url }) => url);
      const { ok, said } = await runSuite(suite, modules, urls);
      console.log(`${headOf(ok ? 'passed' : 'FAILED', suite.name, 0)}: ${said}`);
      if (!ok) failed++;
    }
  } finally {
    await cluster?.stop();
    rmSync(folder, { recursive: true, force: true });
  }
  return failed === 0 ? 0 : 1;
}

/** Every write waits for a majority, and every read and list asks one. */
function envIn(folder: string): Record<string, string> {
  const file = join(folder, 'conit.json');
  const namespaces = { foreign: { w: 'majority', r: 'majority', timeoutMs: 20_000 } };
  writeFileSync(file, JSON.stringify({ namespaces }));
  return { CONIT_CONFIG: file };
}

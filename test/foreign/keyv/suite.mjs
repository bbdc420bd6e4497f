// Runs the test suite that keyv has for its storage adapters, in vitest as it expects, against
// three replicas in turn.
//   node suite.mjs FOLDER-OF-PACKAGES URL URL URL

import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [folder, ...urls] = process.argv.slice(2);
const store = pathToFileURL(join(import.meta.dirname, 'store.mjs')).href;
writeFileSync(
  join(folder, 'keyv.test.mjs'),
  `import * as vitest from 'vitest';
import { Keyv } from 'keyv';
import { randomUUID } from 'node:crypto';
import suite from '@keyv/test-suite';
import { ConitStore } from ${JSON.stringify(store)};
const prefix = \`keyv/\${randomUUID()}/\`;
suite(vitest, Keyv, () => new ConitStore(${JSON.stringify(urls)}, prefix));
`,
);
const results = join(folder, 'results.json');
const args = [
  'run',
  '--root',
  folder,
  '--testTimeout=60000',
  '--reporter=json',
  `--outputFile=${results}`,
];
const vitest = join(folder, 'node_modules', 'vitest', 'vitest.mjs');
spawnSync(process.execPath, [vitest, ...args], {
  cwd: folder,
  stdio: ['ignore', 'ignore', 'inherit'],
});
const { numPassedTests, numTotalTests, testResults } = JSON.parse(readFileSync(results, 'utf8'));
for (const { message, assertionResults } of testResults) {
  if (message) console.log(message);
  for (const { status, fullName, failureMessages } of assertionResults)
    if (status === 'failed') console.log(`${fullName}: ${failureMessages[0]?.slice(0, 300)}`);
}
console.log(`${numPassedTests} of ${numTotalTests} tests`);
process.exitCode = numTotalTests > 0 && numPassedTests === numTotalTests ? 0 : 1;

// Runs abstract-level's own test suite against three replicas in turn.
//   node suite.mjs FOLDER-OF-PACKAGES URL URL URL

import { createRequire } from 'node:module';
import { join } from 'node:path';
import { createLevelClass } from './level.mjs';

const [folder, ...urls] = process.argv.slice(2);
const load = createRequire(join(folder, 'package.json'));
const test = load('tape');
const suite = load('abstract-level/test');
const ConitLevel = createLevelClass(load('abstract-level'), urls);

const failures = [];
const counts = { assertions: 0, passed: 0 };
let title = '';
test.createStream({ objectMode: true }).on('data', (row) => {
  if (row.type === 'test') title = row.name;
  if (row.type !== 'assert') return;
  counts.assertions++;
  if (row.ok) counts.passed++;
  else failures.push(short(`${title}: ${row.name}: not ${row.expected} but ${row.actual}`));
});
test.onFinish(() => {
  for (const failure of failures) console.log(failure);
  console.log(`${counts.passed} of ${counts.assertions} assertions`);
  process.exitCode = failures.length === 0 && counts.assertions > 0 ? 0 : 1;
});

function short(text) {
  return text.length > 2000 ? `${text.slice(0, 2000)}…` : text;
}

suite({ test, factory: (options) => new ConitLevel(options) });

// `npm run test:tour`: runs the guided tour of the README as a reader would and compares the
// output.
//
// The tour is the ```console blocks of the section "Guided tour": a line that begins with `$ ` is a
// command, the lines after it are its output. `…` matches any text within a line; a line that is
// only `…` matches any lines. A tour without commands fails, as does the first output that differs.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { prepare } from './prepare.mjs';

const READY_MS = 240_000;
const COMMAND_MS = 120_000;
const bin = join(process.cwd(), 'dist', 'cli', 'main.js');
const ALIAS = `conit() { node '${bin}' "$@"; }`;

prepare();
const steps = readSteps(readFileSync('README.md', 'utf8'));
if (steps.length === 0) fail('the README has no tour');
const dataDir = mkdtempSync(join(tmpdir(), 'conit-tour-'));
const cluster = spawn(process.execPath, [bin, 'cluster', '--data', dataDir], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let failures = 0;
try {
  await becomeReady();
  for (const step of steps) failures += take(step);
} finally {
  cluster.kill('SIGINT');
  await new Promise((resolve) => cluster.once('exit', resolve));
  rmSync(dataDir, { recursive: true, force: true });
}
console.log(`tour: ${steps.length - failures} of ${steps.length} commands as printed`);
process.exitCode = failures === 0 ? 0 : 1;

function readSteps(readme) {
  const section = readme.split(/^## /m).find((part) => part.startsWith('Guided tour')) ?? '';
  const blocks = [...section.matchAll(/^```console\n([\s\S]*?)^```$/gm)].map((match) => match[1]);
  return blocks.flatMap((block) =>
    block
      .split(/^\$ /m)
      .slice(1)
      .map((text) => {
        const lines = text.trimEnd().split('\n');
        return { command: lines[0], expected: lines.slice(1).map((line) => line.trimEnd()) };
      }),
  );
}

async function becomeReady() {
  cluster.stdout.resume();
  for (const deadline = Date.now() + READY_MS; Date.now() < deadline; await sleep(100)) {
    const states = await Promise.all([7070, 7080, 7090].map(isReady));
    if (states.every(Boolean)) return;
  }
  fail('the cluster did not become ready');
}

async function isReady(port) {
  try {
    return (await fetch(`http://127.0.0.1:${port}/readyz`)).ok;
  } catch {
    return false;
  }
}

function take({ command, expected }) {
  const run = spawnSync('bash', ['-c', `${ALIAS}\n${command}`], {
    encoding: 'utf8',
    // Files that commands write go with the data.
    cwd: dataDir,
    timeout: COMMAND_MS,
  });
  const actual = `${run.stdout}${run.stderr}`
    .replace(/\r/g, '')
    .trimEnd()
    .split('\n')
    .map((line) => line.trimEnd());
  if (pattern(expected).test(actual.join('\n'))) return 0;
  console.log(
    `tour: differs: ${command}\n--- README\n${expected.join('\n')}\n--- here\n${actual.join('\n')}\n`,
  );
  return 1;
}

function pattern(lines) {
  const source = lines.map((line) =>
    line === '…'
      ? '[\\s\\S]*?'
      : line
          .split('…')
          .map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
          .join('.*'),
  );
  return new RegExp(`^${source.join('\\n')}$`);
}

function fail(reason) {
  console.error(`tour: ${reason}`);
  process.exit(1);
}

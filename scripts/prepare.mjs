// Makes a clone ready to run: installs what package-lock.json names and compiles src into dist.
// Uses Node's own modules only, because it runs before anything is installed. Each step is skipped
// when its result is already there; `node scripts/prepare.mjs` alone does both.

import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('..', import.meta.url));

const bins = {
  biome: 'node_modules/@biomejs/biome/bin/biome',
  knip: 'scripts/knip.mjs',
  oxlint: 'node_modules/oxlint/bin/oxlint',
  tsc: 'node_modules/typescript/bin/tsc',
  vitest: 'node_modules/vitest/vitest.mjs',
};

/** Runs an installed tool to its end; the answer is its exit code. */
export function runTool(name, args) {
  return exitCode(spawnSync(process.execPath, [bins[name], ...args], attached()));
}

/** Installs and builds as needed; ends the process where either fails. */
export function prepare() {
  if (!isInstalled()) orExit('npm ci', install());
  if (!isBuilt()) orExit('build', build());
}

export function ensureInstalled() {
  if (!isInstalled()) orExit('npm ci', install());
}

/** Runs a program in the foreground, passes signals on to it, and ends with its exit code. */
export function become(command, args) {
  const child = spawn(command, args, attached());
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => forward(child, signal));
  }
  child.on('error', (error) => {
    console.error(error.message);
    process.exit(1);
  });
  child.on('exit', (status, signal) => process.exit(exitCode({ status, signal })));
}

// A terminal sends Ctrl-C to the whole foreground group: the child has it already, and a second one
// would be taken for an order to end at once.
function forward(child, signal) {
  const sentByTerminal = signal === 'SIGINT' && process.stdin.isTTY;
  if (!sentByTerminal) child.kill(signal);
}

// npm keeps a copy of the lock beside what it installed. Every installed package must be the locked
// one, and only optional packages (other platforms) may be absent.
function isInstalled() {
  const installed = readPackages('node_modules/.package-lock.json');
  if (installed === undefined) return false;
  const locked = readPackages('package-lock.json') ?? {};
  return Object.entries(locked).every(([path, entry]) => {
    if (path === '') return true;
    const found = installed[path];
    return found === undefined ? entry.optional === true : found.version === entry.version;
  });
}

function readPackages(path) {
  try {
    return JSON.parse(readFileSync(join(root, path), 'utf8')).packages;
  } catch {
    return undefined;
  }
}

function install() {
  console.error('installing packages');
  const args = ['ci', '--include=dev', '--no-audit', '--no-fund'];
  const npm = process.env.npm_execpath;
  return npm?.endsWith('.js')
    ? exitCode(spawnSync(process.execPath, [npm, ...args], attached()))
    : exitCode(spawnSync('npm', args, attached()));
}

const stamp = join(root, 'dist', '.built');

// The stamp carries the time at which the build began, so an edit made during it is not missed.
function build() {
  console.error('building');
  const begun = Date.now();
  rmSync(stamp, { force: true });
  const code = runTool('tsc', ['-p', 'tsconfig.build.json']);
  if (code !== 0) return code;
  mkdirSync(join(root, 'dist'), { recursive: true });
  writeFileSync(stamp, `${begun}\n`);
  return 0;
}

function isBuilt() {
  let begun;
  try {
    begun = Number(readFileSync(stamp, 'utf8'));
  } catch {
    return false;
  }
  return ['src', 'tsconfig.json', 'tsconfig.build.json', 'package-lock.json'].every(
    (path) => newestMs(join(root, path)) < begun,
  );
}

// A directory's own time counts too: it changes when a file is removed.
function newestMs(path) {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return 0;
  if (!stat.isDirectory()) return stat.mtimeMs;
  const children = readdirSync(path).map((name) => newestMs(join(path, name)));
  return Math.max(stat.mtimeMs, ...children);
}

function attached() {
  return { cwd: root, stdio: 'inherit' };
}

function exitCode({ status, signal, error }) {
  if (error !== undefined) console.error(error.message);
  if (typeof status === 'number') return status;
  return signal ? 128 + (constants.signals[signal] ?? 0) : 1;
}

function orExit(step, code) {
  if (code === 0) return;
  console.error(`${step} failed`);
  process.exit(code);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) prepare();

// Installs the other systems on demand, into a folder that git ignores: programs from Debian
// packages, unpacked and not installed, so that nothing is started or configured on the machine;
// pouchdb-server from npm. A program that is already in PATH is used. If a step fails, that system
// is `missing`.

import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const installTimeoutMs = 180_000;

export const repository = fileURLToPath(new URL('../../', import.meta.url));
export const benchFolder = join(repository, '.bench');
const debianRoot = join(benchFolder, 'debian');
const npmRoot = join(benchFolder, 'npm');

interface Program {
  readonly file: string;
  readonly env: Readonly<Record<string, string>>;
}

/** A Debian program; the packages are those that it needs beyond a plain system. */
export async function debianProgram(name: string, packages: readonly string[]): Promise<Program> {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  const installed = folders.map((folder) => join(folder, name)).find(existsSync);
  if (installed !== undefined) return { file: installed, env: {} };
  if (unpacked(name) === undefined) await unpack(packages);
  const file = unpacked(name);
  if (file === undefined) throw new Error(`${packages.join(', ')} do not contain ${name}`);
  return { file, env: { LD_LIBRARY_PATH: libraryFolders().join(delimiter) } };
}

/** A script from an npm package, for `node`. */
export async function npmScript(packages: readonly string[], script: string): Promise<string> {
  const file = join(npmRoot, 'node_modules', script);
  if (existsSync(file)) return file;
  mkdirSync(npmRoot, { recursive: true });
  writeFileSync(join(npmRoot, 'package.json'), '{ "private": true }\n');
  const flags = ['--omit=optional', '--ignore-scripts', '--engine-strict=false', '--no-audit'];
  await run('npm', ['install', ...flags, ...packages], { cwd: npmRoot, timeout: installTimeoutMs });
  return file;
}

function unpacked(name: string): string | undefined {
  const places = ['usr/bin', 'usr/sbin'].map((folder) => join(debianRoot, folder, name));
  return places.find(existsSync);
}

async function unpack(packages: readonly string[]): Promise<void> {
  const folder = join(benchFolder, 'packages');
  mkdirSync(folder, { recursive: true });
  const download = () =>
    run('apt-get', ['download', ...packages], { cwd: folder, timeout: installTimeoutMs });
  await download().catch(async () => {
    await run('apt-get', ['update'], { timeout: installTimeoutMs });
    await download();
  });
  for (const file of readdirSync(folder)) await run('dpkg', ['-x', join(folder, file), debianRoot]);
}

function libraryFolders(): readonly string[] {
  const folder = join(debianRoot, 'usr/lib');
  if (!existsSync(folder)) return [];
  return [folder, ...readdirSync(folder).map((name) => join(folder, name))];
}

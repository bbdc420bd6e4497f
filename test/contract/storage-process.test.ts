// What storage must survive in a real process: kill -9, a full disk, and a second process on the
// same data.

import { type ChildProcess, execFileSync, fork, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createDatabase } from '../../src/adapters/disk/level-database.ts';
import { type LevelStorage, openLevelStorage } from '../../src/adapters/disk/level-storage.ts';
import { KEYS_PER_BATCH, keyAt, type Said, TRIES_AFTER_FAILURE } from './committer.ts';

const program = join(import.meta.dirname, 'committer.ts');
const FILE_BYTES_MAX = 512 * 1024;
const KILLS = 4;
const BATCHES_TRACED = 30;
const children: ChildProcess[] = [];

describe('LevelDB in a process of its own', () => {
  let root: string;
  let folder: string;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'conit-storage-'));
    folder = join(root, 'log');
    await createDatabase(folder);
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill('SIGKILL');
    await rm(root, { recursive: true, force: true });
  });

  it('loses nothing that it acknowledged before kill -9, and leaves no gap', async () => {
    let acknowledged = -1;
    for (let kill = 1; kill <= KILLS; kill++) {
      const child = start(folder);
      const said = listen(child);
      await until(child, () => said.length >= 40 * kill);
      child.kill('SIGKILL');
      await once(child, 'close');
      acknowledged = Math.max(acknowledged, said.at(-1)?.batch ?? -1);
      expect(await countWhole(folder)).toBeGreaterThan(acknowledged);
    }
    expect(acknowledged).toBeGreaterThanOrEqual(40 * KILLS - 1);
  });

  it('is locked against other processes', async () => {
    const child = start(folder);
    const said = listen(child);
    await until(child, () => said.length > 0);
    await expect(openLevelStorage({ folder })).rejects.toMatchObject({ code: 'locked' });
    child.kill('SIGKILL');
    await once(child, 'close');
  });

  it.skipIf(!isInstalled('strace'))('syncs a batch before it acknowledges it', async () => {
    const trace = join(root, 'trace');
    const child = startTraced(folder, trace);
    const said = listen(child);
    await once(child, 'close');
    const synced = (await readFile(trace, 'utf8')).match(/fdatasync\(.* = 0$|resumed>.* = 0$/gm);
    expect(said).toHaveLength(BATCHES_TRACED);
    expect(synced?.length).toBeGreaterThanOrEqual(BATCHES_TRACED);
  });

  it.skipIf(!isInstalled('prlimit'))(
    'acknowledges nothing after an append that the disk refused, even when there is room again',
    async () => {
      const child = startLimited(folder);
      const said = listen(child);
      await until(child, () => said.at(-1)?.failure !== undefined);
      const failed = said.length - 1;
      execFileSync('prlimit', ['--pid', String(child.pid), '--fsize=unlimited:unlimited']);
      child.send('room');
      await once(child, 'close');
      expect(failed).toBeGreaterThan(100);
      expect(said).toHaveLength(failed + 1 + TRIES_AFTER_FAILURE);
      expect(new Set(said.slice(failed).map(({ failure }) => failure)).size).toBe(1);
      expect(await countWhole(folder)).toBeGreaterThanOrEqual(failed);
    },
  );
});

function start(folder: string): ChildProcess {
  return remember(fork(program, [folder], { execArgv: ['--import', 'tsx'] }));
}

// No file of the process may grow beyond the bound until the bound is lifted: a disk that is full
// for a while.
function startLimited(folder: string): ChildProcess {
  const limit = `--fsize=${FILE_BYTES_MAX}:unlimited`;
  const node = [process.execPath, '--import', 'tsx', program, folder, 'failure'];
  return startUnder('prlimit', [limit, ...node]);
}

function remember(child: ChildProcess): ChildProcess {
  children.push(child);
  return child;
}

function startTraced(folder: string, trace: string): ChildProcess {
  const node = [process.execPath, '--import', 'tsx', program, folder, String(BATCHES_TRACED)];
  const options = ['-f', '-e', 'trace=fdatasync', '-e', 'signal=none', '-o', trace];
  return startUnder('strace', [...options, ...node]);
}

function startUnder(tool: string, args: readonly string[]): ChildProcess {
  return remember(spawn(tool, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }));
}

function isInstalled(tool: string): boolean {
  return spawnSync(tool, ['--version']).status === 0;
}

function listen(child: ChildProcess): Said[] {
  const said: Said[] = [];
  child.on('message', (message) => said.push(message as Said));
  return said;
}

function until(child: ChildProcess, holds: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (): void => {
      if (holds()) resolve();
    };
    child.on('message', look);
    child.once('close', (code) => reject(new Error(`the process ended with ${code}`)));
    look();
  });
}

/** The number of batches, which must be complete and without a gap before the last. */
async function countWhole(folder: string): Promise<number> {
  const storage = await openLevelStorage({ folder });
  let whole = 0;
  while (partsOf(storage, whole) === KEYS_PER_BATCH) whole++;
  for (let beyond = whole; beyond < whole + 20; beyond++) expect(partsOf(storage, beyond)).toBe(0);
  await storage.close();
  return whole;
}

function partsOf(storage: LevelStorage, batch: number): number {
  const parts = Array.from({ length: KEYS_PER_BATCH }, (_, part) => part);
  return parts.filter((part) => storage.get(keyAt(batch, part)) !== undefined).length;
}

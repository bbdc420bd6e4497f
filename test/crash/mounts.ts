// File systems in files, mounted through loop devices. When this process ends they are unmounted,
// the last one first; the loop device goes with its mount.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { atEnd } from './last-will.ts';

const TRIES = 100;
const RETRY_MS = 20;

/** Cancels the unmounting at the end. */
const mounted = new Map<string, () => void>();

/** Why nothing can be mounted on this machine; tried once. */
export function mountObstacle(): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting needs root';
  for (const tool of ['mkfs.ext4', 'mount', 'umount', 'fsfreeze']) {
    if (spawnSync('which', [tool]).status !== 0) return `${tool} is missing`;
  }
  const folder = mkdtempSync(join(tmpdir(), 'conit-mount-'));
  const place = join(folder, 'mount');
  try {
    makeImage(join(folder, 'image'), 8);
    mount(join(folder, 'image'), place);
    run('umount', place);
    forget(place);
    return undefined;
  } catch (error) {
    return `no loop device can be mounted: ${error instanceof Error ? error.message : ''}`;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** An empty file system of this many MiB in a sparse file. */
export function makeImage(image: string, mib: number): void {
  writeFileSync(image, '');
  truncateSync(image, mib * 1024 * 1024);
  run('mkfs.ext4', '-q', '-m', '0', '-E', 'lazy_journal_init=1', image);
}

export function mount(image: string, folder: string): void {
  mkdirSync(folder, { recursive: true });
  run('mount', '-o', 'loop,noatime', image, folder);
  // Lazily: replicas may still be ending.
  mounted.set(folder, atEnd('umount', '-l', folder));
}

/** A process that was killed a moment ago may still use it. */
export async function unmount(folder: string): Promise<void> {
  for (let tries = 1; spawnSync('umount', [folder]).status !== 0; tries++) {
    if (tries === TRIES) throw new Error(`${folder} cannot be unmounted`);
    await sleep(RETRY_MS);
  }
  forget(folder);
}

/** Nothing is written to the file system while `act` runs; writers wait. */
export function whileFrozen(folder: string, act: () => void): void {
  const isThawed = atEnd('fsfreeze', '-u', folder);
  run('fsfreeze', '-f', folder);
  try {
    act();
  } finally {
    run('fsfreeze', '-u', folder);
    isThawed();
  }
}

/** A copy that keeps the holes. */
export function copyImage(from: string, to: string): void {
  run('cp', '--sparse=always', from, to);
}

function forget(folder: string): void {
  mounted.get(folder)?.();
  mounted.delete(folder);
}

function run(tool: string, ...args: string[]): void {
  execFileSync(tool, args, { stdio: ['ignore', 'ignore', 'pipe'] });
}

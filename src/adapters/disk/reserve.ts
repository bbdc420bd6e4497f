// A file that only occupies space. It is deleted when the disk is full: that frees the room to
// compact, to truncate the log and to stop in order.

import { randomFillSync } from 'node:crypto';
import { open, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { syncPath } from './durable-file.ts';

const PIECE_BYTES = 1024 * 1024;

/**
 * Writes `bytes` of noise, which a file system cannot compress, unless the file already has them.
 */
export async function makeReserve(path: string, bytes: number): Promise<void> {
  if ((await sizeOf(path)) === bytes) return;
  try {
    await writeNoise(path, bytes);
  } catch (error) {
    await releaseReserve(path);
    throw error;
  }
}

export async function releaseReserve(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncPath(dirname(path));
}

async function writeNoise(path: string, bytes: number): Promise<void> {
  const piece = Buffer.allocUnsafe(Math.min(PIECE_BYTES, bytes));
  const file = await open(path, 'w', 0o600);
  try {
    for (let left = bytes; left > 0; left -= piece.length) {
      randomFillSync(piece);
      await file.writeFile(piece.subarray(0, Math.min(left, piece.length)));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function sizeOf(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size;
  } catch {
    return undefined;
  }
}

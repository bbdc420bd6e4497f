// Files that survive a power cut. The bytes of a file and its name become durable separately:
// syncing the file makes its bytes durable, syncing its folder makes its name durable.

import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';

const FILE_MODE = 0o600;
const FOLDER_MODE = 0o700;

/**
 * Replaces a small file as a whole: after a crash the file has either the old text or the new one.
 */
export async function replaceFile(path: string, text: string): Promise<void> {
  const draft = draftOf(path);
  const file = await open(draft, 'w', FILE_MODE);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(draft, path);
  await syncPath(dirname(path));
}

/** A name beside `path` for the new file while it is prepared; nothing else uses it. */
export function draftOf(path: string): string {
  return `${path}.draft-${randomBytes(6).toString('hex')}`;
}

/** Removes files in a folder that were prepared and never finished. */
export async function removeDrafts(folder: string): Promise<void> {
  const names = await readdir(folder);
  const drafts = names.filter((name) => /\.draft-[0-9a-f]{12}$/.test(name));
  for (const name of drafts) await rm(join(folder, name), { recursive: true, force: true });
}

/** Makes a folder and its missing parents; every new name is durable. */
export async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    await syncPath(dirname(made));
  }
}

/** Syncs every file of a folder, and then the folder. */
export async function syncFolder(path: string): Promise<void> {
  for (const entry of await readdir(path, { withFileTypes: true })) {
    if (entry.isFile()) await syncPath(join(path, entry.name));
  }
  await syncPath(path);
}

export async function syncPath(path: string): Promise<void> {
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

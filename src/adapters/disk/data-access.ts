// Which other users may write the data. The replica trusts its directory, so a user with write
// access to it can forge any answer. Like PostgreSQL, it does not start on a directory that every
// user of the machine may write. Write access of a group is only reported, because Kubernetes
// volumes (`fsGroup`) have it. Only their owner can use new directories.

import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, reasonOf } from './data-error.ts';

const GROUP_WRITES = 0o020;
const OTHERS_WRITE = 0o002;
/** Windows has no permission bits. */
const hasModes = process.platform !== 'win32';

interface Access {
  readonly path: string;
  readonly who: 'others' | 'group' | 'owner';
}

/**
 * The first place in the directory, or one level below, that another user may write, the most
 * serious kind first; `undefined` if there is none. `owner`: the place belongs to a user that is
 * neither this one nor root.
 */
async function writableByOthers(folder: string): Promise<Access | undefined> {
  if (!hasModes) return undefined;
  let found: Access | undefined;
  for (const path of await placesIn(folder)) {
    const who = await whoElse(path);
    if (who === 'others') return { path, who };
    if (who !== undefined) found ??= { path, who };
  }
  return found;
}

/** Throws if every user may write there; warns if a group or another owner may. */
export async function checkAccess(folder: string): Promise<string | undefined> {
  const access = await writableByOthers(folder);
  if (access === undefined) return undefined;
  const { path, who } = access;
  const harm = 'a user who may write there can change or forge the data of this replica';
  if (who === 'owner')
    return `${path} belongs to another user: ${harm}; give it to the user that runs the replica (chown -R)`;
  const found = `${path} may be written by ${who === 'group' ? 'its group' : 'every user of this machine'}: ${harm}`;
  const advice = `chmod -R go-w ${folder}`;
  if (who === 'others')
    throw new DataError(
      'exposed',
      `${found}; nothing was opened. Remove the permission: ${advice}`,
    );
  return `${found}; unless the group is this replica's own: ${advice}`;
}

/** The folder, what is in it, and the files of its database. */
async function placesIn(folder: string): Promise<string[]> {
  const places = [folder];
  for (const name of await namesIn(folder)) places.push(join(folder, name));
  for (const name of await namesIn(join(folder, 'log'))) places.push(join(folder, 'log', name));
  return places;
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw new DataError('io', `${folder} cannot be read: ${reasonOf(error)}`, error);
  }
}

/**
 * Links have no permission bits, and files may appear and disappear while the previous process is
 * still ending.
 */
async function whoElse(path: string): Promise<Access['who'] | undefined> {
  try {
    const stat = await lstat(path);
    if (stat.isSymbolicLink()) return undefined;
    if ((stat.mode & OTHERS_WRITE) !== 0) return 'others';
    if ((stat.mode & GROUP_WRITES) !== 0) return 'group';
    const me = process.getuid?.();
    return me === undefined || stat.uid === me || stat.uid === 0 ? undefined : 'owner';
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new DataError(
      'io',
      `the permissions of ${path} cannot be read: ${reasonOf(error)}`,
      error,
    );
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

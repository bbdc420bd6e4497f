// Opens the LevelDB database of a replica, through `level` and classic-level.
//
// (1) Only `createDatabase` makes a database, and the database gets its name once it is complete.
// (2) Opening never makes one: if the CURRENT file were lost, LevelDB would start an empty store
//     and delete the old one.
// (3) Nothing is ever repaired: LevelDB's repair drops what it cannot read and reports success.

import { rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Level } from 'level';
import { DataError, reasonOf } from './data-error.ts';
import { draftOf, makeFolder, syncFolder, syncPath } from './durable-file.ts';

export type Database = Level<Uint8Array, Uint8Array>;

const MIB = 1024 * 1024;

// These values were measured. The core caches records, so the block cache is small. Snappy halves
// the files, costs no throughput, and turns most damage to a block into an error. A write buffer of
// 16 MiB instead of 4 MiB writes 12 % fewer bytes per put over ten thousand keys and 27 % fewer
// over a million, there with 15 % less CPU.
//
// LevelDB maps every open table, and the pages of it that were read count as memory of the process
// until the table is closed. The bound allows 80 tables, 5 in each of LevelDB's 16 shards, of
// mostly 2 MiB. Under random puts over a million keys there are more tables than that, so many
// reads open one and close another: a read takes 46 us then, and 13 us if all are open. Tables of
// 8 MiB would all be open, but with them a replica took 450 MB and more after ten minutes of such
// puts.
const TUNING = {
  keyEncoding: 'view',
  valueEncoding: 'view',
  compression: true,
  writeBufferSize: 16 * MIB,
  cacheSize: 8 * MIB,
  blockSize: 4096,
  maxFileSize: 2 * MIB,
  maxOpenFiles: 90,
} as const;

/** Opens the database in `folder`; throws a `DataError`. */
export function openDatabase(folder: string): Promise<Database> {
  return open(folder, false);
}

/** Makes an empty database. It survives a power cut as soon as it has its name. */
export async function createDatabase(folder: string): Promise<void> {
  const draft = draftOf(folder);
  await makeFolder(draft);
  const database = await open(draft, true);
  await firstWrite(database);
  await database.close();
  await syncFolder(draft);
  await rename(draft, folder).catch((error: unknown) => {
    throw new DataError('exists', `${folder} already exists`, error);
  });
  await syncPath(dirname(folder));
}

// LevelDB's own files survive a power cut only after the first synced write (google/leveldb#189).
async function firstWrite(database: Database): Promise<void> {
  const key = Uint8Array.of(0);
  await database.batch().put(key, key).del(key).write({ sync: true });
}

/** Methods of classic-level that the types of `level` do not have. */
interface Compactable {
  compactRange(
    from: Uint8Array,
    to: Uint8Array,
    options: { readonly keyEncoding: 'view' },
  ): Promise<void>;
}

/**
 * Rewrites all tables without deleted or replaced entries. This is slow, and needs room for a
 * merge.
 */
export async function compactAll(database: Database): Promise<void> {
  const all = database as unknown as Compactable;
  await all.compactRange(Uint8Array.of(0), Uint8Array.of(0xff, 0xff), { keyEncoding: 'view' });
}

async function open(folder: string, isNew: boolean): Promise<Database> {
  const options = { ...TUNING, createIfMissing: isNew, errorIfExists: isNew };
  const database: Database = new Level(folder, options);
  try {
    await database.open();
  } catch (error) {
    throw openError(folder, error);
  }
  return database;
}

const FREE_SPACE =
  'the disk is full, and no data is lost: free about 20 MiB on it, and start again';

function openError(folder: string, error: unknown): DataError {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  const code = (cause as { readonly code?: unknown }).code;
  const reason = reasonOf(cause);
  if (code === 'LEVEL_LOCKED') {
    return new DataError('locked', `${folder} is in use by another process (${reason})`, error);
  }
  if (code === 'LEVEL_CORRUPTION') {
    const advice = 'move the directory away, and the replica gets its data from its peers';
    return new DataError('damaged', `${folder} is damaged: ${reason}; ${advice}`, error);
  }
  if (reason.includes('create_if_missing is false')) {
    return new DataError('missing', `${folder} holds no database`, error);
  }
  if (reason.includes('error_if_exists is true')) {
    return new DataError('exists', `${folder} already holds a database`, error);
  }
  const advice = /no space left/i.test(reason) ? `; ${FREE_SPACE}` : '';
  return new DataError('io', `${folder} cannot be opened: ${reason}${advice}`, error);
}

// The data directory of a replica, and what a start does with what it finds in it:
//
//  identity   database
//  no         no         first start: both are made
//  yes        yes        normal
//  yes        no         lost: an empty database is created, and the loss is reported
//  yes        empty      lost too, because every incarnation first writes its number into the
//                        database; but not lost if no start has come that far yet
//  no         yes        refused: the replica that owns the data is unknown
//  any        broken     refused: there are files, but LevelDB cannot open them without losing
//                        some
//
// (1) Every start is a new incarnation. Its number is larger than every number in the identity and
//     the database, and is durable in the identity before it is used; so no dot is issued twice
//     from this disk. If peers confirm that the clock is right, the number is not below the clock
//     either, so a directory that was wiped or restored repeats no dot. Without the confirmation of
//     a majority the clock does not count: a clock that is years ahead would use up the numbers.
// (2) The number is taken while the lock of the database is held, so two processes never take the
//     same one.
// (3) An identity that names another cluster or another replica is refused before the database is
//     touched.
//
//  <folder>/identity.json   the replica that owns the directory
//  <folder>/log/            the LevelDB database
//  <folder>/reserve         space to free when the disk is full (space.ts)
//  <folder>/reserve-start   the same, for a start on a full disk: LevelDB writes before it opens

import { randomUUID } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { present } from '../../base/assert.ts';
import { type Incarnation, INCARNATION_MAX, nextIncarnation } from '../../model/id.ts';
import type { Storage, Trace } from '../../model/port.ts';
import { sealNothing } from '../../store/envelope.ts';
import { metaKey } from '../../store/layout.ts';
import { DataError, reasonOf } from './data-error.ts';
import { databasePath, reservesOf, START_BYTES } from './data-place.ts';
import { releaseReserve } from './reserve.ts';
import { measureDisk } from './space.ts';
import { makeFolder, removeDrafts } from './durable-file.ts';
import { type Identity, type Owner, readIdentity, writeIdentity } from './identity.ts';
import { createDatabase } from './level-database.ts';
import { type LevelStorage, openLevelStorage } from './level-storage.ts';

export interface DataOptions extends Owner {
  readonly folder: string;
  /** False only for benchmarks: see `LevelStorageOptions.sync`. */
  readonly sync: boolean;
  readonly note: Trace['note'];
  /** Milliseconds since 1970; `undefined` until the clock was compared with a majority. */
  readonly comparedWallMs: () => Promise<number | undefined>;
  /** The last incarnation in the database: 0 for none, `undefined` if it cannot be read. */
  readonly lastIncarnation: (storage: Storage) => Incarnation | undefined;
}

export interface OpenedData {
  readonly storage: LevelStorage;
  readonly identity: Identity;
  /** The number of this incarnation. */
  readonly incarnation: Incarnation;
  /** `lost`: this replica once had data, and now has none. */
  readonly data: 'fresh' | 'kept' | 'lost';
}

/** Opens the directory for one incarnation and creates it if missing; throws a `DataError`. */
export async function openDataDir(options: DataOptions): Promise<OpenedData> {
  const { folder } = options;
  await makeRoom(options);
  const identity = await readIdentity(identityPath(folder));
  const found = await findDatabase(databasePath(folder));
  if (identity !== undefined) refuseOthers(identity, options);
  else if (found !== 'none') throw ownerless(folder);
  else await initDataDir(options);
  if (found === 'broken') throw damaged(folder, 'it has files, but no CURRENT');
  if (found === 'none') await createDatabase(databasePath(folder));
  return begin(options);
}

/** LevelDB cannot be opened on a full disk. The reserve is released now and created again later. */
async function makeRoom({ folder, note }: DataOptions): Promise<void> {
  const use = await measureDisk(folder).catch(() => undefined);
  if (use === undefined || use.availableBytes >= START_BYTES) return;
  note('error', 'disk-full-at-start', { folder, ...use });
  try {
    for (const { path } of reservesOf(folder)) await releaseReserve(path);
  } catch (error) {
    note('warn', 'reserve-kept', { reason: reasonOf(error) });
  }
}

async function initDataDir({ folder, clusterId, replica }: DataOptions): Promise<void> {
  await makeFolder(folder);
  const identity = { clusterId, replica, uuid: randomUUID(), incarnation: 0 };
  await writeIdentity(identityPath(folder), identity);
}

async function findDatabase(path: string): Promise<'whole' | 'broken' | 'none'> {
  try {
    const names = await readdir(path);
    if (names.length === 0) return 'none';
    return names.includes('CURRENT') ? 'whole' : 'broken';
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'none';
    throw new DataError('io', `${path} cannot be read: ${reasonOf(error)}`, error);
  }
}

async function begin(options: DataOptions): Promise<OpenedData> {
  const { folder, sync } = options;
  const storage = await openLevelStorage({ folder: databasePath(folder), sync });
  try {
    await removeDrafts(folder);
    return { storage, ...(await beginLife(options, storage)) };
  } catch (error) {
    await storage.close();
    throw error;
  }
}

async function beginLife(
  options: DataOptions,
  storage: Storage,
): Promise<Omit<OpenedData, 'storage'>> {
  const { folder, lastIncarnation, comparedWallMs } = options;
  // Read again, because another process may have begun and ended an incarnation before this one got
  // the lock.
  const before = present(await readIdentity(identityPath(folder)), 'data: the identity is gone');
  refuseOthers(before, options);
  const inDatabase = lastIncarnation(storage);
  if (inDatabase === undefined)
    throw damaged(folder, 'the number of its last incarnation cannot be read');
  const last = Math.max(before.incarnation, inDatabase);
  const incarnation = nextIncarnation(last, await comparedWallMs());
  if (incarnation > INCARNATION_MAX) {
    throw new DataError(
      'incarnations-exhausted',
      `${folder} has used the last incarnation number: ${MOVE_AWAY}`,
    );
  }
  const isFirst = before.incarnation === 0 && inDatabase === 0;
  // If this start fails before its first commit, nothing is lost.
  if (isFirst) await commit(storage, UNUSED);
  const isUnused = isFirst || (inDatabase === 0 && storage.get(UNUSED) !== undefined);
  const identity = { ...before, incarnation };
  await writeIdentity(identityPath(folder), identity);
  const empty = isUnused ? 'fresh' : 'lost';
  return { identity, incarnation, data: inDatabase > 0 ? 'kept' : empty };
}

/** Marks a database that the first start has made and that no incarnation has written to. */
const UNUSED = metaKey('unused');

function commit(storage: Storage, key: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    storage.commit({ keys: [key], values: [sealNothing()] }, (failure) => {
      if (failure === undefined) resolve();
      else reject(new DataError('io', `the data cannot be written: ${failure}`));
    });
  });
}

const MOVE_AWAY = 'move the directory away, and the replica gets its data from its peers';

function refuseOthers(identity: Identity, { folder, clusterId, replica }: DataOptions): void {
  if (identity.clusterId !== clusterId) {
    const found = `${folder} belongs to the cluster ${identity.clusterId}`;
    throw new DataError(
      'other-cluster',
      `${found}, but this replica belongs to ${clusterId}; nothing was changed. Correct CONIT_CLUSTER_ID or CONIT_DATA_DIR`,
    );
  }
  if (identity.replica !== replica) {
    const found = `${folder} belongs to the replica ${identity.replica}`;
    throw new DataError(
      'other-replica',
      `${found}, but this replica is ${replica}; nothing was changed. Correct CONIT_REPLICA or CONIT_DATA_DIR`,
    );
  }
}

function ownerless(folder: string): DataError {
  const found = `${folder} holds data but no identity.json, so the replica that owns the data is unknown`;
  return new DataError('identity-missing', `${found}: restore the file, or ${MOVE_AWAY}`);
}

function damaged(folder: string, found: string): DataError {
  return new DataError('damaged', `${databasePath(folder)} is damaged: ${found}; ${MOVE_AWAY}`);
}

function identityPath(folder: string): string {
  return join(folder, 'identity.json');
}

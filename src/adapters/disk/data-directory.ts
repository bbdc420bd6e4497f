// The data directory of a replica, and the decision what a start finds in it:
//
//   identity   database
//   no         no         first start: both are made
//   yes        yes        normal
//   yes        no         lost: the database is created again, empty, and reported as lost
//   yes        empty      lost, too: every life writes its number into the database first; unless no start came so far yet
//   no         yes        refused: it is unknown whose data it is
//   any        broken     refused: files, but no database that LevelDB would open without losing them
//
// (1) Every start is a new incarnation, above all that the identity or the database knows, and durable in the identity before it
//     is used; so no dot is ever issued twice by what is on this disk. Where peers say that the clock is right it is not before
//     the clock either, so that neither does a directory that was wiped or restored. A clock that no majority has confirmed does not
//     number lives: one that is years ahead would use up their numbers.
// (2) The number is taken while the database's lock is held, so two processes never take the same.
// (3) An identity that names another cluster or another replica is refused before the database is touched.
//
//   <folder>/identity.json   who it belongs to
//   <folder>/log/            the LevelDB database
//   <folder>/reserve         space to free when the disk is full (space.ts)
//   <folder>/reserve-start   the same, for a start on a full disk: LevelDB writes before it opens

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
  /** Milliseconds since 1970, where the clock was compared with those of a majority; else `undefined`. */
  readonly comparedWallMs: () => Promise<number | undefined>;
  /** The last incarnation that the database remembers: 0 when none, `undefined` when it cannot be read. */
  readonly lastIncarnation: (storage: Storage) => Incarnation | undefined;
}

export interface OpenedData {
  readonly storage: LevelStorage;
  readonly identity: Identity;
  /** Of this life. */
  readonly incarnation: Incarnation;
  /** `lost`: this replica held data once and holds none now. */
  readonly data: 'fresh' | 'kept' | 'lost';
}

/** Opens the directory for one life of the replica, making it first where there is none; throws a `DataError`. */
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

/** LevelDB cannot open on a full disk. The reserve for that is released now, and created again once there is room. */
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
  // Read again: before the lock was ours, another process may have begun and ended a life.
  const before = present(await readIdentity(identityPath(folder)), 'data: the identity is gone');
  refuseOthers(before, options);
  const inDatabase = lastIncarnation(storage);
  if (inDatabase === undefined) throw damaged(folder, 'its last incarnation cannot be read');
  const last = Math.max(before.incarnation, inDatabase);
  const incarnation = nextIncarnation(last, await comparedWallMs());
  if (incarnation > INCARNATION_MAX) {
    throw new DataError(
      'incarnations-exhausted',
      `${folder} has no incarnation left: ${MOVE_AWAY}`,
    );
  }
  const isFirst = before.incarnation === 0 && inDatabase === 0;
  // Whatever keeps this start from its first commit, nothing is lost with it.
  if (isFirst) await commit(storage, UNUSED);
  const isUnused = isFirst || (inDatabase === 0 && storage.get(UNUSED) !== undefined);
  const identity = { ...before, incarnation };
  await writeIdentity(identityPath(folder), identity);
  const empty = isUnused ? 'fresh' : 'lost';
  return { identity, incarnation, data: inDatabase > 0 ? 'kept' : empty };
}

/** In a database that the first start has made, and that no life has written to yet. */
const UNUSED = metaKey('unused');

function commit(storage: Storage, key: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    storage.commit({ keys: [key], values: [sealNothing()] }, (failure) => {
      if (failure === undefined) resolve();
      else reject(new DataError('io', `the data cannot be written: ${failure}`));
    });
  });
}

const MOVE_AWAY = 'move the directory away, and the replica comes back from its peers';

function refuseOthers(identity: Identity, { folder, clusterId, replica }: DataOptions): void {
  if (identity.clusterId !== clusterId) {
    const found = `${folder} belongs to the cluster ${identity.clusterId}`;
    throw new DataError('other-cluster', `${found}, this replica to ${clusterId}`);
  }
  if (identity.replica !== replica) {
    const found = `${folder} belongs to the replica ${identity.replica}`;
    throw new DataError('other-replica', `${found}, this one is ${replica}`);
  }
}

function ownerless(folder: string): DataError {
  const found = `${folder} holds data but no identity.json, so it is unknown whose data it is`;
  return new DataError('identity-missing', `${found}: restore the file, or ${MOVE_AWAY}`);
}

function damaged(folder: string, found: string): DataError {
  return new DataError('damaged', `${databasePath(folder)} is damaged: ${found}; ${MOVE_AWAY}`);
}

function identityPath(folder: string): string {
  return join(folder, 'identity.json');
}

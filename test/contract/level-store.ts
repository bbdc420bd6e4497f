// LevelDB under the storage contract: a folder of its own, real failures and real damage.

import { renameSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDatabase } from '../../src/adapters/disk/level-database.ts';
import { type LevelStorage, openLevelStorage } from '../../src/adapters/disk/level-storage.ts';
import type { StoreUnderTest } from './storage.contract.ts';

/** More than LevelDB keeps in memory, so that the next write must begin a new file. */
const FILLER_BYTES = 17 * 1024 * 1024;

export async function createLevelStore(): Promise<StoreUnderTest> {
  const root = await mkdtemp(join(tmpdir(), 'conit-storage-'));
  const folder = join(root, 'log');
  await createDatabase(folder);
  let storage = await openLevelStorage({ folder });
  const reopen = async (): Promise<void> => {
    await storage.close();
    storage = await openLevelStorage({ folder });
  };
  return {
    get storage() {
      return storage;
    },
    settle: () => {},
    reopen,
    failNextCommit: () => takeAway(folder, storage),
    async damageMiddle() {
      // The first call writes the log into tables, the second one releases them.
      await reopen();
      await storage.close();
      await damageTables(folder);
      storage = await openLevelStorage({ folder });
    },
    async close() {
      await storage.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

// LevelDB cannot make its next file while its folder has another name. Once the folder has its name
// back, LevelDB itself would continue to write.
async function takeAway(folder: string, storage: LevelStorage): Promise<() => void> {
  const filler = { keys: [Uint8Array.of(0xfe)], values: [new Uint8Array(FILLER_BYTES)] };
  await new Promise((resolve) => storage.commit(filler, resolve));
  renameSync(folder, `${folder}.away`);
  return () => renameSync(`${folder}.away`, folder);
}

async function damageTables(folder: string): Promise<void> {
  const tables = (await readdir(folder)).filter((name) => name.endsWith('.ldb'));
  if (tables.length === 0) throw new Error('there is no table to damage');
  for (const name of tables) {
    const content = await readFile(join(folder, name));
    content.fill(0xff, Math.floor(content.length * 0.4), Math.floor(content.length * 0.6));
    await writeFile(join(folder, name), content);
  }
}

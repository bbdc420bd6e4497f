// The storage module under 64 writers, compared with the least code that LevelDB needs for the same
// work: a chained batch, synced. Both take turns under the same writers.

import { join } from 'node:path';

import { Level } from 'level';

import { createDatabase } from '../../../src/adapters/disk/level-database.ts';
import { openLevelStorage } from '../../../src/adapters/disk/level-storage.ts';
import { type Committer, putsPerSecond } from './writers.ts';

const turns = 3;

interface StorageResult {
  /** Puts per second of the bare loop, each turn. */
  readonly bare: readonly number[];
  /** The module divided by the bare loop, each turn. */
  readonly ratios: readonly number[];
}

export async function measureStorage(folder: string, seconds: number): Promise<StorageResult> {
  const bare: number[] = [];
  const ratios: number[] = [];
  for (let turn = 0; turn < turns; turn += 1) {
    const bareRate = await rateOf(await openBare(join(folder, `bare-${turn}`)), seconds);
    bare.push(bareRate);
    const module = await openModule(join(folder, `module-${turn}`));
    ratios.push((await rateOf(module, seconds)) / bareRate);
  }
  return { bare, ratios };
}

interface Opened {
  readonly commit: Committer;
  readonly close: () => Promise<void>;
}

/** The measured code: src/adapters/disk/level-storage. */
async function openModule(folder: string): Promise<Opened> {
  await createDatabase(folder);
  const storage = await openLevelStorage({ folder });
  return {
    commit: (batch) =>
      new Promise((resolve, reject) => {
        storage.commit(batch, (failure) => {
          if (failure === undefined) resolve();
          else reject(new Error(failure));
        });
      }),
    close: () => storage.close(),
  };
}

async function openBare(folder: string): Promise<Opened> {
  const options = { keyEncoding: 'view', valueEncoding: 'view' } as const;
  const level = new Level<Uint8Array, Uint8Array>(folder, options);
  await level.open();
  return {
    async commit({ keys, values }) {
      const batch = level.batch();
      for (const [index, key] of keys.entries()) {
        const value = values[index];
        if (value !== undefined) batch.put(key, value);
      }
      await batch.write({ sync: true });
    },
    close: () => level.close(),
  };
}

async function rateOf({ commit, close }: Opened, seconds: number): Promise<number> {
  const rate = await putsPerSecond(commit, seconds);
  await close();
  return rate;
}

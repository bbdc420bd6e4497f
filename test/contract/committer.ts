// A process for the storage tests to kill: commits batch after batch to the given folder and
// reports to its parent which are acknowledged. Batch n sets three keys to n, so a part of a batch
// would show.
//
//   committer.ts FOLDER          until it is killed
//   committer.ts FOLDER 50       this number of batches
//   committer.ts FOLDER failure  until a commit fails; then asks for room, and reports ten more
//                                commits

import { openLevelStorage } from '../../src/adapters/disk/level-storage.ts';
import type { Batch } from '../../src/model/port.ts';
import { bytes, numbered } from './storage.contract.ts';

export const KEYS_PER_BATCH = 3;
export const TRIES_AFTER_FAILURE = 10;

export interface Said {
  readonly batch: number;
  readonly failure: string | undefined;
}

export function keyAt(batch: number, part: number): Uint8Array {
  return bytes(`${numbered('b', batch)}.${part}`);
}

function batchAt(batch: number): Batch {
  const parts = Array.from({ length: KEYS_PER_BATCH }, (_, part) => part);
  return {
    keys: parts.map((part) => keyAt(batch, part)),
    values: parts.map(() => bytes(String(batch).padEnd(100))),
  };
}

async function run(folder: string, mode: string): Promise<void> {
  const storage = await openLevelStorage({ folder });
  const commit = (batch: number): Promise<string | undefined> =>
    new Promise((resolve) => {
      storage.commit(batchAt(batch), (failure) => {
        process.send?.({ batch, failure } satisfies Said);
        resolve(failure);
      });
    });
  const batches = mode === 'failure' || mode === '' ? Number.POSITIVE_INFINITY : Number(mode);
  let batch = 0;
  while (batch < batches && (await commit(batch)) === undefined) batch++;
  if (mode === 'failure') {
    await new Promise((resolve) => process.once('message', resolve));
    for (let more = 1; more <= TRIES_AFTER_FAILURE; more++) await commit(batch + more);
  }
  await storage.close();
  process.disconnect();
}

const [, script = '', folder = '', mode = ''] = process.argv;
if (script.endsWith('committer.ts')) await run(folder, mode);

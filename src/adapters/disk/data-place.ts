// The paths inside the data directory of a replica (data-directory.ts).

import { join } from 'node:path';

const MIB = 1024 * 1024;
const RUNNING_BYTES = 8 * MIB;
/** What LevelDB writes before it is open: a table of up to one write buffer, and a manifest. */
export const START_BYTES = 20 * MIB;

/** Space that is released when the disk is full. */
export interface Reserve {
  readonly path: string;
  /** The largest size; on a small volume the reserve is a share of the volume. */
  readonly bytes: number;
  /** True if the running replica may release it; otherwise only a start does. */
  readonly isForRunning: boolean;
}

export function reservesOf(folder: string): readonly Reserve[] {
  return [
    { path: join(folder, 'reserve'), bytes: RUNNING_BYTES, isForRunning: true },
    { path: join(folder, 'reserve-start'), bytes: START_BYTES, isForRunning: false },
  ];
}

export function databasePath(folder: string): string {
  return join(folder, 'log');
}

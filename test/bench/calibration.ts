// The speed of the machine at this time: how long a 4 KiB write and fdatasync take, in the folder
// where the systems keep their data.

import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';

import { Histogram, type Quantiles } from './client/histogram.ts';

const syncs = 300;
const blockBytes = 4096;

export interface Machine {
  readonly cores: number;
  readonly processor: string;
  readonly node: string;
}

export function machine(): Machine {
  const processors = cpus();
  return {
    cores: processors.length,
    processor: processors[0]?.model ?? 'unknown',
    node: process.versions.node,
  };
}

/** Time of one write and sync. */
export function calibrateSync(folder: string): Quantiles {
  const file = join(folder, 'calibration');
  const handle = openSync(file, 'w');
  const block = Buffer.alloc(blockBytes, 1);
  const times = new Histogram();
  for (let index = 0; index < syncs; index += 1) {
    const begun = performance.now();
    writeSync(handle, block);
    fdatasyncSync(handle);
    times.record(performance.now() - begun);
  }
  closeSync(handle);
  rmSync(file);
  return times.quantiles();
}

// Where clients write what they saw. Each line is passed to the kernel before the client continues,
// so the history outlives the process that writes it. It belongs on a file system that no fault of
// the run reaches.

import { closeSync, openSync, writeSync } from 'node:fs';
import { formatOperation, type Operation } from './operation.ts';

export interface Recorder {
  readonly operations: readonly Operation[];
  /** Whole nanoseconds since the recorder was made. */
  now(): number;
  /** A number for a new process. */
  nextProcess(): number;
  add(operation: Operation): void;
  close(): void;
}

export function createRecorder(file: string): Recorder {
  const operations: Operation[] = [];
  const handle = openSync(file, 'w', 0o600);
  const begun = process.hrtime.bigint();
  let processes = 0;
  return {
    operations,
    now: () => Number(process.hrtime.bigint() - begun),
    nextProcess: () => ++processes,
    add(operation) {
      writeSync(handle, `${formatOperation(operation)}\n`);
      operations.push(operation);
    },
    close: () => closeSync(handle),
  };
}

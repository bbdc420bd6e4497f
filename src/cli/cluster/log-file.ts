// The output of a child replica on disk. Each start begins a new file, and so does a full one. Only
// a few old files are kept, so a replica that logs without end cannot fill the disk. If the disk is
// full, output is dropped and the cluster keeps running.

import { closeSync, mkdirSync, openSync, renameSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const FILE_BYTES_MAX = 16 * 1024 * 1024;
const OLD_FILES_MAX = 3;

interface LogFile {
  write(text: string): void;
  close(): void;
}

export function openLogFile(file: string, bytesMax = FILE_BYTES_MAX): LogFile {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
  let handle: number | undefined;
  let bytes = 0;
  const close = (): void => {
    if (handle !== undefined) closeSync(handle);
    handle = undefined;
    bytes = 0;
  };
  return {
    write(text) {
      try {
        if (bytes > bytesMax) close();
        handle ??= begin(file);
        bytes += writeSync(handle, text);
      } catch {
        // The next line tries again.
      }
    },
    close,
  };
}

function begin(file: string): number {
  if ((statSync(file, { throwIfNoEntry: false })?.size ?? 0) > 0) rotate(file);
  return openSync(file, 'a', 0o600);
}

/** `conit.log` becomes `conit.log.1`, that one `conit.log.2`; the oldest is overwritten. */
function rotate(file: string): void {
  for (let age = OLD_FILES_MAX - 1; age >= 1; age--) {
    renameIfThere(`${file}.${age}`, `${file}.${age + 1}`);
  }
  renameIfThere(file, `${file}.1`);
}

function renameIfThere(from: string, to: string): void {
  if (statSync(from, { throwIfNoEntry: false }) !== undefined) renameSync(from, to);
}

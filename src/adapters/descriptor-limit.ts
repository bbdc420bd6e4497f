// How many files and sockets the process may have open. At its start Node raises the soft limit to
// the hard one, but no function of Node reports either.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const OPEN_FILES = /^Max open files\s+(\d+|unlimited)\s/m;

/** `undefined` if there is no limit, or if this machine does not report one. */
export function descriptorLimit(): number | undefined {
  return parseLimits(readOrEmpty('/proc/self/limits')) ?? askShell();
}

/** Reads the soft limit from the text of /proc/PID/limits. */
export function parseLimits(text: string): number | undefined {
  return asLimit(OPEN_FILES.exec(text)?.[1]);
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

// For machines without /proc. A child process inherits the limit of its parent.
function askShell(): number | undefined {
  if (process.platform === 'linux' || process.platform === 'win32') return undefined;
  try {
    return asLimit(execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' }).trim());
  } catch {
    return undefined;
  }
}

function asLimit(text: string | undefined): number | undefined {
  return text === undefined || !/^\d+$/.test(text) ? undefined : Number(text);
}

// How many files and sockets the process may have open. Node raises the soft limit to the hard one as it starts, and does
// not tell either.

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';

const OPEN_FILES = /^Max open files\s+(\d+|unlimited)\s/m;

/** `undefined`: there is none, or this machine does not say. */
export function descriptorLimit(): number | undefined {
  return parseLimits(readOrEmpty('/proc/self/limits')) ?? askShell();
}

/** The soft limit in the text of /proc/PID/limits. */
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

// Where there is no /proc. A child has the limit of its parent.
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

// Whether SIGHUP ends this process. The signal means that the terminal has closed. A process that
// was started to outlive its terminal (`nohup`, `trap '' HUP`, a service manager, a container) must
// not end then, but Node discards at its start that the signal was ignored. Two signs remain:
// `nohup` and services leave none of the three standard streams on a terminal, and a signal that a
// shell ignores is listed in /proc.

import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

const SIGHUP_BIT = 1n;

/** Checked once, at the start. */
export function heedsHangUp(): boolean {
  return [0, 1, 2].some((fd) => isatty(fd)) && !isIgnoredBy(`/proc/${process.ppid}/status`);
}

function isIgnoredBy(statusFile: string): boolean {
  try {
    const mask = /^SigIgn:\s*([0-9a-f]+)$/m.exec(readFileSync(statusFile, 'utf8'))?.[1] ?? '0';
    return (BigInt(`0x${mask}`) & SIGHUP_BIT) !== 0n;
  } catch {
    return false;
  }
}

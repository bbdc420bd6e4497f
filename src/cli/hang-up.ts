// Whether SIGHUP concerns this process. It says that a terminal is gone. A process that was started to outlive its terminal
// (`nohup`, `trap '' HUP`, a service manager, a container) must not end for it. Node forgets at its start that the signal was
// ignored, so that cannot be asked. What can be: `nohup` leaves none of the three standard streams on a terminal, nor do
// services; and a shell that ignores the signal says so in /proc.

import { readFileSync } from 'node:fs';
import { isatty } from 'node:tty';

const SIGHUP_BIT = 1n;

/** Asked once, at the start. */
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

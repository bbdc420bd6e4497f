// Ends this process from outside, in case it cannot end itself. `exit` waits for the threads of libuv's pool, and one of
// them may be held by a stuck disk or reader. So a child process waits, and kills what is still running then.
//
// Where no child can be started, or the process is the first one of a container without an init (the kernel lets nobody in
// there kill it), the supervisor's own patience is the last resort.

import { spawn } from 'node:child_process';

/**
 * The channel closes with the process: then there is nothing to kill, and the number may be another's. 124 says that the
 * time was over, 143 says so where `timeout` is BusyBox's.
 */
const SCRIPT = 'timeout "$1" cat >/dev/null; case $? in 124|143) kill -9 "$0";; esac';

/** From now on the process has this long to end. Seconds are whole. */
export function endWithin(seconds: number): void {
  try {
    const child = spawn('/bin/sh', ['-c', SCRIPT, String(process.pid), String(seconds)], {
      stdio: ['pipe', 'ignore', 'ignore'],
      detached: true,
    });
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    child.unref();
  } catch {
    // No process to be had: what follows goes without.
  }
}

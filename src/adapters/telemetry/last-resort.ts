// Ends this process from outside, in case it cannot end itself. `exit` waits for the threads of
// libuv's pool, and a stuck disk or reader may block one of them. So a child process waits, and
// kills this process if it is still running after the limit.
//
// If no child can be started, or if the process is the first one of a container without an init
// (the kernel lets no process in the container kill it), the time limit of the supervisor is the
// last resort.

import { spawn } from 'node:child_process';

/**
 * The channel closes when the process ends: then there is nothing to kill, and its number may
 * belong to another process. Exit code 124 means that the time is over; BusyBox's `timeout` has 143
 * for that.
 */
const SCRIPT = 'timeout "$1" cat >/dev/null; case $? in 124|143) kill -9 "$0";; esac';

/** From now on the process has this long to end, in whole seconds. */
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
    // The child could not be started; the process ends without it.
  }
}

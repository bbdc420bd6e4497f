// Which CPUs a process may run on. A client on the CPU of the servers would distort the
// measurement.

import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';

export interface Pinning {
  readonly about: string;
  /** The servers get the first CPU, this process the second. */
  apply(pids: readonly number[]): void;
}

export function pinning(): Pinning {
  const hasTool = spawnSync('taskset', ['--version'], { stdio: 'ignore' }).status === 0;
  if (!hasTool || availableParallelism() < 2) {
    const reason = hasTool ? 'one CPU only' : 'taskset is missing (apt-get install util-linux)';
    return { about: `client and replicas share all CPUs: ${reason}`, apply: () => undefined };
  }
  return {
    about: 'three replicas on one CPU, the client on another',
    apply(pids) {
      for (const pid of pids) pin(pid, 0);
      pin(process.pid, 1);
    },
  };
}

function pin(pid: number, cpu: number): void {
  const { status } = spawnSync('taskset', ['-a', '-p', '-c', String(cpu), String(pid)], {
    stdio: 'ignore',
  });
  if (status !== 0) throw new Error(`process ${pid} cannot be bound to CPU ${cpu}`);
}

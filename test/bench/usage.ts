// The resource use of processes, from Linux's /proc: CPU time including their children, resident
// memory, and bytes written to the disk. CPU time has ticks of 10 ms, which is fine enough over a
// round.

import { readFileSync } from 'node:fs';

const tickSeconds = 1 / 100;
const pageBytes = 4096;

export interface Usage {
  readonly cpuSeconds: number;
  readonly rssBytes: number;
  readonly writtenBytes: number;
}

/** The sum over the processes and all that they have started. */
export function usageOf(pids: readonly number[]): Usage {
  const usages = pids.flatMap(withDescendants).map(usageOfOne);
  return {
    cpuSeconds: sum(usages.map(({ cpuSeconds }) => cpuSeconds)),
    rssBytes: sum(usages.map(({ rssBytes }) => rssBytes)),
    writtenBytes: sum(usages.map(({ writtenBytes }) => writtenBytes)),
  };
}

/** CPU time that the whole machine has used, and that its host has taken from it. */
export function machineCpuSeconds(): number {
  const all = readFileSync('/proc/stat', 'utf8').split('\n', 1)[0] ?? '';
  const [user, nice, system, , , irq, softirq, steal] = all.split(/ +/).slice(1, 9).map(Number);
  return sum([user, nice, system, irq, softirq, steal].map((ticks) => ticks ?? 0)) * tickSeconds;
}

function withDescendants(pid: number): number[] {
  const children = read(pid, `task/${pid}/children`).split(' ').filter(Boolean).map(Number);
  return [pid, ...children.flatMap(withDescendants)];
}

function usageOfOne(pid: number): Usage {
  const ticks = fieldsAfterName(read(pid, 'stat')).slice(11, 15).map(Number);
  return {
    cpuSeconds: sum(ticks) * tickSeconds,
    rssBytes: Number(read(pid, 'statm').split(' ')[1] ?? 0) * pageBytes,
    writtenBytes: Number(/^write_bytes: (\d+)$/m.exec(read(pid, 'io'))?.[1] ?? 0),
  };
}

// The name in parentheses may itself contain spaces. After it come state, ppid, …; the fields 14 to
// 17 of proc(5) are utime, stime, cutime, cstime.
function fieldsAfterName(stat: string): string[] {
  return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function read(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return '';
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

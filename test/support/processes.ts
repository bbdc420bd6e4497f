// Processes as Linux shows them in /proc: who was started by whom, and who is still there.

import { readFileSync, readdirSync } from 'node:fs';

/** The processes that `pid` has started, and theirs. */
export function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

/** Zombies do not count: they have ended. */
export function isAlive(pid: number): boolean {
  const state = / (?<state>[A-Za-z]) /.exec(read(`/proc/${pid}/stat`).split(')').at(-1) ?? '');
  return state !== null && state.groups?.['state'] !== 'Z';
}

/** Bytes of memory that it holds. */
export function residentBytes(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(read(`/proc/${pid}/status`))?.[1] ?? 0) * 1024;
}

function childrenOf(pid: number): number[] {
  try {
    const threads = readdirSync(`/proc/${pid}/task`);
    const lists = threads.map((thread) => read(`/proc/${pid}/task/${thread}/children`));
    return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

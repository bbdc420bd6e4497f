// Processes as Linux shows them in /proc: their parents, and whether they still run.

import { readFileSync, readdirSync } from 'node:fs';

/** The processes that `pid` has started, and those that these have started. */
export function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

/** Zombies do not count: they have ended. */
export function isAlive(pid: number): boolean {
  return !['', 'Z'].includes(stateOf(pid));
}

/**
 * The letter of its state in /proc: `T` is stopped, `Z` a zombie; '' if the process does not exist.
 */
export function stateOf(pid: number): string {
  const rest = read(`/proc/${pid}/stat`).split(')').at(-1) ?? '';
  return / (?<state>[A-Za-z]) /.exec(rest)?.groups?.['state'] ?? '';
}

export interface Resident {
  readonly totalBytes: number;
  /** Memory of its own: heaps and stacks. */
  readonly anonymousBytes: number;
  /** Pages of files, which the kernel can take back. */
  readonly fileBytes: number;
}

/** The memory of the process; zeros if it does not exist. */
export function residentOf(pid: number): Resident {
  const status = read(`/proc/${pid}/status`);
  const bytes = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return {
    totalBytes: bytes('VmRSS'),
    anonymousBytes: bytes('RssAnon'),
    fileBytes: bytes('RssFile'),
  };
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

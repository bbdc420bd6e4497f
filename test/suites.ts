// The suites that vitest runs, one folder under test/ each. A test file outside of them would never
// run; a house test looks for such files.

export interface Suite {
  readonly name: string;
  readonly timeoutMs: number;
  readonly pool: 'threads' | 'forks';
  /** One file at a time, after all suites whose files may run side by side. */
  readonly alone: boolean;
}

export const suites: readonly Suite[] = [
  { name: 'unit', timeoutMs: 10_000, pool: 'threads', alone: false },
  { name: 'property', timeoutMs: 60_000, pool: 'threads', alone: false },
  { name: 'scenario', timeoutMs: 30_000, pool: 'threads', alone: false },
  { name: 'contract', timeoutMs: 30_000, pool: 'threads', alone: false },
  { name: 'e2e', timeoutMs: 300_000, pool: 'forks', alone: true },
];

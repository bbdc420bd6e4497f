// The suites that vitest runs, one folder under test/ each. A test file outside of them would never
// run; a house test looks for such files.

export interface Suite {
  readonly name: string;
  /**
   * Ends a test that hangs. No test passes or fails by how long it takes: the machine may be busy.
   */
  readonly timeoutMs: number;
  readonly pool: 'threads' | 'forks';
  /** One file at a time, after all suites whose files may run side by side. */
  readonly alone: boolean;
}

export const suites: readonly Suite[] = [
  { name: 'unit', timeoutMs: 60_000, pool: 'threads', alone: false },
  { name: 'property', timeoutMs: 240_000, pool: 'threads', alone: false },
  { name: 'scenario', timeoutMs: 240_000, pool: 'threads', alone: false },
  { name: 'contract', timeoutMs: 240_000, pool: 'threads', alone: false },
  { name: 'e2e', timeoutMs: 900_000, pool: 'forks', alone: true },
];

// Puts one bug into the copy and runs the simulation or the test that must find it. The copy
// without the bug shows that it is this bug that is found: there the named test passes, and the
// seed that found something finds nothing.

import { type FoundBy, type Mutant, sim } from './mutant.ts';
import { runNamed } from './named-test.ts';
import type { Options } from './options.ts';
import type { Sandbox } from './sandbox.ts';
import { reasonsOf, search } from './simulation.ts';

export type Hunted =
  | {
      readonly kind: 'found';
      readonly by: 'sim';
      /** The number of seeds that each run took. */
      readonly seeds: readonly number[];
      readonly checks: readonly string[];
      readonly reasons: readonly string[];
    }
  | { readonly kind: 'found'; readonly by: 'test'; readonly reasons: readonly string[] }
  | { readonly kind: 'not-found'; readonly reason: string }
  | { readonly kind: 'open'; readonly reason: string }
  /**
   * The result decides nothing about the mutant: its copy does not compile, or the test fails
   * without it.
   */
  | { readonly kind: 'error'; readonly reason: string };

type Sim = FoundBy & { readonly kind: 'sim' };
type Test = FoundBy & { readonly kind: 'test' };

export async function hunt(sandbox: Sandbox, mutant: Mutant, options: Options): Promise<Hunted> {
  const foundBy = finderOf(mutant, options);
  if (foundBy.kind === 'nothing') return { kind: 'open', reason: foundBy.why };
  const refusal = await sandbox.with(mutant, () => sandbox.compile());
  if (refusal !== undefined) return { kind: 'error', reason: refusal };
  return foundBy.kind === 'test'
    ? inTest(sandbox, mutant, foundBy)
    : inSimulation(sandbox, mutant, foundBy, options);
}

/** The test that must find it in this run. */
export function finderOf({ foundBy }: Mutant, { bySimulation }: Options): FoundBy {
  return bySimulation && foundBy.kind !== 'sim' ? sim : foundBy;
}

async function inTest(sandbox: Sandbox, mutant: Mutant, { file, name }: Test): Promise<Hunted> {
  const before = await runNamed(sandbox, file, name);
  if (before.kind !== 'passed') {
    return {
      kind: 'error',
      reason: `without the mutant the test ${before.kind}: ${before.reason}`,
    };
  }
  const after = await sandbox.with(mutant, () => runNamed(sandbox, file, name));
  if (after.kind === 'broken') return { kind: 'error', reason: after.reason };
  if (after.kind === 'passed') return { kind: 'not-found', reason: `"${name}" passes` };
  return { kind: 'found', by: 'test', reasons: [after.reason] };
}

async function inSimulation(
  sandbox: Sandbox,
  mutant: Mutant,
  { seeds: most, options: words = [] }: Sim,
  { runs, workers, why }: Options,
): Promise<Hunted> {
  const seeds: number[] = [];
  const checks = new Set<string>();
  const reasons: string[] = [];
  for (let run = 0; run < runs; run++) {
    const from = 1 + run * most;
    const asked = { from, seeds: most, workers, options: words };
    const result = await sandbox.with(mutant, () => search(sandbox, asked));
    if (result.kind === 'broken') return { kind: 'error', reason: result.reason };
    if (result.kind === 'clean') {
      const found = seeds.length === 0 ? '' : `, though ${seeds.length} earlier runs found it`;
      return { kind: 'not-found', reason: `in ${most} seeds from ${from} on${found}` };
    }
    const again = { from: result.seed, seeds: 1, workers: 1, options: words };
    const without = await search(sandbox, again);
    if (without.kind !== 'clean') {
      return {
        kind: 'error',
        reason: `seed ${result.seed} also finds something without the mutant`,
      };
    }
    seeds.push(result.seeds);
    for (const check of result.checks) checks.add(check);
    if (why && run === 0)
      reasons.push(...(await sandbox.with(mutant, () => reasonsOf(sandbox, result.seed, words))));
  }
  return { kind: 'found', by: 'sim', seeds, checks: [...checks], reasons };
}

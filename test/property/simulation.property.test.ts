// A few whole clusters under faults in every test run; `npm run sim` runs any number. A seed that
// once found a bug stays here under the name of the bug. The run of a seed changes with the
// simulation, so each of these bugs also has a scenario or a unit test, and most have a mutant.

import { describe, expect, it } from 'vitest';
import { planOf } from '../simulation/plan.ts';
import { type Run, simulate } from '../simulation/run.ts';
import { TrapError, trapped } from '../simulation/trap.ts';

const SEEDS = Number(process.env['SEEDS'] ?? 15);
const FIRST_SEED = Number(process.env['SEED'] ?? 1);
const RUN_MS = 30_000;
const CORPUS: readonly (readonly [seed: number, bug: string])[] = [
  [1, 'a wiped replica answered quorum reads with what it had lost'],
  [4, 'who was far from the others and stale never returned'],
  [54, 'a retry was judged to be later than its first attempt'],
  [59, 'where a peer had cut its log was forgotten, and no snapshot begun'],
  [62, 'a restored directory answered with what it no longer held'],
  [73, 'a restored directory was counted as a copy'],
  [83, 'behind frames that overtook each other a stream never moved again'],
  [95, 'a replica without data showed a fifo list with a hole'],
];

const runOf = (seed: number): Run => trapped(() => simulate(planOf(seed, { runMs: RUN_MS })));

describe('a cluster under random faults', () => {
  it('depends on nothing but its seed', () => {
    const [once, again] = [runOf(FIRST_SEED), runOf(FIRST_SEED)];
    expect(again.digest).toBe(once.digest);
    expect(again.workload.history).toEqual(once.workload.history);
    expect(again.cluster.notes).toEqual(once.cluster.notes);
    expect(runOf(FIRST_SEED + 1).digest).not.toBe(once.digest);
  });

  it.each(Array.from({ length: SEEDS }, (_, i) => FIRST_SEED + i))(
    'keeps what it promises, seed %i',
    (seed) => {
      expect(runOf(seed).findings).toEqual([]);
    },
  );
});

describe('the corpus', () => {
  it.each(CORPUS)('seed %i: %s', (seed) => {
    expect(runOf(seed).findings).toEqual([]);
  });
});

describe('the guard of the simulation', () => {
  it.each<[string, () => unknown]>([
    ['a clock', () => Date.now()],
    ['a date', () => new Date()],
    ['dice', () => Math.random()],
    ['a timer', () => setTimeout(() => undefined, 0)],
    ['the monotonic clock', () => performance.now()],
    ['a random id', () => crypto.randomUUID()],
  ])('refuses %s, and is gone afterwards', (_name, call) => {
    expect(() => trapped(call)).toThrow(TrapError);
    expect(call).not.toThrow();
  });
});

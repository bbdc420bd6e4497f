// Runs seeds for main.ts in a process of its own, one at a time, on request.

import { planOf, type PlanOptions } from './plan.ts';
import { type Summary, summaryOf } from './summary.ts';
import { simulate } from './run.ts';
import { trapped } from './trap.ts';

export interface Job {
  readonly seed: number;
  readonly options: PlanOptions;
  /** Run it twice and compare the digests. */
  readonly twice: boolean;
}

process.on('message', (job: Job) => {
  process.send?.(work(job));
});

function work({ seed, options, twice }: Job): Summary {
  const cpu = process.cpuUsage();
  const plan = planOf(seed, options);
  const run = trapped(() => simulate(plan));
  const { user, system } = process.cpuUsage(cpu);
  const again = twice ? trapped(() => simulate(planOf(seed, options))).digest : undefined;
  return summaryOf(run, (user + system) / 1e6, again);
}

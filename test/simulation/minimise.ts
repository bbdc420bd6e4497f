// Makes a failing seed smaller: leaves out one class of faults after the other while the run still
// fails the same check. The classes that remain are the ones that the failure needs.

import { type FaultClass, type Plan, type PlanOptions, planOf } from './plan.ts';
import type { Run } from './run.ts';

export interface Minimised {
  readonly without: readonly FaultClass[];
  readonly run: Run;
}

export function minimise(
  first: Run,
  options: PlanOptions,
  simulate: (plan: Plan) => Run,
): Minimised {
  const check = first.findings[0]?.check;
  let without = [...(options.without ?? [])];
  let run = first;
  for (const fault of first.plan.classes) {
    const fewer = [...without, fault];
    const again = simulate(planOf(first.plan.seed, { ...options, without: fewer }));
    if (!again.findings.some((finding) => finding.check === check)) continue;
    without = fewer;
    run = again;
  }
  return { without, run };
}

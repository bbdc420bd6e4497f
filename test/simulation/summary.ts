// A worker's report of a run: small enough to send, and complete enough to judge.

import type { Finding } from './judge.ts';
import type { Sometimes } from './reached.ts';
import type { Run } from './run.ts';

export interface Summary {
  readonly seed: number;
  readonly findings: readonly Finding[];
  readonly reached: readonly (readonly [Sometimes, number])[];
  readonly virtualMs: number;
  readonly cpuSeconds: number;
  readonly events: number;
  readonly ok: number;
  readonly refused: number;
  readonly unknown: number;
  /** Faults that took effect, by class. */
  readonly strikes: { readonly [fault: string]: number };
  readonly ranTwice: boolean;
  readonly digest: string;
}

export function summaryOf(run: Run, cpuSeconds: number, again: string | undefined): Summary {
  const { plan, workload, cluster, reached, lastedMs, digest } = run;
  const strikes: { [fault: string]: number } = {};
  for (const { strike, evidence } of run.strikes)
    if (evidence !== undefined) strikes[strike.fault] = (strikes[strike.fault] ?? 0) + 1;
  const calls = workload.history.filter(({ type }) => type !== 'fault');
  const count = (ok: boolean | null): number => calls.filter((call) => call.ok === ok).length;
  const differs: Finding = {
    check: 'determinism',
    reason: `a second run had another digest: ${digest} and ${again}`,
    counterexample: [],
  };
  return {
    seed: plan.seed,
    findings: again === undefined || again === digest ? run.findings : [...run.findings, differs],
    reached: [...reached],
    virtualMs: lastedMs,
    cpuSeconds,
    events: cluster.world.events,
    ok: count(true),
    refused: count(false),
    unknown: count(null),
    strikes,
    ranTwice: again !== undefined,
    digest,
  };
}

// `npm run sim`: whole clusters under faults, a seed each, on every core. For each failure it
// prints a command that repeats it.
//
// Reading order: plan (what a seed decides), run (from the first event to the verdict), cluster,
// world, memory-network and memory-disk (the environment), nemesis and workload (faults and
// clients), judge and reached (the verdict).

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { Digests } from './digests.ts';
import { runProgram } from '../support/program.ts';
import { minimise } from './minimise.ts';
import { type Options, parseOptions, usage } from './options.ts';
import { planOf, type PlanOptions } from './plan.ts';
import { type Run, simulate } from './run.ts';
import { describeOperation, screenplay } from './screenplay.ts';
import type { Summary } from './summary.ts';
import { Tally } from './tally.ts';
import { trapped } from './trap.ts';
import type { Job } from './worker.ts';

/** One seed in fifty runs twice, to show that runs are repeatable. */
const TWICE_EVERY = 50;
const TALLY_EVERY_MS = 60_000;
/** A broken build fails with every seed, so the run ends after this number of failures. */
const FAILURES_MAX = 10;

await runProgram(usage, parseOptions, (options) =>
  options.seed === undefined ? runMany(options) : runOne(options, options.seed),
);

function planOptionsOf({ runMs, without, only }: Options): PlanOptions {
  return { runMs, without, ...(only === undefined ? {} : { only }) };
}

function runOne(options: Options, seed: number): number {
  const run = trapped(() => simulate(planOf(seed, planOptionsOf(options))));
  const { classes, regions, strikes } = run.plan;
  console.log(
    `seed ${seed}: ${regions.length} replicas, ${strikes.length} faults of ${classes.join(', ')}`,
  );
  if (options.trace) console.log(screenplay(run, options.lines));
  console.log(`digest ${run.digest}`);
  if (run.findings.length === 0) console.log('no promise was broken');
  else tell(run, options);
  return run.findings.length === 0 ? 0 : 1;
}

function tell(run: Run, options: Options): void {
  for (const { check, reason, counterexample } of run.findings) {
    console.log(`\n${check}: ${reason}`);
    for (const operation of counterexample) {
      const at = `${(operation.call_ns / 1e6).toFixed(1)}–${(operation.return_ns / 1e6).toFixed(1)} ms`;
      console.log(`  ${at}  ${describeOperation(operation)}`);
    }
  }
  const small = trapped(() => minimise(run, planOptionsOf(options), simulate));
  console.log(`\nfaults that are needed for this: ${small.run.plan.classes.join(', ') || 'none'}`);
  console.log(reproducer(run.plan.seed, options, small.without));
}

function reproducer(seed: number, { runMs, only }: Options, without: readonly string[]): string {
  const parts = [`npm run sim -- --seed ${seed} --trace`];
  if (runMs !== 60_000) parts.push(`--seconds ${runMs / 1000}`);
  if (only !== undefined) parts.push(`--only ${only.join(',')}`);
  if (without.length > 0) parts.push(`--without ${without.join(',')}`);
  return parts.join(' ');
}

async function runMany(options: Options): Promise<number> {
  const tally = new Tally();
  const digests = new Digests();
  const recorded = options.against === undefined ? undefined : Digests.read(options.against);
  const begunMs = performance.now();
  let next = options.from;
  let toldMs = begunMs;
  const elapsedMs = (): number => performance.now() - begunMs;
  const isOver = (): boolean => {
    if (options.untilFound && tally.failures.length > 0) return true;
    if (tally.failures.length >= FAILURES_MAX) return true;
    if (options.untilMs !== undefined) return elapsedMs() >= options.untilMs;
    return next >= options.from + options.seeds;
  };
  const work = async (): Promise<void> => {
    const child = fork(new URL('./worker.ts', import.meta.url), { execArgv: process.execArgv });
    while (!isOver()) {
      const seed = next++;
      const summary = await ask(child, {
        seed,
        options: planOptionsOf(options),
        twice: seed % TWICE_EVERY === 0,
      });
      tally.add(summary);
      digests.add(summary);
      if (!options.json && summary.findings.length > 0) report(summary, options);
      if (options.json || performance.now() - toldMs < TALLY_EVERY_MS) continue;
      toldMs = performance.now();
      console.log(`${Math.round(elapsedMs() / 1000)} s: ${tally.line()}`);
    }
    child.disconnect();
  };
  await Promise.all(Array.from({ length: options.workers }, work));
  if (options.digests !== undefined) digests.write(options.digests);
  const differences = recorded === undefined ? [] : digests.differences(recorded);
  for (const line of differences) console.log(line);
  const code = conclude(tally, options, elapsedMs());
  return differences.length > 0 ? 1 : code;
}

async function ask(child: ChildProcess, job: Job): Promise<Summary> {
  const over = new AbortController();
  const { signal } = over;
  const answer = once(child, 'message', { signal }) as Promise<[Summary]>;
  const death = once(child, 'exit', { signal }).then(([code]): never => {
    throw new Error(`seed ${job.seed}: its process ended with ${code}`);
  });
  child.send(job);
  try {
    const [summary] = await Promise.race([answer, death]);
    return summary;
  } finally {
    death.catch(() => undefined);
    over.abort();
  }
}

function report({ seed, findings }: Summary, options: Options): void {
  for (const { check, reason } of findings.slice(0, 3))
    console.log(`seed ${seed}: ${check}: ${reason}`);
  console.log(`  ${reproducer(seed, options, options.without)}`);
}

function conclude(tally: Tally, options: Options, elapsedMs: number): number {
  const isShort = options.gate && tally.unreached.length > 0;
  if (options.json) {
    const failures = tally.failures.map(({ seed, findings }) => ({
      seed,
      checks: findings.map(({ check }) => check),
    }));
    console.log(JSON.stringify({ runs: tally.runs, failures, unreached: tally.unreached }));
  } else {
    console.log(`${tally.line()}; ${(elapsedMs / 1000).toFixed(1)} s`);
    console.log(tally.details());
    if (isShort) console.log('the gate fails: the states above were never reached');
  }
  return tally.failures.length > 0 || isShort ? 1 : 0;
}

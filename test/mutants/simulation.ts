// Runs the simulation of a copy and reads whether it found anything from its line of JSON.

import type { Ended } from './child.ts';
import type { Sandbox } from './sandbox.ts';

export interface Search {
  readonly from: number;
  readonly seeds: number;
  readonly workers: number;
  readonly options: readonly string[];
}

export type Searched =
  | { readonly kind: 'clean'; readonly seeds: number }
  | {
      readonly kind: 'found';
      /** The first seed that found something, and the number of seeds that were run. */
      readonly seed: number;
      readonly seeds: number;
      readonly checks: readonly string[];
    }
  /** The simulation itself did not end normally. */
  | { readonly kind: 'broken'; readonly reason: string };

interface Report {
  readonly runs: number;
  readonly failures: readonly { readonly seed: number; readonly checks: readonly string[] }[];
}

const START_MS_MAX = 60_000;
/** The limit for a hang; a busy machine needs long for a run. */
const SEED_MS_MAX = 300_000;

export async function search(sandbox: Sandbox, asked: Search): Promise<Searched> {
  const ended = await simulate(sandbox, asked, ['--until-found', '--json']);
  const report = reportOf(ended);
  if (report === undefined) return { kind: 'broken', reason: lastWords(ended) };
  const [first] = report.failures.toSorted((a, b) => a.seed - b.seed);
  if (first === undefined) return { kind: 'clean', seeds: report.runs };
  const checks = [...new Set(first.checks)];
  return { kind: 'found', seed: first.seed, seeds: first.seed - asked.from + 1, checks };
}

/** The simulation's description of one seed. */
export async function reasonsOf(sandbox: Sandbox, seed: number, options: readonly string[]) {
  const asked = { from: seed, seeds: 1, workers: 1, options };
  const { stdout } = await simulate(sandbox, asked, []);
  return stdout.split('\n').filter((line) => line.startsWith(`seed ${seed}: `));
}

function simulate(sandbox: Sandbox, asked: Search, words: readonly string[]): Promise<Ended> {
  const { from, seeds, workers, options } = asked;
  const numbers = ['--seeds', seeds, '--from', from, '--workers', workers].map(String);
  const args = ['--import', 'tsx', 'test/simulation/main.ts', ...numbers, ...options, ...words];
  return sandbox.run(args, START_MS_MAX + seeds * SEED_MS_MAX);
}

function reportOf({ stdout }: Ended): Report | undefined {
  const line = stdout.trim().split('\n').at(-1) ?? '';
  return line.startsWith('{') ? (JSON.parse(line) as Report) : undefined;
}

function lastWords({ code, stderr }: Ended): string {
  if (code === 'hung') return 'the simulation did not end within its time limit';
  const error = stderr.split('\n').find((line) => /\berror\b/i.test(line)) ?? stderr.trim();
  return `the simulation ended with ${code}: ${error.slice(0, 200)}`;
}

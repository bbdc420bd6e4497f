// `npm run test:mutants`: tests can be trusted if they find bugs that were put into the source on
// purpose. Each mutant of the catalogue is a patch of the source (docs/testing.md). The patched
// copy must fail in the simulation, or in one named test. Not part of `npm test`, because it takes
// long.
//
// Reading order: mutant and catalogue (the bugs), sandbox (the copy), hunt (simulation or test),
// report.
//
// Exit code 0 if every mutant is found, 1 if one is not found or does not fit the source, 2 for a
// command line that is not valid.

import { catalogue } from './catalogue.ts';
import { finderOf, type Hunted, hunt } from './hunt.ts';
import { type Mutant, RottenError } from './mutant.ts';
import { type Options, parseOptions, usage } from './options.ts';
import { lineOf, listed, type Outcome, summaryOf } from './report.ts';
import { Sandbox } from './sandbox.ts';
import { search } from './simulation.ts';
import { endOnSignals, runProgram } from '../support/program.ts';

endOnSignals();

await runProgram(usage, parseOptions, (options) =>
  options.list ? list(options) : huntAll(options),
);

function list({ mutants }: Options): number {
  console.log(mutants.map(listed).join('\n'));
  return 0;
}

async function huntAll(options: Options): Promise<number> {
  const sandbox = new Sandbox();
  const rotten = catalogue.flatMap((mutant) => rotOf(sandbox, mutant));
  if (rotten.length > 0) {
    console.log(`these mutants do not fit the source any more:\n${rotten.join('\n')}`);
    return 1;
  }
  if (!(await isClean(sandbox, options))) return 1;
  const outcomes: Outcome[] = [];
  for (const mutant of options.mutants) {
    const begunMs = performance.now();
    const outcome = { mutant, hunted: await hunt(sandbox, mutant, options) };
    outcomes.push(outcome);
    console.log(lineOf(outcome, performance.now() - begunMs));
  }
  console.log(summaryOf(outcomes));
  return outcomes.every(({ hunted }) => isGood(hunted, options)) ? 0 : 1;
}

function rotOf(sandbox: Sandbox, mutant: Mutant): string[] {
  try {
    sandbox.check(mutant);
    return [];
  } catch (error) {
    if (error instanceof RottenError) return [`${mutant.id}: ${error.message}`];
    throw error;
  }
}

/** A finding in the unpatched source makes every finding in a mutant worthless. */
async function isClean(sandbox: Sandbox, options: Options): Promise<boolean> {
  const refusal = await sandbox.compile();
  if (refusal !== undefined) {
    console.log(`without a mutant, the source ${refusal}`);
    return false;
  }
  const searches = new Map<string, readonly string[]>();
  for (const mutant of options.mutants) {
    const foundBy = finderOf(mutant, options);
    if (foundBy.kind !== 'sim') continue;
    const words = foundBy.options ?? [];
    searches.set(words.join(' '), words);
  }
  for (const [name, words] of searches) {
    const { baseSeeds: seeds, workers } = options;
    const result = await search(sandbox, { from: 1, seeds, workers, options: words });
    const what = `without a mutant, ${seeds} seeds${name === '' ? '' : ` of ${name}`}`;
    if (result.kind === 'clean') {
      console.log(`${what}: nothing found`);
      continue;
    }
    const reason =
      result.kind === 'found' ? `seed ${result.seed}: ${result.checks.join(', ')}` : result.reason;
    console.log(`${what}: ${reason}; a finding in a mutant would prove nothing`);
    return false;
  }
  return true;
}

function isGood({ kind }: Hunted, { allowOpen }: Options): boolean {
  return kind === 'found' || (kind === 'open' && allowOpen);
}

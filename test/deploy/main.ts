// `npm run test:deploy`: runs what is in deploy/, the image and the compose cluster. Not part of
// `npm test`, because it needs Prometheus and a Docker engine; a stage that cannot run without them
// is reported as *not run*.
//
// Reading order: rules (promtool), scraping (a Prometheus and a cluster of processes), containers
// (image and compose). Exit code 0 if nothing that ran has failed, 1 if something did, 2 for a
// command line that is not valid.

import { parseArgs } from 'node:util';
import { runProgram, wordsIn } from '../support/program.ts';
import { checkContainers } from './containers.ts';
import { Report, type Step } from './report.ts';
import { checkRules } from './rules.ts';
import { checkScraping } from './scraping.ts';

const STAGES = {
  rules: checkRules,
  scraping: checkScraping,
  containers: checkContainers,
} satisfies { readonly [name: string]: (step: Step) => Promise<void> };
type StageName = keyof typeof STAGES;

const usage = `npm run test:deploy -- [options]
Runs for real what is in deploy/. Takes minutes, and needs Prometheus and a Docker engine; what cannot run
without them is not run.

  --only A,B   of the stages below (all)
  --help       this text

  rules        the alerts, by promtool
  scraping     a Prometheus that reads a cluster of processes
  containers   the image and the compose cluster`;

await runProgram(usage, choose, async (chosen) => {
  const report = new Report();
  for (const name of chosen) await report.stage(name, STAGES[name]);
  return report.end() ? 0 : Number(process.exitCode ?? 1);
});

function choose(args: readonly string[]): readonly StageName[] | undefined {
  const options = { only: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { only, help } = parseArgs({ args: [...args], options }).values;
  return help === true ? undefined : wordsIn(only, 'only', Object.keys(STAGES) as StageName[]);
}

// `npm run test:deploy`: what is in deploy/, the image and the compose cluster, run for real. Not part of `npm test`,
// because it needs Prometheus and a Docker engine; what cannot run without them says *not run*.
//
// Reading order: rules (promtool), scraping (a Prometheus and a cluster of processes), containers (image and compose).
// Exit code 0 when nothing that ran has failed, 1 when something did, 2 for a command line that is not understood.

import { parseArgs } from 'node:util';
import { checkContainers } from './containers.ts';
import { Report, type Step } from './report.ts';
import { checkRules } from './rules.ts';
import { checkScraping } from './scraping.ts';

const STAGES: Readonly<Record<string, (step: Step) => Promise<void>>> = {
  rules: checkRules,
  scraping: checkScraping,
  containers: checkContainers,
};

const usage = `npm run test:deploy -- [--only ${Object.keys(STAGES).join(',')}]`;

await main(process.argv.slice(2));

async function main(args: readonly string[]): Promise<void> {
  const chosen = choose(args);
  if (chosen === undefined) {
    console.error(usage);
    process.exitCode = 2;
    return;
  }
  const report = new Report();
  for (const [name, check] of chosen) await report.stage(name, check);
  if (!report.end()) process.exitCode ??= 1;
}

function choose(
  args: readonly string[],
): readonly (readonly [string, (step: Step) => Promise<void>])[] | undefined {
  try {
    const options = { only: { type: 'string' } } as const;
    const names = parseArgs({ args: [...args], options }).values.only?.split(',');
    if (names?.some((name) => !Object.hasOwn(STAGES, name))) return undefined;
    return Object.entries(STAGES).filter(([name]) => names?.includes(name) ?? true);
  } catch {
    return undefined;
  }
}

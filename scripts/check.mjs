// `npm run check`: every check of the source that needs no running replica. All steps run, so that
// one run shows all errors. `-- --no-tests` leaves out the tests, for when `npm test` has just run
// them.

import { ensureInstalled, runTool } from './prepare.mjs';

const steps = [
  { name: 'types', tool: 'tsc', args: ['-p', 'tsconfig.json'] },
  { name: 'lint', tool: 'oxlint', args: ['--type-aware', '--deny-warnings'] },
  { name: 'format', tool: 'biome', args: ['format'] },
  { name: 'tidy', tool: 'knip', args: [] },
  {
    name: 'tests',
    tool: 'vitest',
    args: [
      'run',
      '--project',
      'unit',
      '--project',
      'property',
      '--project',
      'scenario',
      '--project',
      'contract',
    ],
  },
];

ensureInstalled();
const chosen = process.argv.includes('--no-tests')
  ? steps.filter(({ name }) => name !== 'tests')
  : steps;
const failed = chosen.filter((step) => !passes(step)).map((step) => step.name);
console.log(failed.length === 0 ? 'check: passed' : `check: failed (${failed.join(', ')})`);
process.exit(failed.length === 0 ? 0 : 1);

function passes({ name, tool, args }) {
  const begun = performance.now();
  const code = runTool(tool, args);
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  console.log(`check: ${name} ${code === 0 ? 'passed' : 'failed'} in ${seconds} s`);
  return code === 0;
}

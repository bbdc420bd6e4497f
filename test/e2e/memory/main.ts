// `npm run test:memory`: how much memory and latency a replica needs without special load. Not part
// of `npm test`, because it takes minutes and an otherwise quiet machine.
//
//  keys  a replica with a million keys of 100 bytes stays under 400 MB of resident memory
//  idle  5 000 idle connections do not change the p99 of the others by more than 20 %
//
// `npm run test:memory -- --only idle` runs one of them.

import { parseArgs } from 'node:util';
import { headOf, runProgram, wordsIn } from '../../support/program.ts';
import { checkIdle } from './idle.ts';
import { checkKeys } from './keys.ts';

/** The result in one line, and whether it is within the bound. */
export interface Finding {
  readonly ok: boolean;
  readonly text: string;
}

const checks = {
  keys: checkKeys,
  idle: checkIdle,
} satisfies { readonly [name: string]: () => Promise<readonly Finding[]> };
type Name = keyof typeof checks;
const NAMES = Object.keys(checks) as Name[];

const usage = `npm run test:memory -- [options]
Checks what a replica costs while it does nothing special. Takes minutes, and needs an otherwise quiet
machine.

  --only A,B   of the checks below (all)
  --help       this text

  keys   a replica with a million keys of 100 bytes stays under 400 MB of resident memory
  idle   5000 idle connections change the p99 of the others by at most 20 %`;

await runProgram(usage, choose, async (names) => {
  let failures = 0;
  for (const name of names) {
    for (const { ok, text } of await checks[name]()) {
      console.log(`${headOf(ok ? 'passed' : 'FAILED', name, 0)}: ${text}`);
      if (!ok) failures++;
    }
  }
  return failures === 0 ? 0 : 1;
});

function choose(args: readonly string[]): readonly Name[] | undefined {
  const options = { only: { type: 'string' }, help: { type: 'boolean' } } as const;
  const { only, help } = parseArgs({ args: [...args], options }).values;
  return help === true ? undefined : wordsIn(only, 'only', NAMES);
}

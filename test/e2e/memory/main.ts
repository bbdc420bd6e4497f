// `npm run test:memory`: what a replica costs while it does nothing special. Not part of `npm test`, because it takes
// minutes and an otherwise quiet machine.
//
//   keys  a replica with a million keys of 100 bytes stays under 400 MB of resident memory
//   idle  5 000 idle connections do not change the p99 of the others by more than 20 %
//
// `npm run test:memory -- idle` runs one of them. Exit code 1 when one fails.

import { checkIdle } from './idle.ts';
import { checkKeys } from './keys.ts';

/** What was found, said as one line, and whether it is as promised. */
export interface Finding {
  readonly ok: boolean;
  readonly text: string;
}

const checks: Readonly<Record<string, () => Promise<readonly Finding[]>>> = {
  keys: checkKeys,
  idle: checkIdle,
};

const asked = process.argv.slice(2);
const names = asked.length === 0 ? Object.keys(checks) : asked;
let failures = 0;
for (const name of names) {
  const check = checks[name];
  if (check === undefined) throw new Error(`there is no check "${name}"`);
  for (const { ok, text } of await check()) {
    console.log(`${ok ? 'passed' : 'FAILED'}  ${name}: ${text}`);
    if (!ok) failures++;
  }
}
process.exitCode = failures === 0 ? 0 : 1;

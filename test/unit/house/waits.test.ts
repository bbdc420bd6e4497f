import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readTree } from './source.ts';
import { allowed, flawsOf, waitsIn } from './waits.ts';

const files = readTree(join(import.meta.dirname, '..', '..'));
const rulesIn = (text: string) => waitsIn({ path: 'e2e/a.test.ts', text }).map(({ rule }) => rule);

describe('a test that waits', () => {
  it.each([
    ['fixed-wait', 'await sleep(30);'],
    ['fixed-wait', 'await sleep(SETTLE_MS);'],
    ['fixed-wait', 'await new Promise((resolve) => setTimeout(resolve, 30));'],
    ['fixed-wait', 'setTimeout(release, 60);'],
    ['short-bound', "await until('it is up', look, 5000);"],
    ['short-bound', "await until('it is up', async () => (await look()) === 200, 20_000);"],
    ['short-bound', 'execFile(program, args, { timeout: 30_000 }, done);'],
    ['short-bound', 'startCluster({ readyTimeoutMs: 5000 });'],
  ])('is found: %s in %s', (rule, text) => {
    expect(rulesIn(text)).toEqual([rule]);
  });

  it.each([
    ["await until('it is up', look);"],
    ["await until('it is up', look, GUARD_MS);"],
    ['while (!isUp()) await sleep(5);'],
    ['while (!isUp()) await new Promise((resolve) => setTimeout(resolve, 5));'],
    ['for (;;) {\n  await sleep(5);\n}'],
    ['// sleep(30) would be wrong'],
    ['execFile(program, args, { timeout: 120_000 }, done);'],
  ])('for progress is allowed: %s', (text) => {
    expect(rulesIn(text)).toEqual([]);
  });

  it('for a fixed time has a reason that is written down', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(flawsOf(files.flatMap(waitsIn))).toEqual([]);
    for (const [times, reason] of Object.values(allowed)) {
      expect(times).toBeGreaterThan(0);
      expect(reason).not.toBe('');
    }
  });
});

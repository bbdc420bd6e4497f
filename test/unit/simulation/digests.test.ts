import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Digests } from '../../simulation/digests.ts';
import type { Summary } from '../../simulation/summary.ts';

const file = (): string => join(mkdtempSync(join(tmpdir(), 'digests-')), 'digests.txt');

test('a written file is read back, and a run that went the same way is no difference', () => {
  const path = file();
  const before = digestsOf([2, 'b-2'], [1, 'a-1']);
  before.write(path);
  expect(digestsOf([1, 'a-1']).differences(Digests.read(path))).toEqual([]);
});

test('a run that went another way and one that was not recorded are differences', () => {
  const recorded = digestsOf([1, 'a-1']);
  expect(digestsOf([1, 'a-2'], [3, 'c-3']).differences(recorded)).toEqual([
    'seed 1: recorded a-1, now a-2',
    'seed 3: recorded not recorded, now c-3',
  ]);
});

test('another kind of file is refused', () => {
  const path = file();
  writeFileSync(path, '1 a-1\nnonsense\n');
  expect(() => Digests.read(path)).toThrow('"nonsense" is not a seed and a digest');
});

function digestsOf(...runs: readonly (readonly [number, string])[]): Digests {
  const digests = new Digests();
  for (const [seed, digest] of runs) digests.add({ seed, digest } as Summary);
  return digests;
}

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../../mutants/catalogue.ts';
import { patched } from '../../mutants/mutant.ts';

const root = join(import.meta.dirname, '..', '..', '..');

describe('the seeded bugs', () => {
  it.each(catalogue.map((mutant) => [mutant.id, mutant] as const))(
    '%s fits the source',
    (_, mutant) => {
      const source = readFileSync(join(root, mutant.file), 'utf8');
      expect(patched(mutant, source)).not.toBe(source);
    },
  );

  it('have names of their own', () => {
    expect(catalogue).not.toHaveLength(0);
    expect(new Set(catalogue.map(({ id }) => id)).size).toBe(catalogue.length);
  });
});

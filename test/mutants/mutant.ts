// A seeded bug: a patch of the source that breaks one promise, and who has to notice it. The product has no switch for
// it; the patch is made to a copy, and the copy is thrown away.

import { assert } from '../../src/base/assert.ts';

export interface Mutant {
  readonly id: string;
  /** Its number in the list of docs/testing.md, or that it is not of that list. */
  readonly number: number | 'own';
  /** The bug, in a sentence. */
  readonly title: string;
  /** Under src/. */
  readonly file: string;
  /** Stands exactly once in the file. */
  readonly replace: string;
  readonly with: string;
  readonly foundBy: FoundBy;
}

export type FoundBy =
  | {
      /** The simulation finds something within so many seeds. */
      readonly kind: 'sim';
      readonly seeds: number;
      /** Further words of its command line. */
      readonly options?: readonly string[];
    }
  | {
      /** The test of this name, or all whose names begin so, fails. */
      readonly kind: 'test';
      readonly file: string;
      readonly name: string;
    }
  | {
      /** An open debt: nothing notices it. */
      readonly kind: 'nothing';
      readonly why: string;
    };

/** Every bug that the simulation is asked for is to be found within so many seeds. */
export const SEEDS_MAX = 200;
export const sim: FoundBy = { kind: 'sim', seeds: SEEDS_MAX };

/** What the file says with the bug in it; an error when the file has moved on and the catalogue has not. */
export function patched(mutant: Mutant, source: string): string {
  const { file, replace } = mutant;
  assert(file.startsWith('src/'), 'mutants: only the product is patched');
  const times = source.split(replace).length - 1;
  if (times !== 1) throw new RottenError(`${file} says ${times} times: ${firstLine(replace)}`);
  return source.replace(replace, () => mutant.with);
}

/** The catalogue no longer fits the source. */
export class RottenError extends Error {}

function firstLine(text: string): string {
  const [line = '', ...more] = text.trim().split('\n');
  return more.length === 0 ? line : `${line} …`;
}

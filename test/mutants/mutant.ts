// A seeded bug: a patch of the source that breaks one promise, and the simulation or the test that
// must find it. The product has no switch for it: the patch is made to a copy that is deleted
// afterwards.

import { assert } from '../../src/base/assert.ts';

export interface Mutant extends Edit {
  readonly id: string;
  /** Its number in the list of docs/testing.md; 'own' if it is not in that list. */
  readonly number: number | 'own';
  /** The bug, in a sentence. */
  readonly title: string;
  /** The path below src/. */
  readonly file: string;
  /** A second place of the same bug, in the same file. */
  readonly also?: Edit;
  readonly foundBy: FoundBy;
}

/** One replaced text. */
export interface Edit {
  /**
   * The function or method that contains the text, so that a short quote suffices; absent: the
   * whole file.
   */
  readonly in?: string;
  /** Occurs exactly once. */
  readonly replace: string;
  readonly with: string;
}

export type FoundBy =
  | {
      /** The simulation finds it within this many seeds. */
      readonly kind: 'sim';
      readonly seeds: number;
      /** Further arguments for the simulation. */
      readonly options?: readonly string[];
    }
  | {
      /** The test with this name, or all tests whose names begin with it, must fail. */
      readonly kind: 'test';
      readonly file: string;
      readonly name: string;
    }
  | {
      /** A known gap: no test finds it. */
      readonly kind: 'nothing';
      readonly why: string;
    };

/** The simulation must find every bug that is assigned to it within this number of seeds. */
export const SEEDS_MAX = 200;
export const sim: FoundBy = { kind: 'sim', seeds: SEEDS_MAX };

/** The text of the file with the bug; an error if the text to replace is not found. */
export function patched(mutant: Mutant, source: string): string {
  const { file, also } = mutant;
  assert(file.startsWith('src/'), 'mutants: only the product is patched');
  const first = edited(file, mutant, source);
  return also === undefined ? first : edited(file, also, first);
}

function edited(file: string, edit: Edit, source: string): string {
  const { replace } = edit;
  const [from, to] = edit.in === undefined ? [0, source.length] : spanOf(file, edit.in, source);
  const place = source.slice(from, to);
  const times = place.split(replace).length - 1;
  const where = edit.in === undefined ? file : `${edit.in} of ${file}`;
  if (times !== 1) throw new RottenError(`${where} says ${times} times: ${firstLine(replace)}`);
  return source.slice(0, from) + place.replace(replace, () => edit.with) + source.slice(to);
}

/** From the first line of a function, or of a method of a class, to its closing brace. */
function spanOf(file: string, name: string, source: string): readonly [number, number] {
  const words = '(?:(?:export|async|static|get|set|function) )*';
  const begins = new RegExp(`^( {0,2})${words}\\*?${escaped(name)}[(<]`, 'gm');
  // A declaration in an interface ends with its line.
  const found = [...source.matchAll(begins)].filter(
    ({ index }) => /[{;]\n/.exec(source.slice(index))?.[0] === '{\n',
  );
  const [only] = found;
  if (found.length !== 1 || only === undefined)
    throw new RottenError(`${file} has ${found.length} functions of the name ${name}`);
  const end = source.indexOf(`\n${only[1]}}\n`, only.index);
  if (end < 0) throw new RottenError(`${file}: ${name} has no end`);
  return [only.index, end];
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

/** The patch no longer fits the source. */
export class RottenError extends Error {}

function firstLine(text: string): string {
  const [line = '', ...more] = text.trim().split('\n');
  return more.length === 0 ? line : `${line} …`;
}

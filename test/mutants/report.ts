// The result of a hunt: a line for each mutant, and one for all.

import type { Hunted } from './hunt.ts';
import type { Mutant } from './mutant.ts';

export interface Outcome {
  readonly mutant: Mutant;
  readonly hunted: Hunted;
}

const ID_WIDTH = 28;

function headOf({ id, number }: Mutant): string {
  return `${id.padEnd(ID_WIDTH)} ${String(number).padStart(3)}`;
}

export function listed(mutant: Mutant): string {
  const { foundBy, file, title } = mutant;
  const by = foundBy.kind === 'test' ? `test ${foundBy.name}` : foundBy.kind;
  return `${headOf(mutant)}  ${title}\n${' '.repeat(ID_WIDTH + 6)}${file}, found by: ${by}`;
}

export function lineOf({ mutant, hunted }: Outcome, tookMs: number): string {
  const took = `${(tookMs / 1000).toFixed(0)} s`;
  return [`${headOf(mutant)}  ${wordsOf(hunted)}; ${took}`, ...detailsOf(hunted)].join('\n    ');
}

function wordsOf(hunted: Hunted): string {
  switch (hunted.kind) {
    case 'found': {
      if (hunted.by === 'test') return 'found by the named test';
      const { seeds, checks } = hunted;
      const counts = seeds.length === 1 ? '' : ` (median of ${seeds.join(', ')})`;
      return `found after ${median(seeds)} seeds${counts} by ${checks.join(', ')}`;
    }
    case 'not-found':
      return `NOT FOUND: ${hunted.reason}`;
    case 'open':
      return `NOT FOUND, a known gap: ${hunted.reason}`;
    case 'error':
      return `ERROR: ${hunted.reason}`;
  }
}

function detailsOf(hunted: Hunted): readonly string[] {
  return hunted.kind === 'found' ? hunted.reasons.map((reason) => reason.slice(0, 300)) : [];
}

export function summaryOf(outcomes: readonly Outcome[]): string {
  const of = (kind: Hunted['kind']): number =>
    outcomes.filter(({ hunted }) => hunted.kind === kind).length;
  const seeds = outcomes.flatMap(({ hunted }) =>
    hunted.kind === 'found' && hunted.by === 'sim' ? [median(hunted.seeds)] : [],
  );
  const bySim = seeds.length === 0 ? '' : ` (${seeds.length} by simulation, ${spread(seeds)})`;
  const numbers = new Set(outcomes.filter(isFound).map(({ mutant }) => mutant.number));
  numbers.delete('own');
  return [
    `${outcomes.length} mutants: ${of('found')} found${bySim}, ${of('not-found')} not found, ${of('open')} open, ${of('error')} in error`,
    `of the list in docs/testing.md: ${[...numbers].toSorted(byNumber).join(', ') || 'none'}`,
  ].join('\n');
}

function isFound({ hunted }: Outcome): boolean {
  return hunted.kind === 'found';
}

function spread(seeds: readonly number[]): string {
  return `median ${median(seeds)} seeds, most ${Math.max(...seeds)}`;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[(sorted.length - 1) >> 1] ?? 0;
}

function byNumber(left: number | 'own', right: number | 'own'): number {
  return Number(left) - Number(right);
}

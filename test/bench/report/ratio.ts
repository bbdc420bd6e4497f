// Ratios of interleaved rounds. A ratio is taken within a round, in which both sides ran on the
// same machine in the same minute; over the rounds it has a median, a smallest and a largest value.

import type { Slot } from '../slot.ts';

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

type Verdict = 'goal' | 'must' | 'below' | 'missing';

interface Cell {
  readonly system: string;
  readonly workload: string;
}

export type Measure = (slot: Slot) => number;

/** The ratio of two cells in every round that has both; undefined if there is none. */
export function ratioOf(
  slots: readonly Slot[],
  over: Cell,
  under: Cell,
  measure: Measure,
): Spread | undefined {
  const ratios = cellSlots(slots, over).flatMap((ours) => {
    const theirs = cellSlots(slots, under).find(({ round }) => round === ours.round);
    return theirs === undefined ? [] : [measure(ours) / measure(theirs)];
  });
  return spreadOf(ratios);
}

export function valueOf(slots: readonly Slot[], cell: Cell, measure: Measure): Spread | undefined {
  return spreadOf(cellSlots(slots, cell).map(measure));
}

export function spreadOf(values: readonly number[]): Spread | undefined {
  const sorted = values.filter(Number.isFinite).toSorted((left, right) => left - right);
  const middle = sorted.length / 2;
  const high = sorted[Math.floor(middle)];
  const low = sorted[Math.ceil(middle) - 1];
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (high === undefined || low === undefined) return undefined;
  if (min === undefined || max === undefined) return undefined;
  return { median: (low + high) / 2, min, max };
}

/** Compares the median with both figures. With `isCeiling` the value must not be above them. */
export function verdictOn(
  spread: Spread | undefined,
  must: number,
  goal: number | undefined,
  isCeiling = false,
): Verdict {
  if (spread === undefined) return 'missing';
  const reaches = (figure: number) => {
    return isCeiling ? spread.median <= figure : spread.median >= figure;
  };
  if (goal !== undefined && reaches(goal)) return 'goal';
  return reaches(must) ? 'must' : 'below';
}

function cellSlots(slots: readonly Slot[], { system, workload }: Cell): readonly Slot[] {
  return slots.filter((slot) => slot.system === system && slot.workload === workload);
}

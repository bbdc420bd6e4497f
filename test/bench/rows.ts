// The results of a bench program, line by line: the values of all rounds, and the figure that their
// median must reach, if there is one.

import { number, spread, table } from './report/markdown.ts';
import { spreadOf, verdictOn } from './report/ratio.ts';

export interface Row {
  readonly title: string;
  readonly values: readonly number[];
  readonly unit: string;
  readonly must: Must | undefined;
}

type Must = { readonly atLeast: number } | { readonly atMost: number };

export function rowOf(title: string, value: number | readonly number[], unit = ''): Row {
  return { title, values: typeof value === 'number' ? [value] : value, unit, must: undefined };
}

/** A row with a figure to reach. */
export function judgedRow(title: string, value: number | readonly number[], must: Must): Row {
  return { ...rowOf(title, value), must };
}

/** Rows with the same title are joined, in the order of their first occurrence. */
export function tableOf(rows: readonly Row[]): string {
  const titles = [...new Set(rows.map(({ title }) => title))];
  const lines = titles.map((title) => lineOf(rows.filter((row) => row.title === title)));
  return table(['', 'median (least–greatest)', 'must', ''], lines);
}

function lineOf(same: readonly Row[]): readonly string[] {
  const [first] = same;
  if (first === undefined) throw new Error('a line has a row');
  const { title, unit, must } = first;
  const found = spreadOf(same.flatMap(({ values }) => values));
  const shown = found === undefined ? 'missing' : `${spread(found)} ${unit}`.trimEnd();
  if (must === undefined) return [title, shown, '', ''];
  const isCeiling = 'atMost' in must;
  const figure = isCeiling ? must.atMost : must.atLeast;
  const verdict = verdictOn(found, figure, undefined, isCeiling);
  return [title, shown, `${isCeiling ? '≤' : '≥'} ${number(figure)}`, `**${verdict}**`];
}

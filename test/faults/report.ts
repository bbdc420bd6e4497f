// The result of a cell as lines for people.

import { headOf, type Word } from '../support/program.ts';
import type { History } from '../checkers/operation.ts';
import type { CellResult } from './cell.ts';

export function linesOf(
  word: Word,
  name: string,
  { history, findings }: CellResult,
  ms: number,
): string[] {
  const counts = [
    `ok ${count(history, true)}`,
    `refused ${count(history, false)}`,
    `unknown ${count(history, null)}`,
  ];
  const rest = [...counts, `faults: ${strikesOf(history)}`, `${(ms / 1000).toFixed(1)} s`];
  return [[head(word, name), ...rest].join('  '), ...findings.flatMap(showFinding)];
}

export function head(word: Word, name: string): string {
  return headOf(word, name, 18);
}

function showFinding({ check, reason, counterexample }: CellResult['findings'][number]): string[] {
  const operations = counterexample.map((operation) => `      ${JSON.stringify(operation)}`);
  return [`    ${check}: ${reason}`, ...operations];
}

function count(history: History, ok: boolean | null): number {
  return history.filter((operation) => operation.type !== 'fault' && operation.ok === ok).length;
}

/** The strikes that took effect. */
function strikesOf(history: History): string {
  const counts = new Map<string, number>();
  for (const { type, value, ok } of history) {
    if (type === 'fault' && ok === true) counts.set(value, (counts.get(value) ?? 0) + 1);
  }
  counts.delete('heal');
  const shown = [...counts].map(([strike, times]) => `${strike} ${times}`);
  return shown.length === 0 ? 'none' : shown.join(', ');
}

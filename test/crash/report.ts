// The result of a part, as lines for people.

import { headOf, type Word } from '../support/program.ts';
import type { Result } from './part.ts';

const SHOWN_MAX = 10;

export function linesOf(name: string, result: Result, ms: number): string[] {
  const { told, findings, passing = [] } = result;
  const word: Word = findings.length === 0 ? 'passed' : 'FAILED';
  const shown = [...show(findings, ''), ...show(passing, 'for a while: ')];
  return [`${head(word, name)}  ${told}  ${(ms / 1000).toFixed(1)} s`, ...shown];
}

function show(lines: readonly string[], mark: string): string[] {
  const shown = lines.slice(0, SHOWN_MAX).map((line) => `    ${mark}${line}`);
  const more = lines.length - shown.length;
  return more > 0 ? [...shown, `    … ${more} more`] : shown;
}

export function head(word: Word, name: string): string {
  return headOf(word, name, 8);
}

// What came of a part, as lines for people.

import type { Result } from './part.ts';

export type Word = 'passed' | 'FAILED' | 'not run';

const SHOWN_MAX = 10;

export function linesOf(name: string, { told, findings }: Result, ms: number): string[] {
  const word: Word = findings.length === 0 ? 'passed' : 'FAILED';
  const shown = findings.slice(0, SHOWN_MAX).map((finding) => `    ${finding}`);
  if (findings.length > SHOWN_MAX) shown.push(`    … ${findings.length - SHOWN_MAX} more`);
  return [`${head(word, name)}  ${told}  ${(ms / 1000).toFixed(1)} s`, ...shown];
}

export function head(word: Word, name: string): string {
  return `${word.padEnd(7)}  ${name.padEnd(8)}`;
}

// How many assertions the rooms of the core have: calls of the helpers in base/assert.ts, for every
// thousand lines.

import { type SourceFile, tokenize } from './source.ts';

const HELPERS: ReadonlySet<string> = new Set(['assert', 'present', 'unreachable']);

export function assertionsIn({ text }: SourceFile): number {
  const tokens = tokenize(text);
  return tokens.filter(
    (token, at) => token.kind === 'word' && HELPERS.has(token.text) && tokens[at + 1]?.text === '(',
  ).length;
}

export function assertionsPerThousandLines(files: readonly SourceFile[]): number {
  const lines = files.reduce((sum, { text }) => sum + text.split('\n').length - 1, 0);
  const assertions = files.reduce((sum, file) => sum + assertionsIn(file), 0);
  return (1000 * assertions) / lines;
}

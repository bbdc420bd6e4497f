// Limits on the shape of a source file. They are limits, not targets: good files stay far below
// them.

import { isWord, type SourceFile, type Token, tokenize } from './source.ts';

export const limits = { fileLinesMax: 600, functionLinesMax: 100 };

export function misshapen(file: SourceFile): string[] {
  return [...longFile(file), ...headless(file), ...longFunctions(file)];
}

function longFile({ path, text }: SourceFile): string[] {
  const lines = text.trimEnd().split('\n').length;
  return lines > limits.fileLinesMax ? [`${path}: ${lines} lines`] : [];
}

function headless({ path, text }: SourceFile): string[] {
  const isCommented = /^(#![^\n]*\n)?\s*(\/\/|\/\*)/.test(text);
  return isCommented ? [] : [`${path}: no head comment`];
}

function longFunctions({ path, text }: SourceFile): string[] {
  return functionsOf(tokenize(text))
    .filter(({ first, last }) => last - first + 1 > limits.functionLinesMax)
    .map(({ first, last }) => `${path}:${first}: function of ${last - first + 1} lines`);
}

interface Extent {
  readonly first: number;
  readonly last: number;
}

/** Every braced function body, from the line of its parameters to the line of its closing brace. */
function functionsOf(tokens: readonly Token[]): Extent[] {
  const found: Extent[] = [];
  const open: (number | undefined)[] = [];
  tokens.forEach((token, at) => {
    if (token.kind !== 'mark') return;
    if (token.text === '{') open.push(headOf(tokens, at));
    if (token.text !== '}') return;
    const first = open.pop();
    if (first !== undefined) found.push({ first, last: token.line });
  });
  return found;
}

// The line where the head of the function begins whose body opens here; undefined for other braces.
function headOf(tokens: readonly Token[], brace: number): number | undefined {
  const before = tokens[brace - 1];
  if (before?.text === '=>') return before.line;
  const close = endOfParameters(tokens, brace);
  if (close === undefined) return undefined;
  const open = opening(tokens, close);
  const isControl = statements.some((word) => isWord(tokens[open - 1], word));
  return isControl ? undefined : tokens[open]?.line;
}

const statements = ['if', 'for', 'while', 'switch', 'catch', 'with', 'await'];

// The parenthesis before a body, with or without a return type between: `(…) {`, `(…): T<U>[] {`.
function endOfParameters(tokens: readonly Token[], brace: number): number | undefined {
  for (let at = brace - 1; at > 0; at -= 1) {
    const token = tokens[at];
    const isColon = token?.text === ':' && tokens[at - 1]?.text === ')';
    if (isColon) return at - 1;
    if (token?.text === ')' && at === brace - 1) return at;
    const isType = token?.kind === 'word' || token?.kind === 'string' || token?.kind === 'number';
    if (!isType && !'<>[]|&.,:'.includes(token?.text ?? ' ')) return undefined;
  }
  return undefined;
}

function opening(tokens: readonly Token[], close: number): number {
  let depth = 0;
  for (let at = close; at >= 0; at -= 1) {
    const token = tokens[at];
    if (token?.kind !== 'mark') continue;
    if (token.text === ')') depth += 1;
    if (token.text === '(') depth -= 1;
    if (depth === 0) return at;
  }
  return 0;
}

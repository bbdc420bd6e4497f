// The names of tests: the first argument of `it` and `describe`, also behind `.each(…)`.

import { type SourceFile, type Token, tokenize } from './source.ts';

export interface Title {
  readonly path: string;
  readonly line: number;
  /** A part of a name that is filled in when the tests are collected is a hole: `%s`. */
  readonly text: string;
}

const CALLS: ReadonlySet<string> = new Set(['it', 'describe']);

export function titlesOf({ path, text }: SourceFile): Title[] {
  const tokens = tokenize(text);
  return tokens.flatMap((token, at) => {
    const isCall = token.kind === 'word' && CALLS.has(token.text);
    if (!isCall || isMark(tokens[at - 1], '.')) return [];
    const first = argumentOf(tokens, at + 1);
    return first === undefined ? [] : [{ path, line: token.line, text: first }];
  });
}

/** The text between the next parentheses, or between those after `.name(…)`. */
function argumentOf(tokens: readonly Token[], from: number): string | undefined {
  let at = from;
  while (isMark(tokens[at], '.')) {
    at += 2;
    if (isMark(tokens[at], '(') && !isText(tokens[at + 1])) at = behind(tokens, at);
  }
  if (!isMark(tokens[at], '(')) return undefined;
  const first = tokens[at + 1];
  if (first?.kind === 'string') return first.text;
  return first?.kind === 'template' ? templateAt(tokens, at + 1) : undefined;
}

/** The position after the parenthesis that closes this one. */
function behind(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at++) {
    if (isMark(tokens[at], '(')) depth++;
    if (isMark(tokens[at], ')')) depth--;
    if (depth === 0) return at + 1;
  }
  return tokens.length;
}

/** A template ends at the comma after a piece of its text. */
function templateAt(tokens: readonly Token[], from: number): string {
  let text = '';
  let isHole = false;
  for (let at = from; at < tokens.length; at++) {
    const token = tokens[at] as Token;
    if (token.kind === 'template') text += token.text;
    else if (isMark(token, ',') && !isHole) break;
    else if (!isHole) text += '%s';
    isHole = token.kind !== 'template';
  }
  return text;
}

function isText(token: Token | undefined): boolean {
  return token?.kind === 'string' || token?.kind === 'template';
}

function isMark(token: Token | undefined, text: string): boolean {
  return token?.kind === 'mark' && token.text === text;
}

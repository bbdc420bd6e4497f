// Reads source text as tokens, so that the house rules see code and never comments or the inside of
// strings. It knows only as much of TypeScript as that needs: strings, templates with their
// substitutions, comments, regular expressions, words, numbers, and punctuation.

import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface SourceFile {
  /** Path below src, with forward slashes: `base/heap.ts`. */
  readonly path: string;
  readonly text: string;
}

export interface Token {
  readonly kind: 'word' | 'string' | 'template' | 'regex' | 'number' | 'mark';
  /** A string's content; for all other kinds the text as written. */
  readonly text: string;
  readonly line: number;
}

/** All source files below a folder, by path. */
export function readTree(folder: string, kind = /\.[cm]?tsx?$/): SourceFile[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && kind.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .map((file) => ({
      path: relative(folder, file).replaceAll('\\', '/'),
      text: readFileSync(file, 'utf8'),
    }))
    .toSorted((a, b) => (a.path < b.path ? -1 : 1));
}

const patterns = {
  space: /\s+/y,
  lineComment: /\/\/[^\n]*/y,
  blockComment: /\/\*[\s\S]*?\*\//y,
  hashbang: /#![^\n]*/y,
  string: /'(?:[^'\\\n]|\\[\s\S])*'|"(?:[^"\\\n]|\\[\s\S])*"/y,
  regex: /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y,
  number: /\d[\w.]*/y,
  word: /#?[\p{ID_Start}$_][\p{ID_Continue}$]*/uy,
  templateText: /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*/y,
  mark: /=>|\?\.|\.\.\.|[\s\S]/y,
};

/** Comments are not among the tokens; `onComment` gets each with its line. */
export function tokenize(
  text: string,
  onComment: (comment: string, line: number) => void = () => {},
): Token[] {
  const tokens: Token[] = [];
  // For each template whose substitution is being read, the depth of open braces.
  const substitutions: number[] = [];
  let at = 0;
  let line = 1;

  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const match = pattern.exec(text);
    if (match === null || match[0] === '') return undefined;
    at += match[0].length;
    return match[0];
  };
  const add = (kind: Token['kind'], taken: string) => {
    tokens.push({ kind, text: kind === 'string' ? taken.slice(1, -1) : taken, line });
    line += newlines(taken);
  };
  const template = () => {
    const content = take(patterns.templateText);
    if (content !== undefined) add('template', content);
    if (text.startsWith('${', at)) {
      substitutions.push(0);
      at += 2;
    } else {
      at += 1;
    }
  };

  if (text.startsWith('#!')) take(patterns.hashbang);
  while (at < text.length) {
    const skipped =
      take(patterns.space) ?? take(patterns.lineComment) ?? take(patterns.blockComment);
    if (skipped !== undefined) {
      if (skipped.startsWith('/')) onComment(skipped, line);
      line += newlines(skipped);
      continue;
    }
    if (text[at] === '`') {
      at += 1;
      // Marks the place of the template even if its text is empty.
      add('template', '');
      template();
      continue;
    }
    const literal = takeLiteral(take, tokens.at(-1));
    if (literal !== undefined) {
      add(literal.kind, literal.text);
      continue;
    }
    const mark = take(patterns.mark) ?? '';
    const depth = substitutions.at(-1);
    if (mark === '}' && depth === 0) {
      substitutions.pop();
      template();
      continue;
    }
    if (depth !== undefined && mark === '{') substitutions[substitutions.length - 1] = depth + 1;
    if (depth !== undefined && mark === '}') substitutions[substitutions.length - 1] = depth - 1;
    add('mark', mark);
  }
  return tokens;
}

function takeLiteral(take: (pattern: RegExp) => string | undefined, previous: Token | undefined) {
  const kinds = ['string', 'word', 'number'] as const;
  for (const kind of kinds) {
    const text = take(patterns[kind]);
    if (text !== undefined) return { kind, text };
  }
  if (endsValue(previous)) return undefined;
  const text = take(patterns.regex);
  return text === undefined ? undefined : { kind: 'regex' as const, text };
}

const operators = new Set(['return', 'case', 'typeof', 'in', 'of', 'void', 'throw', 'else', 'do']);

// A slash divides after a value and begins a regular expression elsewhere.
function endsValue(token: Token | undefined): boolean {
  if (token === undefined) return false;
  if (token.kind === 'word') return !operators.has(token.text);
  if (token.kind === 'mark') return token.text === ')' || token.text === ']' || token.text === '}';
  return true;
}

function newlines(text: string): number {
  return text.split('\n').length - 1;
}

interface Specifier {
  readonly text: string;
  readonly line: number;
}

/** Every module that a file names: imports, re-exports, type imports, dynamic imports, require. */
export function specifiers(tokens: readonly Token[]): Specifier[] {
  return tokens.filter((token, at) => {
    if (token.kind !== 'string' && token.kind !== 'template') return false;
    const before = tokens[at - 1];
    if (isWord(before, 'from') || isWord(before, 'import')) return true;
    const caller = tokens[at - 2];
    return before?.text === '(' && (isWord(caller, 'import') || isWord(caller, 'require'));
  });
}

export function isWord(token: Token | undefined, text: string): boolean {
  return token?.kind === 'word' && token.text === text;
}

/** Index of the mark that closes the bracket at `open`; the end of the file if none does. */
export function closing(tokens: readonly Token[], open: number): number {
  let depth = 0;
  for (let at = open; at < tokens.length; at += 1) {
    const token = tokens[at];
    if (token?.kind !== 'mark') continue;
    if ('([{'.includes(token.text)) depth += 1;
    if (')]}'.includes(token.text)) depth -= 1;
    if (depth === 0) return at;
  }
  return tokens.length;
}

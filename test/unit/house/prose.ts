// The words of comments, documents and names of tests, and the width of comments: rules for plain
// English that can be checked without false alarms (CONTRIBUTING.md). Each rule is a pattern and
// what to write instead.

import { type SourceFile, tokenize } from './source.ts';

export const COLUMNS_MAX = 100;

interface Phrase {
  readonly name: string;
  readonly pattern: RegExp;
  readonly instead: string;
}

export const PHRASES: readonly Phrase[] = [
  { name: 'anew', pattern: /\banew\b/i, instead: 'again' },
  { name: 'even so', pattern: /\beven so\b/i, instead: 'still' },
  {
    name: 'nobody',
    pattern: /\b(?:no|any|every|some)body\b/i,
    instead: 'name the replica, the client',
  },
  { name: 'Who', pattern: /(?:^|[.:;] )Who(?:ever)? \w/, instead: 'a replica that, a caller that' },
  {
    name: 'is told',
    pattern: /\b(?:is|are|was|were) told\b/i,
    instead: 'gets, is notified, is sent',
  },
  {
    name: 'life',
    pattern:
      /\b(?:life|lives) of\b|\b(?:its|own|earlier|later|new|this|each|every|present|current) li(?:fe|ves)\b/i,
    instead: 'incarnation',
  },
];

/** A comment, a paragraph of a document, or the name of a test. */
export interface Passage {
  readonly path: string;
  readonly line: number;
  readonly text: string;
}

/** The comments of a file; consecutive line comments are one. */
export function commentsOf({ path, text }: SourceFile): Passage[] {
  const found: Passage[] = [];
  let end = 0;
  tokenize(text, (comment, line) => {
    const last = found.at(-1);
    const words = wordsOf(comment);
    if (last !== undefined && comment.startsWith('//') && line === end + 1) {
      found[found.length - 1] = { ...last, text: `${last.text} ${words}` };
    } else found.push({ path, line, text: words });
    end = line + comment.split('\n').length - 1;
  });
  return found;
}

/** A comment without its marks, in one line. */
function wordsOf(comment: string): string {
  return comment
    .split('\n')
    .map((line) => line.replace(/^\s*(?:\/\/|\/\*+|\*(?!\/))|\*\/$/g, '').trim())
    .join(' ')
    .trim();
}

/** The paragraphs of a document, without code and without quoted examples. */
export function paragraphsOf({ path, text }: SourceFile): Passage[] {
  const bare = text.replaceAll(/^```[\s\S]*?^```$/gm, (code) => code.replaceAll(/[^\n]/g, ''));
  let line = 1;
  return bare.split(/\n(?=\n|[-|#]|\d+\. )/).map((paragraph) => {
    const begun = line;
    line += paragraph.split('\n').length;
    const words = paragraph.replaceAll(/"[^"]*"/g, '').replaceAll(/\s+/g, ' ');
    return { path, line: begun, text: words.trim() };
  });
}

/** Passages that contain the phrase, as `path:line`. */
export function passagesWith({ pattern }: Phrase, passages: readonly Passage[]): string[] {
  return passages
    .filter(({ text }) => pattern.test(text))
    .map(({ path, line }) => `${path}:${line}`);
}

/** Lines of comments that are wider than `COLUMNS_MAX`, as `path:line`. */
export function wideComments({ path, text }: SourceFile): string[] {
  const lines = text.split('\n');
  const wide: string[] = [];
  tokenize(text, (comment, first) => {
    comment.split('\n').forEach((_, at) => {
      const isWide = (lines[first - 1 + at] ?? '').length > COLUMNS_MAX;
      if (isWide) wide.push(`${path}:${first + at}`);
    });
  });
  return wide;
}

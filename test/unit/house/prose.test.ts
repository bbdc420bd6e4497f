import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { filesOf, readText } from './documents.ts';
import {
  COLUMNS_MAX,
  commentsOf,
  paragraphsOf,
  type Passage,
  passagesWith,
  PHRASES,
  wideComments,
} from './prose.ts';
import { readTree } from './source.ts';
import { titlesOf } from './titles.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const files = ['src', 'test', 'scripts'].flatMap((folder) =>
  readTree(join(root, folder), /\.(?:[cm]?tsx?|mjs)$/),
);

describe('the comments', () => {
  const comments = files.flatMap(commentsOf);

  it('fit into the columns', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(files.flatMap(wideComments)).toEqual([]);
  });

  it.each(PHRASES)('do without "$name"', (phrase) => {
    expect(passagesWith(phrase, comments), `say "${phrase.instead}"`).toEqual([]);
  });
});

describe('the documents', () => {
  const documents = filesOf(root)
    .filter((path) => path.endsWith('.md'))
    .flatMap((path) => paragraphsOf(readText(root, path)));

  it.each(PHRASES)('do without "$name"', (phrase) => {
    expect(documents.length).toBeGreaterThan(200);
    expect(passagesWith(phrase, documents), `say "${phrase.instead}"`).toEqual([]);
  });
});

describe('the names of tests', () => {
  const titles = files
    .filter(({ path }) => /\.(?:test|contract)\.ts$/.test(path))
    .flatMap(titlesOf);

  it.each(PHRASES)('do without "$name"', (phrase) => {
    expect(titles.length).toBeGreaterThan(2500);
    expect(passagesWith(phrase, titles), `say "${phrase.instead}"`).toEqual([]);
  });
});

describe('the rules of prose', () => {
  const file = (text: string) => ({ path: 'a.ts', text });
  const phrasesIn = (passages: readonly Passage[]) =>
    PHRASES.filter((phrase) => passagesWith(phrase, passages).length > 0).map(({ name }) => name);
  const found = (text: string) => phrasesIn(commentsOf(file(text)));

  it('find a phrase in a comment, also over the end of a line, and not in code', () => {
    expect(found('/** Who asks, gets. */\n')).toEqual(['Who']);
    expect(found('// The peer is\n// told.\n')).toEqual(['is told']);
    expect(found('/**\n * It begins\n * anew.\n */\n')).toEqual(['anew']);
    expect(found("const life = 'nobody';\n")).toEqual([]);
  });

  it('find a phrase in a paragraph, and not in code or in an example', () => {
    const text = '# A\n\nOne is\ntold.\n\n```\nnobody\n```\n\nNot "anew".\n';
    expect(phrasesIn(paragraphsOf(file(text)))).toEqual(['is told']);
  });

  it('find the names of tests, with what is put into them', () => {
    const text = [
      "describe('a lane', () => {",
      "  it('grows', () => go('nobody'));",
      "  it.each([f(1)])('has %s', () => {});",
      '  it(`by ${ms} ms, ${a ? 1 : 2}`, () => {});',
      '  it.skip("is", () => {});',
    ].join('\n');
    const names = titlesOf(file(text)).map((title) => title.text);
    expect(names).toEqual(['a lane', 'grows', 'has %s', 'by %s ms, %s', 'is']);
  });

  it('find a comment that is too wide, and leave code alone', () => {
    const wide = 'x'.repeat(COLUMNS_MAX);
    expect(wideComments(file(`// ${wide}\n`))).toEqual(['a.ts:1']);
    expect(wideComments(file(`/**\n * ${wide}\n */\n`))).toEqual(['a.ts:2']);
    expect(wideComments(file(`const a = '${wide}';\n`))).toEqual([]);
  });
});

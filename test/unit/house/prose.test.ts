import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { COLUMNS_MAX, commentsWith, PHRASES, wideComments } from './prose.ts';
import { readTree } from './source.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const files = ['src', 'test', 'scripts'].flatMap((folder) =>
  readTree(join(root, folder), /\.(?:[cm]?tsx?|mjs)$/),
);

describe('the comments', () => {
  it('fit into the columns', () => {
    expect(files.length).toBeGreaterThan(100);
    expect(files.flatMap(wideComments)).toEqual([]);
  });

  it.each(PHRASES)('do without "$name"', (phrase) => {
    expect(commentsWith(phrase, files), `say "${phrase.instead}"`).toEqual([]);
  });
});

describe('the rules of comments', () => {
  const file = (text: string) => ({ path: 'a.ts', text });
  const found = (text: string) =>
    PHRASES.filter((phrase) => commentsWith(phrase, [file(text)]).length > 0).map(
      ({ name }) => name,
    );

  it('find a phrase in a comment, also over the end of a line, and not in code', () => {
    expect(found('/** Who asks, gets. */\n')).toEqual(['Who']);
    expect(found('// The peer is\n// told.\n')).toEqual(['is told']);
    expect(found('/**\n * It begins\n * anew.\n */\n')).toEqual(['anew']);
    expect(found("const life = 'nobody';\n")).toEqual([]);
  });

  it('find a comment that is too wide, and leave code alone', () => {
    const wide = 'x'.repeat(COLUMNS_MAX);
    expect(wideComments(file(`// ${wide}\n`))).toEqual(['a.ts:1']);
    expect(wideComments(file(`/**\n * ${wide}\n */\n`))).toEqual(['a.ts:2']);
    expect(wideComments(file(`const a = '${wide}';\n`))).toEqual([]);
  });
});

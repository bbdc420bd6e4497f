import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { quotedIn, tableBelow } from './documents.ts';
import { identifiersWith, sharedExports } from './glossary.ts';
import { readTree } from './source.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const files = readTree(join(root, 'src'));
const glossary = tableBelow(readFileSync(join(root, 'ARCHITECTURE.md'), 'utf8'), 'Glossary');
const forbidden = glossary.flatMap(([, , not = '']) => quotedIn(not));

/** Identifiers with a forbidden word that still need a better name. The numbers may only fall. */
const LEFT: Readonly<Record<string, number>> = {
  fitness: 1,
  life: 6,
  lives: 1,
  pace: 1,
};

/** Names that several rooms export, each with its own meaning. The list may only become shorter. */
const SHARED: ReadonlySet<string> = new Set(
  `Claim Client Delay Exchange heldKey Holder list Log Membership Operation Place Refusal
   refusalOf refuse ReplicaView RequestSeries ResyncOptions Role Row statusOf Synod Table
   weightOf`.split(/\s+/),
);

describe('the words of the source', () => {
  it('are compared with the glossary', () => {
    expect(glossary.length).toBeGreaterThan(20);
    expect(forbidden.length).toBeGreaterThan(20);
    expect(Object.keys(LEFT).filter((word) => !forbidden.includes(word))).toEqual([]);
  });

  it.each(forbidden)('are not "%s", or in fewer identifiers than before', (word) => {
    const found = identifiersWith(word, files);
    const count = found.length;
    expect(count <= (LEFT[word] ?? 0), `${count} of them: ${found.join(', ')}`).toBe(true);
  });

  it('have one meaning where they are exported', () => {
    const shared = [...sharedExports(files)].filter(([name]) => !SHARED.has(name));
    expect(shared.map(([name, rooms]) => `${name}: ${rooms}`)).toEqual([]);
  });
});

describe('the rules of words', () => {
  const file = (path: string, text: string) => ({ path, text });

  it('find a word within an identifier or a file name, and not within another word', () => {
    const one = file('a/past-life.ts', 'const LIFE_MAX = 1; #lifeOf(); lifetime; // life\n');
    expect(identifiersWith('life', [one])).toEqual(['a/past-life.ts', 'LIFE_MAX', '#lifeOf']);
    expect(identifiersWith('life', [file('b.ts', "const a = 'life';\n")])).toEqual([]);
  });

  it('find a name that two rooms export, and not one that a room exports twice', () => {
    const one = file('a/x.ts', 'export interface Place {}\nexport const seat = 1;\n');
    const two = file('b/y.ts', 'export type Place = 1;\n');
    const same = file('a/z.ts', 'export function seat() {}\n');
    expect([...sharedExports([one, two, same])]).toEqual([['Place', 'a, b']]);
  });
});

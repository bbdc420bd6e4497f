// One word for one thing: compares the identifiers and file names of the source with the words that
// the glossary of ARCHITECTURE.md rules out, and finds exports of one name with different meanings.

import { type SourceFile, type Token, tokenize } from './source.ts';

/**
 * Identifiers that contain the word as one of their words: `paceOf` contains pace, `spaced` does
 * not. File names count as well.
 */
export function identifiersWith(word: string, files: readonly SourceFile[]): string[] {
  const found = files.flatMap((file) =>
    namesIn(file).filter((name) => wordsOf(name).includes(word)),
  );
  return [...new Set(found)];
}

/** Each file is read once for any number of words. */
const namesOf = new WeakMap<SourceFile, readonly string[]>();

function namesIn(file: SourceFile): readonly string[] {
  const known = namesOf.get(file);
  if (known !== undefined) return known;
  const identifiers = tokenize(file.text).filter(({ kind }) => kind === 'word');
  const names = [...new Set([file.path, ...identifiers.map((token) => token.text)])];
  namesOf.set(file, names);
  return names;
}

/** `#heldByPeer`, `HELD_MAX`, `entropy/tree-walk.ts` as lower-case words. */
function wordsOf(name: string): string[] {
  return name
    .split(/[^\p{L}\p{N}]+|(?<=[\p{Ll}\p{N}])(?=\p{Lu})/u)
    .map((word) => word.toLowerCase());
}

/** Names that several rooms export, with those rooms. */
export function sharedExports(files: readonly SourceFile[]): Map<string, string> {
  const rooms = new Map<string, Set<string>>();
  for (const { path, text } of files) {
    const [room = ''] = path.split('/');
    for (const name of exportsOf(tokenize(text)))
      rooms.set(name, (rooms.get(name) ?? new Set()).add(room));
  }
  const shared = [...rooms].filter(([, those]) => those.size > 1);
  return new Map(shared.map(([name, those]) => [name, [...those].join(', ')]));
}

const DECLARERS: ReadonlySet<string> = new Set(
  'const let function class interface type async abstract'.split(' '),
);

function exportsOf(tokens: readonly Token[]): string[] {
  return tokens.flatMap(({ kind, text }, at) => {
    if (kind !== 'word' || text !== 'export') return [];
    let next = at + 1;
    while (DECLARERS.has(tokens[next]?.text ?? '')) next++;
    const name = tokens[next];
    return name?.kind === 'word' ? [name.text] : [];
  });
}

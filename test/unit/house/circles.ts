// Files that import each other in a circle. A reader of one of them has to read all of them first.
// Imports of types count, too.

import { posix } from 'node:path';
import { type SourceFile, specifiers, tokenize } from './source.ts';

/** The files of all circles, each with those that it imports of them. */
export function circlesIn(files: readonly SourceFile[]): string[] {
  const left = new Map(files.map((file) => [file.path, importsOf(file)]));
  // A file that imports none of the others, or that none of them imports, is in no circle.
  for (let before = Infinity; left.size < before; ) {
    before = left.size;
    for (const [path, imports] of left)
      if (!imports.some((other) => left.has(other))) left.delete(path);
    const imported = new Set([...left.values()].flat());
    for (const path of left.keys()) if (!imported.has(path)) left.delete(path);
  }
  return [...left].map(
    ([path, imports]) => `${path} -> ${imports.filter((other) => left.has(other)).join(', ')}`,
  );
}

function importsOf({ path, text }: SourceFile): string[] {
  return specifiers(tokenize(text))
    .filter((specifier) => specifier.text.startsWith('.'))
    .map((specifier) => posix.join(posix.dirname(path), specifier.text));
}

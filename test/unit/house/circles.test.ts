import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { circlesIn } from './circles.ts';
import { readTree } from './source.ts';

const src = join(import.meta.dirname, '..', '..', '..', 'src');

describe('the files of src', () => {
  it('do not import each other in a circle', () => {
    expect(circlesIn(readTree(src))).toEqual([]);
  });
});

describe('the rule', () => {
  it('finds the files of a circle, also of types, and none that leads to it or from it', () => {
    const files = [
      { path: 'main.ts', text: "import { a } from './a/a.ts';" },
      { path: 'a/a.ts', text: "import type { B } from '../b/b.ts';" },
      { path: 'b/b.ts', text: "import { a } from '../a/a.ts';\nimport './c.ts';" },
      { path: 'b/c.ts', text: "import { join } from 'node:path';" },
    ];
    expect(circlesIn(files)).toEqual(['a/a.ts -> b/b.ts', 'b/b.ts -> a/a.ts']);
    expect(circlesIn(files.slice(0, 2))).toEqual([]);
  });
});

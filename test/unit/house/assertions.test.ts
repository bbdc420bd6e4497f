import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { assertionsIn, assertionsPerThousandLines } from './assertions.ts';
import { readTree } from './source.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const CORE =
  `conflict store peers quorum stream order membership entropy lag upkeep forward consistency
   replica host`.split(/\s+/);
/**
 * The least numbers for the machines, the memory and the host, and for these with the vocabulary.
 * They may only rise.
 */
const LEAST = { core: 15, withModel: 15 };

const files = readTree(join(root, 'src'));
const inRooms = (rooms: readonly string[]) =>
  files.filter(({ path }) => rooms.some((room) => path.startsWith(`${room}/`)));

describe('assertions', () => {
  it('are at least as dense as before from the resolvers to the host', () => {
    const density = assertionsPerThousandLines(inRooms(CORE));
    expect(density).toBeGreaterThanOrEqual(LEAST.core);
  });

  it('are at least as dense as before with the vocabulary of the core', () => {
    const density = assertionsPerThousandLines(inRooms(['model', ...CORE]));
    expect(density).toBeGreaterThanOrEqual(LEAST.withModel);
  });

  it('are counted as calls of the helpers, without imports and comments', () => {
    const text =
      "import { assert } from './a.ts';\n// assert(x)\nassert(a, 'b');\npresent(c, 'd');\n";
    expect(assertionsIn({ path: 'a.ts', text })).toBe(2);
    expect(assertionsPerThousandLines([{ path: 'a.ts', text }])).toBe(500);
  });
});

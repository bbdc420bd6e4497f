// Replicas that find what a disk lost in silence, and bring it back.

import { type Mutant, sim } from '../mutant.ts';

const SCENARIO = 'test/scenario/anti-entropy.test.ts';

export const trees: readonly Mutant[] = [
  {
    id: 'tree-last-leaf-skipped',
    number: 26,
    title: 'the last leaf of each node is never compared',
    file: 'src/entropy/tree-walk.ts',
    replace: 'if (!isSameDigest(leaves.leaf(leaf), theirs) &&',
    with: 'if (leaf % FANOUT < FANOUT - 1 && !isSameDigest(leaves.leaf(leaf), theirs) &&',
    foundBy: {
      kind: 'test',
      file: SCENARIO,
      name: 'a record that vanished from one disk is found',
    },
  },
  {
    id: 'tree-last-node-skipped',
    number: 26,
    title: 'the last inner node is not in the root',
    file: 'src/store/leaves.ts',
    replace: `    this.#rootLow ^= low;
    this.#rootHigh ^= high;
    words`,
    with: `    if (leaf < LEAVES - FANOUT) this.#rootLow ^= low;
    if (leaf < LEAVES - FANOUT) this.#rootHigh ^= high;
    words`,
    foundBy: {
      kind: 'test',
      file: 'test/unit/store/tree.test.ts',
      name: 'a tree has every leaf in its inner node',
    },
  },
  {
    id: 'tree-older-over-newer',
    number: 27,
    title: 'a record that a peer gives replaces a newer one',
    file: 'src/store/table.ts',
    replace: "if (order <= 0) return order === 0 ? 'known' : 'lost';",
    with: "if (order === 0) return 'known';",
    foundBy: {
      kind: 'test',
      file: 'test/unit/store/table.test.ts',
      name: 'a table mends what was lost',
    },
  },
  {
    id: 'tree-error-is-equal',
    number: 'own',
    title: 'a peer that cannot tell counts as equal',
    file: 'src/entropy/tree-walk.ts',
    replace: "if (reply.answer !== 'known' || cut === undefined",
    with: `if (reply.answer !== 'known') return this.#end(walk, 'equal', now, out);
    if (cut === undefined`,
    foundBy: {
      kind: 'test',
      file: SCENARIO,
      name: 'a comparison that is not possible is no success: the tree of a peer in doubt',
    },
  },
  {
    id: 'tree-seen-once',
    number: 'own',
    title: 'a difference that was seen once is called divergence',
    file: 'src/entropy/tree-walk.ts',
    replace: 'if (walk.look === 1) {',
    with: `walk.seen = walk.found;
    if (walk.untilMs < 0) {`,
    foundBy: {
      kind: 'test',
      file: SCENARIO,
      name: 'a record that one disk has in an older version',
    },
  },
  {
    id: 'tree-forgets-the-old',
    number: 'own',
    title: 'what a write replaces stays in the tree',
    file: 'src/store/table.ts',
    replace: 'this.#tree.onChange(record, before, record);',
    with: 'this.#tree.onChange(record, before === record ? before : undefined, record);',
    foundBy: sim,
  },
  {
    id: 'tree-not-written',
    number: 'own',
    title: 'leaves that changed are not written with the records',
    file: 'src/store/tree.ts',
    replace: 'out.put((this.#keys[leaf] ??= treeKey(leaf)), value);',
    with: 'if (value.length === 0) out.put((this.#keys[leaf] ??= treeKey(leaf)), value);',
    foundBy: sim,
  },
  {
    id: 'tree-never-mended',
    number: 'own',
    title: 'a divergence is seen, and nothing is fetched',
    file: 'src/entropy/tree-walk.ts',
    replace: "if (lacks === 'here' && theirs !== undefined)",
    with: "if (lacks === 'there' && theirs !== undefined)",
    foundBy: {
      kind: 'test',
      file: SCENARIO,
      name: 'a record that vanished from one disk comes back in a fifo namespace',
    },
  },
];

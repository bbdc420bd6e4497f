// Replicas that find what a disk lost without an error, and fetch it from a peer.

import { type Mutant, sim } from '../mutant.ts';

const SCENARIO = 'test/scenario/anti-entropy.test.ts';
const WRITES = 'test/scenario/anti-entropy-writes.test.ts';
const CUT = 'test/unit/entropy/tree-cut.test.ts';

export const trees: readonly Mutant[] = [
  {
    id: 'tree-last-leaf-skipped',
    number: 26,
    title: 'the last leaf of each node is never compared',
    file: 'src/entropy/tree-step.ts',
    replace: 'if (!isSameDigest(cut.leaves.leaf(leaf), digestAt(digests, i)) &&',
    with: 'if (leaf % FANOUT < FANOUT - 1 && !isSameDigest(cut.leaves.leaf(leaf), digestAt(digests, i)) &&',
    foundBy: {
      kind: 'test',
      file: SCENARIO,
      name: 'a record that vanished from one disk is found',
    },
  },
  {
    id: 'tree-last-node-skipped',
    number: 26,
    title: 'the root does not include the last inner node',
    file: 'src/store/leaves.ts',
    in: 'toggle',
    replace: 'this.#rootLow ^= low;',
    with: 'if (leaf < LEAVES - FANOUT) this.#rootLow ^= low;',
    also: {
      in: 'toggle',
      replace: 'this.#rootHigh ^= high;',
      with: 'if (leaf < LEAVES - FANOUT) this.#rootHigh ^= high;',
    },
    foundBy: {
      kind: 'test',
      file: 'test/unit/store/tree.test.ts',
      name: 'a tree has every leaf in its inner node',
    },
  },
  {
    id: 'tree-older-over-newer',
    number: 27,
    title: 'a record from a peer replaces a newer one',
    file: 'src/store/table.ts',
    replace: "if (includes(current, record)) return isSame(current, record) ? 'known' : 'lost';",
    with: "if (isSame(current, record)) return 'known';\n    if (current !== undefined) return this.#replace(current, record, out);",
    foundBy: {
      kind: 'test',
      file: 'test/unit/store/table.test.ts',
      name: 'a table restores what was lost, and puts nothing older over anything newer',
    },
  },
  {
    id: 'tree-error-is-equal',
    number: 'own',
    title: 'a peer that cannot answer counts as equal',
    file: 'src/entropy/tree-walk.ts',
    replace: "const cut = reply.answer === 'known' ? this.#options.freeze() : undefined;",
    with: `if (reply.answer !== 'known') return this.#end(walk, 'equal', turn);
    const cut = this.#options.freeze();`,
    foundBy: {
      kind: 'test',
      file: SCENARIO,
      name: 'a comparison that is not possible does not count as equal: the tree of the peer is in doubt',
    },
  },
  {
    id: 'tree-seen-once',
    number: 'own',
    title: 'a difference counts as divergence after one comparison',
    file: 'src/entropy/tree-walk.ts',
    replace: 'const { seen } = walk;\n    // look 1 -> look 2',
    with: 'const seen: Differences | undefined = found;\n    // look 1 -> look 2',
    foundBy: {
      kind: 'test',
      file: SCENARIO,
      name: 'a record that one disk has in an older version is found, confirmed a second time and merged, and no older version replaces a newer one',
    },
  },
  {
    id: 'tree-forgets-the-old',
    number: 'own',
    title: 'a replaced record stays in the tree',
    file: 'src/store/table.ts',
    replace: 'this.#tree.onChange(record, before.record, record);',
    with: 'this.#tree.onChange(record, before.damaged ? before.record : undefined, record);',
    foundBy: sim,
  },
  {
    id: 'tree-not-written',
    number: 'own',
    title: 'changed leaves are not written with their records',
    file: 'src/store/tree.ts',
    replace: 'out.put((this.#keys[leaf] ??= treeKey(leaf)), value);',
    with: 'if (value.length === 0) out.put((this.#keys[leaf] ??= treeKey(leaf)), value);',
    foundBy: sim,
  },
  {
    id: 'tree-never-mended',
    number: 'own',
    title: 'a confirmed divergence is not mended',
    file: 'src/entropy/tree-walk.ts',
    replace: "if (lacks === 'here' && theirs !== undefined)",
    with: "if (lacks === 'there' && theirs !== undefined)",
    foundBy: {
      kind: 'test',
      file: SCENARIO,
      name: 'a record that vanished from one disk is restored in a fifo namespace as well',
    },
  },
  {
    id: 'tree-explained-is-lost',
    number: 'own',
    title: 'a record that may still be on its way counts as lost',
    file: 'src/entropy/tree-difference.ts',
    replace: 'isCovered: covers(cut, dotOf(newer)) };',
    with: 'isCovered: dotOf(newer).seq > 0 || covers(cut, dotOf(newer)) };',
    foundBy: {
      kind: 'test',
      file: WRITES,
      name: 'a comparison while writes never pause counts a record that is in no log neither as a divergence nor as equal',
    },
  },
  {
    id: 'tree-lost-is-explained',
    number: 'own',
    title: 'a lost record counts as being on its way',
    file: 'src/entropy/tree-difference.ts',
    replace: 'isCovered: covers(cut, dotOf(newer)) };',
    with: 'isCovered: older !== undefined && covers(cut, dotOf(newer)) };',
    foundBy: {
      kind: 'test',
      file: WRITES,
      name: 'a comparison while writes never pause finds what one disk lost, raises the alarm and restores it',
    },
  },
  {
    id: 'tree-before-the-cut',
    number: 'own',
    title: 'a peer sends digests before its tree has reached the cut',
    file: 'src/entropy/tree-server.ts',
    replace: "return isAgreed ? cut.advance() : 'unknown';",
    with: "return isAgreed && cut.advance() !== 'unknown' ? 'known' : 'unknown';",
    foundBy: {
      kind: 'test',
      file: 'test/unit/entropy/tree-walk.test.ts',
      name: 'a peer that is asked answers waiting until it has reached the cut',
    },
  },
  {
    id: 'tree-cut-undurable',
    number: 'own',
    title: 'a tree is compared before its records are durable',
    file: 'src/entropy/tree-cut.ts',
    replace:
      "return state === 'there' && dominates(log.durable, this.vector) ? 'known' : 'waiting';",
    with: "return state === 'there' || dominates(log.durable, this.vector) ? 'known' : 'waiting';",
    foundBy: {
      kind: 'test',
      file: CUT,
      name: 'a cut waits until everything in the frozen copy is durable',
    },
  },
  {
    id: 'tree-cut-without-repairs',
    number: 'own',
    title: 'a cut does not cover records that came before their entries',
    file: 'src/entropy/tree-cut.ts',
    replace: 'this.#frozen.raise(absence.ahead());',
    with: 'absence.ahead();',
    foundBy: {
      kind: 'test',
      file: WRITES,
      name: 'a comparison while writes never pause waits for the entries of records that a read brought before them',
    },
  },
  {
    id: 'tree-frozen-forgets',
    number: 'own',
    title: 'a frozen tree contains later versions of the table',
    file: 'src/store/tree.ts',
    replace: 'for (const frozen of this.#frozen) frozen.onChange(name, before);',
    with: 'for (const frozen of this.#frozen) if (before === after) frozen.onChange(name, before);',
    foundBy: {
      kind: 'test',
      file: 'test/property/tree-cut.property.test.ts',
      name: 'a frozen tree equals, at its cut, the merge of all entries up to the cut',
    },
  },
];

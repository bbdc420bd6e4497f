// Files of the source without a unit test of their own: that of `store/log.ts` is
// `test/unit/store/log.test.ts`.

/** Rooms in which each file has its own test: the machine floor, and what it is built on. */
export const mirrored: ReadonlySet<string> = new Set(
  `consistency entropy forward lag membership order peers quorum store stream upkeep`.split(' '),
);

/** Files without one, and where they are tested instead. */
export const elsewhere: { readonly [path: string]: string } = {
  'entropy/snapshot-client.ts': 'both ends in unit/entropy/snapshot.test.ts',
  'entropy/snapshot-server.ts': 'both ends in unit/entropy/snapshot.test.ts',
  'entropy/tree-step.ts': 'the steps of unit/entropy/tree-walk.test.ts',
  'order/wait-queue.ts': 'the queues of unit/order/causal-order.test.ts',
  'quorum/list-round.ts': 'shapes of a list that scenario/quorum-list.test.ts makes',
  'quorum/put.ts': 'property/pending-writes.property.test.ts',
  'quorum/tally.ts': 'property/quorum.property.test.ts',
  'store/dirty.ts': 'unit/store/cells.test.ts, property/record-reads.property.test.ts',
  'store/excerpt.ts': 'property/run.property.test.ts',
  'store/frozen-tree.ts': 'unit/entropy/tree-cut.test.ts, property/tree-cut.property.test.ts',
  'store/incarnation.ts': 'unit/store/recovery.test.ts',
  'store/key-range.ts': 'property/listing.property.test.ts',
  'store/layout.ts': 'property/layout.property.test.ts',
  'store/leaves.ts': 'unit/store/tree.test.ts, property/tree.property.test.ts',
  'store/recount.ts': 'unit/store/tree.test.ts, property/tree.property.test.ts',
};

/** The paths of tests in a reason. */
export function testsIn(reason: string): string[] {
  return reason.match(/[a-z/-]+(?:\.property)?\.test\.ts/g) ?? [];
}

/** `files` and `tests` by their paths below `src` and `test/unit`. */
export function untested(files: readonly string[], tests: readonly string[]): string[] {
  const known = new Set(tests);
  return files.filter((path) => {
    const [room = ''] = path.split('/');
    return mirrored.has(room) && !known.has(path.replace(/\.ts$/, '.test.ts'));
  });
}

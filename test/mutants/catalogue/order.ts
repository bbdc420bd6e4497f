// Which version wins, and in which order writes are shown.

import { type Mutant, sim } from '../mutant.ts';

export const order: readonly Mutant[] = [
  {
    id: 'no-tie-break',
    number: 9,
    title: 'of two writes with the same stamp the first to arrive wins',
    file: 'src/conflict/version-order.ts',
    replace: 'if (left.hlc !== right.hlc) return left.hlc < right.hlc ? -1 : 1;',
    with: `if (left.origin === right.origin) return left.seq - right.seq;
  if (left.hlc < 1e99) return left.hlc - right.hlc;`,
    foundBy: {
      kind: 'test',
      file: 'test/contract/resolver.test.ts',
      name: 'does not depend on the order or the number of deliveries',
    },
  },
  {
    id: 'wall-clock-wins',
    number: 9,
    title:
      'versions are ordered by the millisecond only, and of two within one the first to arrive wins',
    file: 'src/conflict/version-order.ts',
    replace: 'if (left.hlc !== right.hlc) return left.hlc < right.hlc ? -1 : 1;',
    with: `if (left.origin === right.origin) return left.seq - right.seq;
  if (left.hlc < 1e99) return Math.floor(left.hlc / 1024) - Math.floor(right.hlc / 1024);`,
    foundBy: sim,
  },
  {
    id: 'tie-break-differs',
    number: 10,
    title: 'of two writes with the same stamp the last to arrive wins',
    file: 'src/store/table.ts',
    replace: "return isOlder ? 'lost' : this.#replace(cell, merge(current, record), out);",
    with: `const isTie = record.hlc === current.hlc && record.origin !== current.origin;
    return isOlder && !isTie ? 'lost' : this.#replace(cell, record, out);`,
    foundBy: {
      kind: 'test',
      file: 'test/property/store.property.test.ts',
      name: 'a table shows the winner of all applied mutations, whatever is evicted or durable',
    },
  },
  {
    id: 'older-overwrites',
    number: 27,
    title: 'an older version that arrives later overwrites a newer one',
    file: 'src/store/table.ts',
    replace: "return isOlder ? 'lost' : this.#replace(cell, merge(current, record), out);",
    with: 'return this.#replace(cell, record, out);',
    foundBy: sim,
  },
  {
    id: 'tombstone-dropped',
    number: 28,
    title: 'a delete writes no tombstone to disk',
    file: 'src/store/table.ts',
    in: '#writeRecords',
    replace: 'out.put(recordKey(record.namespace, record.key), encoded);',
    with: `if (isTombstone(record)) out.del(recordKey(record.namespace, record.key));
      else out.put(recordKey(record.namespace, record.key), encoded);`,
    foundBy: sim,
  },
  {
    id: 'healed-with-older',
    number: 27,
    title:
      'a damaged record is replaced by the record of a peer, although the own log has a newer one',
    file: 'src/replica/desk/reads.ts',
    replace: 'beyond === undefined ? reported : merge(reported, beyond);',
    with: 'beyond === undefined ? reported : (reported ?? merge(reported, beyond));',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/read.test.ts',
      name: 'a damaged record is never replaced by an older one: a version that only this replica has comes from its own log',
    },
  },
  {
    id: 'fifo-overtaken',
    number: 17,
    title: 'a read in a fifo namespace shows a write before earlier writes of its origin',
    file: 'src/model/level.ts',
    replace: "fifo: { desk: 'multi-leader', repairs: 'stream',",
    with: "fifo: { desk: 'multi-leader', repairs: 'record',",
    foundBy: {
      kind: 'test',
      file: 'test/scenario/read.test.ts',
      name: 'a quorum read in a fifo namespace waits for the stream instead of overtaking earlier writes',
    },
  },
  {
    id: 'gap-accepted',
    number: 17,
    title: 'entries after a gap are accepted',
    file: 'src/stream/receiver.ts',
    replace: `    if (mutation.seq > lastOf(tail) + 1 || !this.#followsEarlierLives(mutation)) return this.#gap();
    if (!isOf(lane, mutation) || !isChained(mutation, tail.chain)) {`,
    with: `    if (mutation.seq > lane.received + 1) lane.received = lane.applied = mutation.seq - 1;
    if (!isOf(lane, mutation)) {`,
    foundBy: sim,
  },
  {
    id: 'lives-overtake',
    number: 17,
    title: 'a later incarnation is shown before the end of the one before',
    file: 'src/stream/receiver.ts',
    replace: 'if (mutation.seq > 1) return true;',
    with: 'if (mutation.seq > 0) return true;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/stream/receiver.test.ts',
      name: 'the first entry of a later incarnation waits for the end of the incarnation before',
    },
  },
  {
    id: 'refused-and-applied',
    number: 37,
    title: 'a write that was refused for lack of replicas is applied anyway',
    file: 'src/replica/desk/writes.ts',
    replace: '    return !this.#admits(command, terms, turn);',
    with: `    const client = { onReply: () => {} };
    if (this.#admits(command, terms, turn)) return false;
    this.#write({ ...command, client }, terms, turn);
    return true;`,
    foundBy: sim,
  },
  {
    id: 'stale-condition',
    number: 8,
    title: 'If-Match accepts any version',
    file: 'src/model/conditions.ts',
    replace: 'return live !== undefined && condition.versions.includes(versionIn(live));',
    with: 'return live !== undefined;',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/write.test.ts',
      name: 'with a condition sees what is accepted and not yet durable',
    },
  },
  {
    id: 'seen-delete-takes-newer',
    number: 'own',
    title: 'a delete of one version is accepted over a newer version',
    file: 'src/conflict/decide.ts',
    replace: 'if (removes !== undefined && isNewer(record, removes)) return unmet(live, record);',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/unit/conflict/decide.test.ts',
      name: 'leaves a newer value',
    },
  },
  {
    id: 'parked-and-served-late',
    number: 'own',
    title: 'a parked request is served without passing the gates again',
    file: 'src/replica/admission/entrance.ts',
    replace: 'onReached: (later: Turn) => this.#arrive(command, terms, later),',
    with: `onReached: (later: Turn) => this.#options.desks['multi-leader'].read(command as ReadCommand, terms, later),`,
    foundBy: {
      kind: 'test',
      file: 'test/unit/replica/admission/entrance.test.ts',
      name: 'a request that a gate parks is refused if it is not admitted then either',
    },
  },
  {
    id: 'lot-without-bound',
    number: 'own',
    title: 'requests are parked without a bound',
    file: 'src/quorum/parking-lot.ts',
    replace: 'if (this.#size >= this.#max) return false;',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/unit/replica/admission/entrance.test.ts',
      name: 'a request that a gate parks is refused as overloaded if the lot is full',
    },
  },
];

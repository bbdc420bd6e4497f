// Quorums that are smaller than their number says, and reads that do not use their overlap.

import { type Mutant, sim } from '../mutant.ts';

export const quorums: readonly Mutant[] = [
  {
    id: 'ack-at-w-minus-1',
    number: 2,
    title: 'a write is won with one copy less than it asks for',
    file: 'src/quorum/put.ts',
    replace: "const settled = write.tally.state === 'won';",
    with: `const { tally } = write;
    const settled = tally.state === 'won' || tally.acks >= Math.max(tally.requirement.count - 1, 1);`,
    foundBy: sim,
  },
  {
    id: 'read-at-r-minus-1',
    number: 'own',
    title: 'a read is won with one answer less than it asks for',
    file: 'src/quorum/get.ts',
    replace: "const state = read.purpose === 'read' ? read.tally.state : stateOfSurvey(read);",
    with: `const { tally } = read;
    const isWon = tally.acks >= Math.max(tally.requirement.count - 1, 1);
    const state = read.purpose !== 'read' ? stateOfSurvey(read) : isWon ? 'won' : tally.state;`,
    foundBy: sim,
  },
  {
    id: 'replay-at-any-w',
    number: 'own',
    title: 'a retry is answered as if every member held its write',
    file: 'src/replica/desk/writes.ts',
    replace: 'return this.#options.peers.holders(dot, this.#options.log.durable);',
    with: 'return this.#options.peers.holders(dot, this.#options.log.durable) | 0x7fffffff;',
    foundBy: sim,
  },
  {
    id: 'vote-counted-twice',
    number: 'own',
    title: 'a second answer of one replica counts as the answer of another',
    file: 'src/quorum/tally.ts',
    replace: 'if (!has(this.no, member)) this.yes = add(this.yes, member);',
    with: 'if (!has(this.no, member)) this.yes = add(this.yes, has(this.yes, member) ? member + 1 : member);',
    foundBy: {
      kind: 'test',
      file: 'test/unit/quorum/get.test.ts',
      name: 'a read that asks counts a second answer of the same member only once',
    },
  },
  {
    id: 'silence-counted',
    number: 'own',
    title: 'a member that cannot answer counts as one that holds nothing',
    file: 'src/quorum/get.ts',
    replace: `      read.damaged = add(read.damaged, member);
      read.tally.reject(member);
      return;`,
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/unit/quorum/get.test.ts',
      name: 'a read that asks asks another peer for every damaged answer, and is lost when none is left',
    },
  },
  {
    id: 'oldest-answers',
    number: 'own',
    title: 'a quorum read returns the oldest answer',
    file: 'src/quorum/get.ts',
    replace: 'if (!includes(read.newest, record)) read.newest = merge(read.newest, record);',
    with: 'if (read.newest === undefined || includes(read.newest, record)) read.newest = record;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/quorum/get.test.ts',
      name: 'a read that asks asks the nearest peers that it needs, and is won by their answers: the newest is the answer',
    },
  },
  {
    id: 'no-write-back',
    number: 4,
    title: 'a read returns the newest version before enough replicas hold it',
    file: 'src/replica/desk/reads.ts',
    replace: 'isHeld(requirement, holders, members.length) && (isHere || !needsSelf)',
    with: 'isHere || !needsSelf',
    foundBy: sim,
  },
  {
    id: 'list-page-beyond-coverage',
    number: 'own',
    title: 'a list ends where this replica has no more keys, although a peer had more',
    file: 'src/replica/desk/quorum-lists.ts',
    replace:
      'if (last !== undefined && (coveredTo === undefined || isBefore(last, coveredTo, reverse)))',
    with: 'if (last !== undefined && coveredTo !== undefined && isBefore(last, coveredTo, reverse))',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/quorum-list.test.ts',
      name: 'a list of several replicas continues behind the deletes of a peer if this replica has nothing there',
    },
  },
  {
    id: 'list-takes-own-word',
    number: 'own',
    title: 'a list uses the local version of a key on which the replicas differ',
    file: 'src/replica/desk/quorum-lists.ts',
    replace: 'if (!isHeld(requirement, all, namespace.members.length)) return true;',
    with: 'if (!isHeld(requirement, all, namespace.members.length)) return false;',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/quorum-list.test.ts',
      name: 'has every key whose write a majority acknowledged, and no key that it deleted',
    },
  },
  {
    id: 'list-shows-what-is-deleted',
    number: 'own',
    title: 'a list shows the local version of a key that enough other replicas have deleted',
    file: 'src/replica/desk/quorum-lists.ts',
    replace: 'if (!row.isOpen && row.newest.isDeleted) row.own = undefined;',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/quorum-list.test.ts',
      name: 'a list of several replicas hides a key whose delete enough replicas hold, without reading it again',
    },
  },
  {
    id: 'fifo-list-does-not-wait',
    number: 'own',
    title:
      'a list in a fifo namespace shows local versions before the versions of the others have arrived',
    file: 'src/replica/desk/quorum-lists.ts',
    replace: 'if (isByStream(listing) && !this.#isCaughtUp(listing, turn)) return;',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/quorum-list.test.ts',
      name: 'has every key whose write a majority acknowledged, and no key that it deleted',
    },
  },
  {
    id: 'fifo-read-does-not-wait',
    number: 'own',
    title:
      'a quorum read in a fifo namespace answers before the stream has brought the version that it saw',
    file: 'src/replica/desk/reads.ts',
    in: '#overtakes',
    replace: 'this.#options.log.applied(origin) < seq;',
    with: 'this.#options.log.applied(origin) < seq - 1e9;',
    foundBy: sim,
  },
  {
    id: 'lost-asks-nobody',
    number: 'own',
    title: 'a read whose peer disconnected waits for it instead of asking another one',
    file: 'src/quorum/get.ts',
    replace: `      read.tally.reject(peer);
      this.#inquirer.askNeeded(read, connected, turn);
      this.#decide(read, turn);`,
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/unit/quorum/get.test.ts',
      name: 'a read that asks asks another peer if one disconnects, and is lost if too few are left',
    },
  },
  {
    id: 'key-not-claimed',
    number: 'own',
    title: 'a write with an idempotency key asks no other replica whether the key is known',
    file: 'src/replica/desk/writes.ts',
    replace: 'return most !== undefined && intersects(most, quorum);',
    with: 'return most !== undefined && !intersects(most, quorum);',
    foundBy: sim,
  },
  {
    id: 'key-lent-twice',
    number: 'own',
    title: 'an idempotency key is lent to two replicas at once',
    file: 'src/quorum/loans.ts',
    replace: 'if (loan !== undefined && loan.member !== member && loan.untilMs > nowMs)',
    with: 'if (loan !== undefined && loan.member !== member && loan.untilMs < 0)',
    // A second borrower hears the first one (former-borrower-not-heard), so a cluster does not show
    // this bug.
    foundBy: {
      kind: 'test',
      file: 'test/unit/quorum/loans.test.ts',
      name: 'a key is lent to one replica at a time, and to the same one again',
    },
  },
  {
    id: 'loan-ends-with-connection',
    number: 'own',
    title: 'a lender forgets what it lent as soon as its connection to the borrower breaks',
    file: 'src/quorum/loans.ts',
    replace: 'if (loan.member === member && loan.untilMs > untilMs)',
    with: 'if (loan.member === member) this.#loans.delete(name);\n      else if (nowMs < 0)',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/idempotency.test.ts',
      name: 'asks the borrower itself, whose disk hangs, if the lender lost the borrower from sight',
    },
  },
  {
    id: 'claim-sleeps-on',
    number: 'own',
    title: 'a retry continues to wait although the write under its key has arrived',
    file: 'src/quorum/key-claims.ts',
    replace: "    claiming.againAtMs = 0;\n    turn.arm('key-claim', 0);",
    with: '    claiming.askedAtMs = 0;',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/idempotency.test.ts',
      name: 'a retry at another replica is answered as soon as the write arrives here, however long its pause would last',
    },
  },
  {
    id: 'former-borrower-not-heard',
    number: 'own',
    title: 'a key is used without hearing the replica that borrowed it before',
    file: 'src/quorum/key-claims.ts',
    replace:
      'const missing = intersection(difference(former, heard), this.#options.peers.reachable);',
    with: 'const missing = NO_MEMBERS;',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/idempotency.test.ts',
      name: 'asks the borrower itself, whose disk hangs, if the lender lent it long ago',
    },
  },
];

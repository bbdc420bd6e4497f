// Replicas that return: with a number that was already used, without data that they once held, or
// without their earlier votes.

import { type Mutant, SEEDS_MAX, sim } from '../mutant.ts';

export const lives: readonly Mutant[] = [
  {
    id: 'life-number-reused',
    number: 7,
    title: 'a restart within the same second reuses the number of the incarnation before',
    file: 'src/model/id.ts',
    replace: 'return Math.max(last + 1, ',
    with: 'return Math.max(last, ',
    foundBy: sim,
  },
  {
    id: 'lives-only-counted',
    number: 7,
    title: 'incarnations are counted on disk only, so a wiped directory begins with number 1 again',
    file: 'src/model/id.ts',
    replace: 'return Math.max(last + 1, incarnationAt(wallMs));',
    with: 'return last + 1;',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/life.test.ts',
      name: 'a replica on an old copy of its directory without its directory issues no number twice, even before it heard a peer',
    },
  },
  {
    id: 'old-copy-goes-on',
    number: 'own',
    title: 'a replica that meets a later incarnation of itself keeps running',
    file: 'src/peers/stale-disk.ts',
    replace:
      'if (of === this.#origin ? seq > this.#log.received(of) : this.isLaterLife(of)) return true;',
    with: 'if (of === this.#origin && seq > this.#log.received(of)) return true;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/replica/replica.test.ts',
      name: 'a peer that knows more of this replica than it has written proves an old copy, whenever it reports it: a later incarnation',
    },
  },
  {
    id: 'returning-counts-in-r',
    number: 22,
    title: 'a replica that is recovering what it lost answers the reads of its peers',
    file: 'src/replica/peer-desk.ts',
    replace: 'peerReads.onRequest(member.index, message, this.#mayLack, turn),',
    with: 'peerReads.onRequest(member.index, message, false, turn),',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/life.test.ts',
      name: 'a replica that recovers what it lost counts in no quorum read: what it acknowledged is not taken for absent',
    },
  },
  {
    id: 'catching-up-goal-moves',
    number: 'own',
    title:
      'a starting replica has to reach what its peers hold now, which it never does under a high write rate',
    file: 'src/lag/catch-up.ts',
    replace: 'if (this.#goals[member.index]?.life !== life)',
    with: "if (life !== ('' as Origin))",
    foundBy: {
      kind: 'test',
      file: 'test/scenario/catch-up.test.ts',
      name: 'a replica whose link is slower than the writes has caught up when it holds what the others held when they greeted',
    },
  },
  {
    id: 'returns-after-majority',
    number: 23,
    title:
      'a replica that lost data returns when it has what a majority holds, although another replica may have more',
    file: 'src/lag/catch-up.ts',
    replace: "const others = this.#return === 'all' && !isNew ? peers.all() : greeted;",
    with: 'const others = greeted;',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/catch-up.test.ts',
      name: 'a replica that lost its disk gets the log of its earlier incarnation back, and passes it on',
    },
  },
  {
    id: 'loss-unnoticed',
    number: 'own',
    title: 'a replica with an old copy of its directory does not notice what it lost',
    file: 'src/lag/catch-up.ts',
    replace:
      'const lost = vector.find(([origin, seq]) => isOwn(origin) && seq > log.received(origin));',
    with: 'const lost = vector.find(([origin, seq]) => isOwn(origin) && seq > log.received(origin) + 1e9);',
    foundBy: sim,
  },
  {
    id: 'lost-life-not-relearned',
    number: 'own',
    title:
      'a replica does not stream again the entries of an own incarnation that it got back from its peers',
    file: 'src/replica/peer-desk.ts',
    replace: 'if (own.isOwn(origin)) streams.relearn(log.open(origin));',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/catch-up.test.ts',
      name: 'a replica that lost its disk gets the log of its earlier incarnation back, and passes it on',
    },
  },
  {
    id: 'idempotency-forgotten',
    number: 36,
    title: 'idempotency keys are kept in memory only',
    file: 'src/store/idempotency.ts',
    replace: '    out.put(idempotencyKey(namespace, key), encodeKnown(write));',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/idempotency.test.ts',
      name: 'is recognised after a crash of all replicas',
    },
  },
  {
    id: 'idempotency-not-replicated',
    number: 'own',
    title: 'an idempotency key is known only at the replica that accepted it',
    file: 'src/order/delivery.ts',
    replace: 'applyEntry(this.#options, lane, mutation, turn)',
    with: 'applyEntry({ ...this.#options, idempotency: { remember: () => {} } as never }, lane, mutation, turn)',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/idempotency.test.ts',
      name: 'a retry under its idempotency key is recognised at another replica as soon as that has the write',
    },
  },
  {
    id: 'last-life-believed',
    number: 'own',
    title:
      'an incarnation number decades ahead of the clock is accepted, and its replica has no number left for a start',
    file: 'src/peers/peer-check.ts',
    replace: 'return life <= Math.max(incarnationAt(wallMs), own) + LIFE_AHEAD_MAX;',
    with: 'return life > 0;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/peers/peer-check.test.ts',
      name: 'an incarnation that no clock can have begun is refused in logs and vectors:',
    },
  },
  {
    id: 'old-copy-not-told',
    number: 'own',
    title:
      'a peer does not report what it remembers, so an old copy without own writes serves overwritten values',
    file: 'src/peers/memory.ts',
    replace: 'return this.#peers.get(peer)?.told() ?? [];',
    with: 'return peer < 0 ? [] : [];',
    // A client has to read through all the time from the greetings of a majority to the arrival of
    // what they hold, and the replica must have written nothing since, batches included.
    foundBy: { kind: 'sim', seeds: SEEDS_MAX, options: ['--only', 'restore'] },
  },
  {
    id: 'opens-before-a-majority',
    number: 'own',
    title: 'a start waits only for the grace time, and serves an old copy if links are slow',
    file: 'src/peers/grace.ts',
    replace: '      monoMs >= this.#endMs ||',
    with: '      monoMs >= this.#restMs ||',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/old-copy.test.ts',
      name: 'a start of a lone survivor waits for `peerTimeout`, and then serves what it has',
    },
  },
  {
    id: 'halting-keeps-no-deadline',
    number: 'own',
    title: 'a replica that halts while its disk hangs lets no timeout pass',
    file: 'src/replica/replica.ts',
    replace: "const HALTING_TIMERS: readonly Timer[] = ['write', 'replay'];",
    with: 'const HALTING_TIMERS: readonly Timer[] = [];',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/hung-disk.test.ts',
      name: 'while a commit hangs a write keeps its time-out when the members change and its replica begins another incarnation',
    },
  },
];

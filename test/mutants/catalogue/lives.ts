// Replicas that come back: with a number that was taken, without what they once held, or having
// forgotten what they did.

import { type Mutant, SEEDS_MAX, sim } from '../mutant.ts';

export const lives: readonly Mutant[] = [
  {
    id: 'life-number-reused',
    number: 7,
    title: 'a restart within the second takes the number of the life before',
    file: 'src/model/id.ts',
    replace: 'return Math.max(last + 1, ',
    with: 'return Math.max(last, ',
    foundBy: sim,
  },
  {
    id: 'lives-only-counted',
    number: 7,
    title: 'lives are counted on disk only, so a wiped directory begins with the first again',
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
    title: 'a replica that meets a later life of itself goes on',
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
    title: 'a replica that is taking back what it lost answers the reads of its peers',
    file: 'src/replica/peer-desk.ts',
    replace: 'reads.onRequest(member.index, message, this.#mayLack, turn),',
    with: 'reads.onRequest(member.index, message, false, turn),',
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
      'a replica has to reach what its peers hold now, which it never does where more is written than its way carries',
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
    title: 'a replica returns when it has what a majority holds, though another may have more',
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
    title: 'a life that came back from the peers is not streamed again',
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
    title: 'an idempotency key is known at the replica that took it only',
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
      'a life decades ahead of the clock is believed, and its replica has no number left to start with',
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
      'a peer does not say what it remembers, so an old copy that had written nothing since serves what was overwritten',
    file: 'src/peers/memory.ts',
    replace: 'return this.#peers.get(peer)?.told() ?? [];',
    with: 'return peer < 0 ? [] : [];',
    // Seen from the greetings of a majority to the arrival of what they hold, by a bystander that
    // reads all that time; and only where the victim has written nothing of its own since, batches
    // included.
    foundBy: { kind: 'sim', seeds: SEEDS_MAX, options: ['--only', 'restore'] },
  },
  {
    id: 'opens-before-a-majority',
    number: 'own',
    title: 'a start waits for the grace only, and serves an old copy where links are slow',
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
    title: 'a replica that halts, and waits for its disk, lets no time-out pass',
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

// What is acknowledged, shown or counted before it is on disk, or after the disk has failed.

import { type Mutant, sim } from '../mutant.ts';

export const durability: readonly Mutant[] = [
  {
    id: 'ack-before-sync',
    number: 1,
    title: 'a write counts its own copy when it is accepted, not when it is durable',
    file: 'src/replica/writes.ts',
    replace: '      this.#pending.begin(pending, turn);',
    with: `      this.#pending.begin(pending, turn);
      this.onCursor(this.#options.self.index, mutation.seq, turn);`,
    foundBy: sim,
  },
  {
    id: 'show-before-sync',
    number: 'own',
    title: 'a reply leaves though it shows what is not durable',
    file: 'src/host/gate.ts',
    replace: 'if (lsn <= this.#durable) {',
    with: 'if (lsn <= this.#durable + 1e9) {',
    foundBy: sim,
  },
  {
    id: 'held-without-deadline',
    number: 'own',
    title: 'a reply that waits for a commit waits without end',
    file: 'src/host/gate.ts',
    replace: 'if (deadlineMs < this.#dueMs) this.#dueMs = deadlineMs;',
    with: '',
    foundBy: sim,
  },
  {
    id: 'tell-peers-before-sync',
    number: 'own',
    title: 'a peer that asks is shown what is not durable here',
    file: 'src/replica/reads.ts',
    replace: 'turn.send(peer, reply, lsn, late);',
    with: 'turn.send(peer, reply, 0, late);',
    foundBy: sim,
  },
  {
    id: 'cursor-before-sync',
    number: 35,
    title: 'entries are acknowledged when they arrive, not when they are durable',
    file: 'src/stream/intake.ts',
    replace: `    else if (refusal !== 'divergent') this.#exchange.onRefused(origin, entries.at(-1)?.seq ?? 0);
    this.#onAdvance(origin, turn);`,
    with: `    else if (refusal !== 'divergent') this.#exchange.onRefused(origin, entries.at(-1)?.seq ?? 0);
    this.#onAdvance(origin, turn);
    turn.send(peer.member.index, {
      kind: 'ack',
      vector: [[origin, this.#options.log.head(origin)]],
      windowBytes: this.#options.settings.windowBytes,
    });`,
    foundBy: sim,
  },
  {
    id: 'stream-before-sync',
    number: 'own',
    title: 'an entry is streamed before it is durable at its origin',
    file: 'src/stream/excerpt.ts',
    replace: 'for (let seq = firstOfRun(lane.at(from)); seq <= lane.durable; seq++) {',
    with: 'for (let seq = firstOfRun(lane.at(from)); seq <= lane.head; seq++) {',
    foundBy: sim,
  },
  {
    id: 'barrier-batch',
    number: 38,
    title: 'a commit makes the batch durable that was gathered while it was under way',
    file: 'src/host/host.ts',
    replace: "    this.#take({ kind: 'durable', lsn });",
    with: "    this.#take({ kind: 'durable', lsn: this.#turn.lsn });",
    foundBy: sim,
  },
  {
    id: 'failure-ignored',
    number: 39,
    title: 'a commit that failed is taken for one that succeeded',
    file: 'src/host/host.ts',
    replace: `      this.#poisoned = true;
      this.#take({ kind: 'storage-failed', reason: failure });
      return;`,
    with: '',
    foundBy: sim,
  },
  {
    id: 'failure-outlived',
    number: 'own',
    title: 'a replica whose storage failed stays, and refuses everything for ever',
    file: 'src/replica/replica.ts',
    replace: "    out.halt('storage failed');",
    with: '',
    foundBy: sim,
  },
  {
    id: 'undurable-forgotten',
    number: 'own',
    title: 'memory forgets a record that is not on disk yet when it makes room',
    file: 'src/store/cells.ts',
    replace: `for (let i = 0; i < this.#undurable.size; i++) {
      const cell`,
    with: `for (let i = 0; i < 0; i++) {
      const cell`,
    foundBy: {
      kind: 'test',
      file: 'test/unit/store/table.test.ts',
      name: 'keeps what is not durable, however much comes after it',
    },
  },
  {
    id: 'vector-entry-lost',
    number: 16,
    title: 'a batch with entries of several origins remembers the vector entry of the first only',
    file: 'src/store/log.ts',
    replace: 'out.put(originKey(lane.id), encodeLaneState(lane.state()));',
    with: 'if (lane === this.#dirty[0]) out.put(originKey(lane.id), encodeLaneState(lane.state()));',
    foundBy: sim,
  },
  {
    id: 'vector-entry-not-restored',
    number: 16,
    title: 'a restart forgets what is held of the log that storage names last',
    file: 'src/store/log.ts',
    replace: 'if (state.received > 0) this.#durable.set(origin, state.received);',
    with: 'if (state.received > 1) this.#durable.set(origin, state.received - 1);',
    foundBy: sim,
  },
  {
    id: 'truncated-too-far',
    number: 'own',
    title: 'the stable cut leaves out who is not connected, so the log forgets what that one lacks',
    file: 'src/peers/peers.ts',
    replace: 'return meetVectors([own, ...this.all().map((peer) => peer.holds)]);',
    with: 'return meetVectors([own, ...this.greeted().map((peer) => peer.holds)]);',
    foundBy: sim,
  },
];

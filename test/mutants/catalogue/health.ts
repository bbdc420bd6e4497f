// Which replicas are too far behind to answer, and how lag is measured.

import { type Mutant, sim } from '../mutant.ts';

export const health: readonly Mutant[] = [
  {
    id: 'stale-serves',
    number: 'own',
    title: 'a stale replica answers reads',
    file: 'src/lag/read-admission.ts',
    replace: "if (state === 'serving' || state === 'suspect') return true;",
    with: "if (state === 'serving' || state === 'suspect' || state === 'stale') return true;",
    foundBy: sim,
  },
  {
    id: 'stale-counts-in-r',
    number: 22,
    title: 'the answer of a stale replica counts in a read quorum',
    file: 'src/lag/read-admission.ts',
    in: 'unfit',
    replace:
      'if (!reports.answers(peer.member.index, namespace)) unfit = add(unfit, peer.member.index);',
    with: 'if (reports.of(peer.member.index) === undefined) unfit = add(unfit, 0);',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/health.test.ts',
      name: 'a read at a replica that may not answer gets no vote of that replica in the quorum of another one',
    },
  },
  {
    id: 'back-before-verified',
    number: 23,
    title: 'a stale replica answers again without proof that it has caught up',
    file: 'src/lag/lag-state.ts',
    replace: '  return unheardMs !== undefined && isProved && isCaughtUp;',
    with: '  return unheardMs !== undefined || isProved || isCaughtUp;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/lag/lag-state.test.ts',
      name: 'does not return without',
    },
  },
  {
    id: 'unknown-lag-is-zero',
    number: 'own',
    title: 'a majority that was not heard for long, or never, counts as having written nothing',
    file: 'src/lag/read-admission.ts',
    replace: 'return last === undefined ? undefined : Math.max(nowMs - last, 0);',
    with: 'return last === undefined ? 0 : 0;',
    foundBy: sim,
  },
  {
    id: 'isolated-accepts',
    number: 'own',
    title: 'a replica that hears no majority accepts writes',
    file: 'src/replica/admission/gates.ts',
    replace: 'peers.hearsMajority(now.monoMs)',
    with: 'peers.hearsMajority(0)',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/health.test.ts',
      name: 'a replica that is cut off, in a namespace with a staleness bound refuses writes that readers would not see, definitely, once it hears no majority',
    },
  },
  {
    id: 'beats-while-stalled',
    number: 'own',
    title: 'a heartbeat does not report a hanging commit',
    file: 'src/lag/heartbeat.ts',
    replace: 'commitAgeMs: commitAge.commitAgeMs(turn.now.monoMs),',
    with: 'commitAgeMs: commitAge.commitAgeMs(turn.now.monoMs) * 0,',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/health.test.ts',
      name: 'a disk that hangs pauses its replica and then makes it stale, is reported to the peers, and makes no other replica stale',
    },
  },
  {
    id: 'beats-beside-the-disk',
    number: 'own',
    title:
      'a heartbeat does not pass through the write path, so a replica without writes does not notice a hanging disk',
    file: 'src/lag/heartbeat.ts',
    replace: '    commitAge.onBeat(clock.last, turn);\n',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/health.test.ts',
      name: 'a disk that hangs while nothing is written is noticed within 1.2 s by its replica and the peers, and reads go elsewhere until it is back',
    },
  },
  {
    id: 'own-stall-ignored',
    number: 'own',
    title: 'a replica whose own commit hangs considers itself fresh',
    file: 'src/lag/read-admission.ts',
    replace: 'const ownMs = commitAge.commitAgeMs(nowMs);',
    with: 'const ownMs = commitAge.commitAgeMs(nowMs) * 0;',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/health.test.ts',
      name: 'a disk that hangs pauses its replica and then makes it stale, is reported to the peers, and makes no other replica stale',
    },
  },
  {
    id: 'all-pause',
    number: 'own',
    title: 'all replicas pause, and none answers',
    file: 'src/lag/read-admission.ts',
    replace: "if (state === 'paused' && this.#isNeeded(namespace)) this.#kept.add(namespace);",
    with: "if (state === 'paused' && !this.#isNeeded(namespace)) this.#kept.delete(namespace);",
    foundBy: {
      kind: 'test',
      file: 'test/scenario/health.test.ts',
      name: 'replicas that all exceed the pause limit keep as many serving as the policy says, and always the same ones',
    },
  },
  {
    id: 'look-not-repeated',
    number: 'own',
    title: 'after a stall of the process its earlier lag state is still used',
    file: 'src/lag/read-admission.ts',
    replace: "if (isLate || watched.state === 'suspect') this.judge(now);",
    with: "if (!isLate && watched.state === 'suspect') this.judge(now);",
    foundBy: {
      kind: 'test',
      file: 'test/unit/lag/read-admission.test.ts',
      name: 'a replica measures again if its last measurement is too old, whatever that said',
    },
  },
  {
    id: 'vectors-do-not-age',
    number: 'own',
    title: 'entries that only a third replica reports never become late',
    file: 'src/lag/backlog.ts',
    replace: 'return nowMs - oldestMs;',
    with: 'return (nowMs - oldestMs) * 0;',
    foundBy: sim,
  },
  {
    id: 'backlog-from-the-opening',
    number: 'own',
    title: 'missing entries age from the start of the replica only, however long they were known',
    file: 'src/lag/read-admission.ts',
    replace: 'this.#lookedAtMs = now.monoMs;\n    this.#backlog.mark(',
    with: 'this.#lookedAtMs = now.monoMs;\n    if (isOpen) this.#backlog.mark(',
    foundBy: {
      kind: 'test',
      file: 'test/unit/lag/read-admission.test.ts',
      name: 'a replica counts what it lacked before it was open with its full age',
    },
  },
  {
    id: 'backlog-is-distance',
    number: 'own',
    title: 'a replica that starts behind takes its backlog for normal latency',
    file: 'src/lag/path-lag.ts',
    in: 'onEcho',
    replace: 'this.#answeredAtMs = nowMs;',
    with: `this.#answeredAtMs = nowMs;
    if (nowMs >= 0) return;`,
    also: {
      in: 'onShown',
      replace: 'this.#last = delay;',
      with: `this.#last = delay;
    this.#round.observe(delay.roundMs, this.#answeredAtMs as number);
    const baseline = this.#round.at(this.#answeredAtMs as number) as number;
    if (delay.roundMs - baseline <= CALM_MS)
      this.#back.observe(delay.backMs, this.#answeredAtMs as number);`,
    },
    foundBy: {
      kind: 'test',
      file: 'test/scenario/health.test.ts',
      name: 'a replica to which writes are slow from the start does not take that for normal: it refuses reads that are too old',
    },
  },
  {
    id: 'ping-counts-as-write',
    number: 'own',
    title: 'the latency of the ping counts as a delay of the writes',
    file: 'src/lag/path-lag.ts',
    replace: 'return back === undefined ? ofRound : Math.min(ofRound, backMs - back);',
    with: 'return back === undefined ? ofRound : Math.max(ofRound, backMs - back);',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/health.test.ts',
      name: 'a replica to which writes take longer than usual pauses reads if the policy says so, stores writes, and returns when they are quick again',
    },
  },
  {
    id: 'forwarded-is-kept',
    number: 'own',
    title:
      'the answer of another replica is stored in the table before earlier writes of its origin',
    file: 'src/forward/client.ts',
    replace: '    metrics.readsForwarded++;',
    with: '    metrics.readsForwarded++;\n    for (const record of recordsOf(answer)) this.#options.absence.admit(record, turn);',
    foundBy: {
      kind: 'test',
      file: 'test/unit/forward/client.test.ts',
      name: 'a read that is forwarded gets the answer of the first replica unchanged, with the passed time added, and keeps nothing of it',
    },
  },
  {
    id: 'forwarded-again',
    number: 'own',
    title: 'a forwarded question is forwarded again',
    file: 'src/forward/server.ts',
    replace: "onUnmet: 'wait'",
    with: "onUnmet: 'forward'",
    foundBy: {
      kind: 'test',
      file: 'test/unit/forward/server.test.ts',
      name: 'a question of a peer is served as a read of a client, and never forwarded again',
    },
  },
  {
    id: 'forwarded-way-is-free',
    number: 'own',
    title: 'the age of an answer does not include its time on the way',
    file: 'src/forward/client.ts',
    replace: 'const wayMs = turn.now.monoMs - pending.beganMs;',
    with: 'const wayMs = (turn.now.monoMs - pending.beganMs) * 0;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/forward/client.test.ts',
      name: 'a read that is forwarded gets the answer of the first replica unchanged, with the passed time added, and keeps nothing of it',
    },
  },
  {
    id: 'shunned-keeps-connections',
    number: 'own',
    title: 'a refused client keeps its connection, and asks the same replica again',
    file: 'src/http/form/elsewhere.ts',
    replace: 'return ELSEWHERE.has(code);',
    with: 'return ELSEWHERE.size === 0 && code.length > 0;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/elsewhere.test.ts',
      name: 'a reply that turns a client away with',
    },
  },
];

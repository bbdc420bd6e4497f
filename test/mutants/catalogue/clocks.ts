// Stamps, deadlines and bounds.

import { type Mutant, sim } from '../mutant.ts';

export const clocks: readonly Mutant[] = [
  {
    id: 'lifetime-restarts',
    number: 21,
    title: 'a value whose deadline has passed is shown for as long again as clocks may drift',
    file: 'src/model/record.ts',
    replace: 'return record.expiresAtMs === 0 || record.expiresAtMs > wallMs;',
    with: 'return record.expiresAtMs === 0 || record.expiresAtMs > wallMs - 500;',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/write.test.ts',
      name: 'is hidden everywhere from the deadline that its origin stamped',
    },
  },
  {
    id: 'bound-from-receipt',
    number: 25,
    title: 'staleness is counted from when the echo came, not from when its ping left',
    file: 'src/replica/pulse.ts',
    replace: '{ pingMs: echo, keptMs, sentMs: heartbeat.ping, heads },',
    with: '{ pingMs: now.monoMs, keptMs, sentMs: heartbeat.ping, heads },',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/freshness.test.ts',
      name: 'is never below the truth, whatever the network does',
    },
  },
  {
    id: 'bound-without-proof',
    number: 'own',
    title: 'an echo proves freshness before what it names is shown',
    file: 'src/consistency/freshness.ts',
    replace: 'if (!first.heads.every(([origin, seq]) => seqOf(shown, origin) >= seq)) return;',
    with: 'if (!first.heads.every(([origin, seq]) => seqOf(shown, origin) >= seq - 1e9)) return;',
    foundBy: sim,
  },
  {
    id: 'bound-of-nearest',
    number: 'own',
    title: 'the bound is that of one peer, not of all',
    file: 'src/consistency/freshness.ts',
    replace: 'bound = Math.max(bound, nowMs - asOf);',
    with: 'bound = nowMs - asOf;',
    foundBy: sim,
  },
  {
    id: 'bound-not-aged',
    number: 'own',
    title: 'a reply that was held is as fresh as when it was made',
    file: 'src/host/gate.ts',
    replace: 'this.#hand.give(client, aged(reply, nowMs - sinceMs));',
    with: 'this.#hand.give(client, aged(reply, (nowMs - sinceMs) * 0));',
    foundBy: {
      kind: 'test',
      file: 'test/unit/host/gate.test.ts',
      name: 'makes what it held as much staler as it held it',
    },
  },
  {
    id: 'stamps-reissued',
    number: 'own',
    title: 'a restart does not raise the clock above what the log holds',
    file: 'src/replica/replica.ts',
    replace: '    for (const lane of log.lanes()) clock.raise(lane.hlc);',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/clock.test.ts',
      name: 'stamps above what its own log holds',
    },
  },
  {
    id: 'clock-not-witnessed',
    number: 'own',
    title: 'the clock does not follow the stamps of others',
    file: 'src/model/hlc.ts',
    replace: `      last = stamp;
      return true;`,
    with: '      return true;',
    foundBy: sim,
  },
  {
    id: 'drift-unbounded',
    number: 'own',
    title: 'a stamp of any distance ahead is believed',
    file: 'src/model/hlc.ts',
    replace: '      if (stamp > hlcFromMs(wallMs + driftMaxMs)) return false;',
    with: '',
    foundBy: {
      kind: 'test',
      file: 'test/scenario/clock.test.ts',
      name: 'beyond the bound is not believed: neither its stream nor its answers are taken',
    },
  },
];

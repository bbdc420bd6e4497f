// The token of a session while a member is away and the others restart again and again: each
// incarnation that the session has seen is an entry, until the member is back and shows them all.

import { expect, it } from 'vitest';
import { isFault } from '../../src/http/problem.ts';
import { ClientSession } from '../../src/http/session/client-session.ts';
import { SessionTokens, TOKEN_LENGTH_MAX } from '../../src/http/session/tokens.ts';
import { ALL_GUARANTEES } from '../../src/model/guarantees.ts';
import { formatDot, type LaneId, type Seq } from '../../src/model/id.ts';
import { covers } from '../../src/model/vector.ts';
import { Cluster } from '../cluster/cluster.ts';

const KEY = new Uint8Array(16).fill(3);
const RESTARTS = 50;
const AWAY = 0;

/** What a replica, as it runs now, makes of the token. */
function open(cluster: Cluster, n: number, token: string | undefined): ClientSession {
  const { host } = cluster.replica(n);
  if (host === undefined) throw new Error('it runs');
  const tokens = new SessionTokens([KEY], host.sessions);
  const session = ClientSession.open(tokens, token, ALL_GUARANTEES);
  if (isFault(session)) throw new Error(session.detail);
  return session;
}

/** The next incarnation of a replica, which answers. */
function renew(cluster: Cluster, n: number): void {
  cluster.crash(n);
  cluster.restart(n);
  cluster.runUntil(() => cluster.replica(n).host?.state === 'serving');
}

/** A client, and everything that it has written. */
class Writer {
  readonly #cluster: Cluster;
  readonly #written = new Map<LaneId, Seq>();
  token: string | undefined;

  constructor(cluster: Cluster) {
    this.#cluster = cluster;
  }

  /** The code of the refusal; `undefined`: it was written, and the token names it. */
  write(n: number): string | undefined {
    const session = open(this.#cluster, n, this.token);
    if (session.fullness !== undefined) return session.fullness.code;
    const reply = this.#cluster.put(n, 'k', 'v', { w: 1, session: session.forWrite });
    if (reply === 'broken' || reply.kind !== 'written') throw new Error('it was not written');
    this.#written.set(reply.dot.origin, reply.dot.seq);
    session.follow(reply);
    const { token } = session;
    if (isFault(token)) throw new Error('there was room for the write');
    this.token = token;
    return undefined;
  }

  /** What it has written, and a replica does not find in its token. */
  lostAt(n: number): readonly string[] {
    const { forRead = new Map() } = open(this.#cluster, n, this.token);
    const lost = [...this.#written].filter(([origin, seq]) => !covers(forRead, { origin, seq }));
    return lost.map(([origin, seq]) => formatDot(origin, seq));
  }
}

it.each([
  ['has room for fifty restarts of the two others', ['ap', 'eu', 'us'], undefined],
  ['is refused rather than cut', ['af', 'ap', 'eu', 'sa', 'us'], 'session-too-wide'],
])('a token while a member is away %s, and is short again', (_, regions, refusal) => {
  const cluster = new Cluster({ regions });
  // Real incarnations are numbered by the seconds since 2025.
  for (const { index } of cluster.members) cluster.jump(index, 3 * 365 * 86_400_000);
  for (const { index } of cluster.members) cluster.crash(index);
  for (const { index } of cluster.members) cluster.restart(index);
  cluster.settle();
  cluster.crash(AWAY);
  const writer = new Writer(cluster);
  const others = cluster.members.map(({ index }) => index).filter((index) => index !== AWAY);
  const refusals = new Set<string | undefined>();
  for (let restart = 0; restart < RESTARTS; restart++) {
    for (const n of others) {
      renew(cluster, n);
      refusals.add(writer.write(n));
      expect(writer.token?.length).toBeLessThanOrEqual(TOKEN_LENGTH_MAX);
    }
  }
  for (const n of others) expect(writer.lostAt(n)).toEqual([]);
  expect([...refusals]).toEqual(refusal === undefined ? [undefined] : [undefined, refusal]);
  cluster.restart(AWAY);
  cluster.settle();
  cluster.run(1000);
  expect(writer.write(AWAY)).toBeUndefined();
  expect(writer.token?.length).toBeLessThan(64);
});

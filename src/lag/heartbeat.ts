// Heartbeats, both ways: sends each peer this replica's durable vector, its lag states and the age
// of its commit, and takes the same from them, with the echo from which staleness and distance
// follow. A beat also causes the idle commit (commit-age.ts).

import { assert } from '../base/assert.ts';
import type { ClockEcho } from '../model/clock-sample.ts';
import type { Turn } from '../model/effect.ts';
import type { Heartbeat } from '../model/message.ts';
import { PerMember } from '../model/per-member.ts';
import type { PeerReports } from './peer-reports.ts';
import type { ReadAdmission } from './read-admission.ts';
import type { OwnLanes } from '../store/own-lanes.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import type { HybridClock } from '../model/hlc.ts';
import type { StalenessBound } from './staleness.ts';
import type { Log } from '../store/log.ts';
import type { Metrics } from '../model/metrics.ts';
import type { VectorEntries } from '../model/vector.ts';
import type { Nearness } from '../peers/nearness.ts';
import type { CommitAge } from './commit-age.ts';

/**
 * On the wire 0 means that no ping has arrived yet, so a ping is never 0: a clock may begin there.
 */
const PING_MS_MIN = Number.MIN_VALUE;

/** The clock that a majority agrees upon, as far as heartbeats measure it. */
interface EchoedClock {
  readonly ownWallMs: number;
  onEcho(peer: number, echo: ClockEcho, nowMs: number): void;
}

export interface HeartbeatsOptions {
  readonly agreed: EchoedClock;
  readonly clock: HybridClock;
  readonly staleness: StalenessBound;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly nearness: Nearness;
  readonly commitAge: CommitAge;
  readonly peers: Peers;
  readonly reports: PeerReports;
}

/**
 * A peer's last ping, when it arrived, and the local heads at that moment; 0: no ping on this
 * connection.
 */
interface Ping {
  readonly ping: number;
  readonly atMs: number;
  readonly heads: VectorEntries;
}

const NO_PING: Ping = { ping: 0, atMs: 0, heads: [] };

export class Heartbeats {
  readonly #options: HeartbeatsOptions;
  readonly #own: OwnLanes;
  readonly #admission: ReadAdmission;
  readonly #pings = new PerMember<Ping>(() => NO_PING);

  constructor(options: HeartbeatsOptions, own: OwnLanes, admission: ReadAdmission) {
    this.#options = options;
    this.#own = own;
    this.#admission = admission;
  }

  onBeat(turn: Turn): void {
    const { clock, commitAge, peers } = this.#options;
    commitAge.onBeat(clock.last, turn);
    for (const peer of peers.greeted()) this.tell(peer, turn);
  }

  /**
   * To one peer that has just greeted, or has just sent its first ping, so that clocks are compared
   * at once.
   */
  tell(peer: Peer, turn: Turn): void {
    assert(peer.greeted, 'heartbeats: a peer that has greeted');
    const { agreed, clock, log, commitAge } = this.#options;
    const { ping: echo, atMs, heads } = this.#pings.of(peer.member.index);
    assert(atMs <= turn.now.monoMs, 'heartbeats: a ping is answered after it came');
    const waiting = log.waiting();
    turn.send(peer.member.index, {
      kind: 'heartbeat',
      hlc: clock.last,
      vector: peer.news(log.durable),
      ping: Math.max(turn.now.monoMs, PING_MS_MIN),
      echo,
      echoDelayMs: echo > 0 ? turn.now.monoMs - atMs : 0,
      heads,
      wallMs: agreed.ownWallMs,
      commitAgeMs: commitAge.commitAgeMs(turn.now.monoMs),
      health: this.#admission.told(turn.now.monoMs),
      ...(waiting.length > 0 ? { waiting } : undefined),
    });
  }

  /** The next connection begins without a ping; the heads are kept until one arrives. */
  onDisconnected(peer: number): void {
    this.#pings.set(peer, { ...this.#pings.of(peer), ping: 0 });
  }

  /** The peer's vector is already recorded. */
  onHeartbeat(peer: Peer, heartbeat: Heartbeat, turn: Turn): void {
    const { agreed, clock, staleness, log, metrics, nearness, reports } = this.#options;
    const { index } = peer.member;
    const { echo, echoDelayMs: keptMs, heads, wallMs } = heartbeat;
    if (!clock.witness(heartbeat.hlc, turn.now.wallMs)) metrics.clockRefusals++;
    const isFirst = this.#pings.of(index).ping === 0;
    this.#pings.set(index, {
      ping: heartbeat.ping,
      atMs: turn.now.monoMs,
      heads: this.#own.headsBeyond(peer.holds),
    });
    reports.onHeartbeat(index, heartbeat);
    if (isFirst) this.tell(peer, turn);
    if (echo === 0) return;
    const roundTripMs = Math.max(turn.now.monoMs - echo - keptMs, 0);
    nearness.observe(index, roundTripMs);
    agreed.onEcho(index, { wallMs, pingMs: echo, keptMs }, turn.now.monoMs);
    staleness.onEcho(
      index,
      { pingMs: echo, keptMs, sentMs: heartbeat.ping, heads },
      log.shown,
      turn.now.monoMs,
    );
  }
}

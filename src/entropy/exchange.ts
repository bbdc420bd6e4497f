// Which missing ranges to ask for, and which peer: the delta half of anti-entropy. The stream of an
// origin's own replica is the first source. A range is pulled from another holder when that replica
// cannot be reached, or when its stream has made no progress for `retryMs`. The stream itself is
// asked to go back only when something of it was refused here: entries that are merely slow would
// arrive twice.
//
// The entries that a peer streams of its own after its greeting, up to its position then, are a
// delta as well; it needs no request. Each delta is counted with its reason:
//
//   reconnect   a peer that greets us has written more than we hold
//   away        the origin's own replica is not connected
//   stalled     its stream makes no progress
//   refused     something of its stream was refused here, so it has to be asked to go back
//   awaited     a reader waits for an entry that another replica holds
//
// One request per origin is in progress at a time. It ends with the entries that answer it, or
// after `retryMs`, and then another holder is asked.

import { assert } from '../base/assert.ts';
import type { Turn } from '../model/effect.ts';
import { type LaneId, replicaOf, type Seq } from '../model/id.ts';
import type { DeltaReason, Metrics } from '../model/metrics.ts';
import type { Mutation } from '../model/record.ts';
import { seqOf } from '../model/vector.ts';
import type { Holder } from '../peers/peers.ts';

/** The received vector: entries up to here are stored, visible or not. */
export interface Heads {
  received(origin: LaneId): Seq;
}

/** How far this replica lags behind, and since when. */
interface Look {
  readonly seq: Seq;
  readonly sinceMs: number;
}

interface Request {
  readonly peer: number;
  readonly untilMs: number;
  /** Followed by another request while the holder has more. */
  readonly goesOn: boolean;
}

export class Exchange {
  readonly #log: Heads;
  readonly #bytesMax: number;
  readonly #retryMs: number;
  readonly #metrics: Metrics;
  /**
   * Where each origin's own replica was when it greeted, while this replica lacks entries up to
   * there.
   */
  readonly #greeted = new Map<LaneId, Seq>();
  /** The last request for each origin of which entries are missing. */
  readonly #asked = new Map<LaneId, Request>();
  /**
   * Entries of an origin up to here were refused: its stream will not send them again by itself.
   */
  readonly #refused = new Map<LaneId, Seq>();
  #lastLook = new Map<LaneId, Look>();

  constructor(log: Heads, metrics: Metrics, bytesMax: number, retryMs: number) {
    this.#log = log;
    this.#bytesMax = bytesMax;
    this.#retryMs = retryMs;
    this.#metrics = metrics;
  }

  /** A peer sends its vector, for the first time since it connected. */
  onHello(holder: Holder): void {
    for (const [origin, seq] of holder.holds) {
      if (!isSource(holder, origin) || seq <= this.#log.received(origin)) continue;
      if (!this.#greeted.has(origin)) this.#count('reconnect');
      this.#greeted.set(origin, seq);
    }
  }

  /** Compares vectors with every connected peer and requests what no stream brings. */
  onBeat(holders: readonly Holder[], current: LaneId, turn: Turn): void {
    const looks = new Map<LaneId, Look>();
    for (const [origin, ahead] of this.#ahead(holders, current)) {
      const seq = this.#log.received(origin);
      const before = this.#lastLook.get(origin);
      const look = before?.seq === seq ? before : { seq, sinceMs: turn.now.monoMs };
      looks.set(origin, look);
      const isStalled = turn.now.monoMs - look.sinceMs >= this.#retryMs;
      const isAway = !isStreamed(origin, holders);
      if (isStalled || isAway) this.#askOneOf(ahead, origin, isAway ? 'away' : 'stalled', turn);
    }
    this.#lastLook = looks;
  }

  /**
   * Entries of `origin` arrived: continue at once if they answer a request and their holder has
   * more.
   */
  onEntries(holder: Holder, origin: LaneId, entries: readonly Mutation[], turn: Turn): void {
    if (this.#isDelta(holder, origin))
      for (const { bytes } of entries) this.#metrics.deltaBytes += bytes.length;
    if (this.#log.received(origin) >= (this.#refused.get(origin) ?? 0))
      this.#refused.delete(origin);
    const request = this.#asked.get(origin);
    if (request?.peer !== holder.peer) return;
    this.#asked.delete(origin);
    const hasMore = seqOf(holder.holds, origin) > this.#log.received(origin);
    if (request.goesOn && hasMore && !isSource(holder, origin))
      this.#ask(holder, origin, true, turn);
  }

  /**
   * Entries of `origin` up to `seq` were refused: its stream must go back to send them again. If
   * entries had overtaken each other, later ones may be accepted while these are still missing.
   */
  onRefused(origin: LaneId, seq: Seq): void {
    this.#refused.set(origin, Math.max(seq, this.#refused.get(origin) ?? 0));
  }

  /**
   * A reader waits for entries of `origin` that `holder` has: they are on their way, or are pulled
   * once.
   */
  hasten(holder: Holder, origin: LaneId, turn: Turn): void {
    if (isSource(holder, origin) || this.#isAsking(origin, turn.now.monoMs)) return;
    this.#count('awaited');
    this.#ask(holder, origin, false, turn);
  }

  #count(reason: DeltaReason): void {
    this.#metrics.deltas[reason]++;
  }

  /** It was requested, or the stream still brings what was missing when it began. */
  #isDelta(holder: Holder, origin: LaneId): boolean {
    if (!isSource(holder, origin)) return this.#asked.get(origin)?.peer === holder.peer;
    const greeted = this.#greeted.get(origin);
    if (greeted === undefined) return false;
    if (this.#log.received(origin) >= greeted) this.#greeted.delete(origin);
    return true;
  }

  /** Holders of more than this replica, by lane. */
  #ahead(holders: readonly Holder[], current: LaneId): Map<LaneId, Holder[]> {
    const ahead = new Map<LaneId, Holder[]>();
    for (const holder of holders) {
      for (const [origin, theirs] of holder.holds) {
        if (theirs <= this.#log.received(origin) || origin === current) continue;
        const others = ahead.get(origin);
        if (others === undefined) ahead.set(origin, [holder]);
        else others.push(holder);
      }
    }
    return ahead;
  }

  #askOneOf(ahead: readonly Holder[], origin: LaneId, why: DeltaReason, turn: Turn): void {
    if (this.#isAsking(origin, turn.now.monoMs)) return;
    const isRefused = this.#refused.has(origin);
    const reason = isRefused ? 'refused' : why;
    const askable = isRefused ? ahead : ahead.filter((holder) => !isSource(holder, origin));
    const last = this.#asked.get(origin)?.peer ?? -1;
    assert(ahead.length > 0, 'exchange: a replica that is behind another');
    const holder = askable.find(({ peer }) => peer > last) ?? askable[0];
    if (holder === undefined) return;
    this.#count(reason);
    this.#ask(holder, origin, true, turn);
  }

  #isAsking(origin: LaneId, nowMs: number): boolean {
    return (this.#asked.get(origin)?.untilMs ?? nowMs) > nowMs;
  }

  #ask({ peer }: Holder, origin: LaneId, goesOn: boolean, turn: Turn): void {
    assert(!this.#isAsking(origin, turn.now.monoMs), 'exchange: one request for each lane');
    const from = this.#log.received(origin) + 1;
    this.#asked.set(origin, { peer, untilMs: turn.now.monoMs + this.#retryMs, goesOn });
    turn.send(peer, { kind: 'pull', origin, from, bytesMax: this.#bytesMax });
  }
}

/** The origin's own replica is connected, and streams its entries. */
function isStreamed(origin: LaneId, holders: readonly Holder[]): boolean {
  return holders.some((holder) => isSource(holder, origin));
}

function isSource(holder: Holder, origin: LaneId): boolean {
  return holder.id === replicaOf(origin);
}

// Which missing ranges to ask for, and of whom: the delta half of anti-entropy. The stream of an origin's own replica
// is the first source. A range is pulled from another holder when that replica cannot be reached, or when its stream
// has made no progress for `retryMs`. The stream itself is asked to go back only when something of it was refused
// here: what is merely slow would come twice.
//
// One request per origin is under way at a time. It ends with the entries that answer it, or after `retryMs`, and then
// another holder is asked.

import type { Outbox } from '../model/effect.ts';
import { type Origin, type ReplicaId, replicaOf, type Seq } from '../model/id.ts';
import { type ReadonlyVector, seqOf } from '../model/vector.ts';
import type { Log } from '../store/log.ts';

export interface Holder {
  readonly peer: number;
  readonly id: ReplicaId;
  readonly holds: ReadonlyVector;
}

/** How far an origin that we lag behind had come, and since when. */
interface Look {
  readonly seq: Seq;
  readonly sinceMs: number;
}

interface Request {
  readonly peer: number;
  readonly untilMs: number;
  /** Followed by the next while the holder has more. */
  readonly goesOn: boolean;
}

export class Exchange {
  readonly #log: Log;
  readonly #bytesMax: number;
  readonly #retryMs: number;
  /** The last request for each origin that we lag behind. */
  readonly #asked = new Map<Origin, Request>();
  /** Up to where entries of an origin were refused: its stream will not bring them again by itself. */
  readonly #refused = new Map<Origin, Seq>();
  #lastLook = new Map<Origin, Look>();

  constructor(log: Log, bytesMax: number, retryMs: number) {
    this.#log = log;
    this.#bytesMax = bytesMax;
    this.#retryMs = retryMs;
  }

  /** Compares vectors with every connected peer and asks for what no stream is bringing. */
  look(holders: readonly Holder[], current: Origin, nowMs: number, out: Outbox): void {
    const looks = new Map<Origin, Look>();
    for (const [origin, ahead] of this.#ahead(holders, current)) {
      const seq = this.#log.head(origin);
      const before = this.#lastLook.get(origin);
      const look = before?.seq === seq ? before : { seq, sinceMs: nowMs };
      looks.set(origin, look);
      const isStalled = nowMs - look.sinceMs >= this.#retryMs;
      if (isStalled || !isStreamed(origin, holders)) this.#askOneOf(ahead, origin, nowMs, out);
    }
    this.#lastLook = looks;
  }

  /** Entries of `origin` arrived: go on at once if they answer a request and their holder has more. */
  onEntries(holder: Holder, origin: Origin, nowMs: number, out: Outbox): void {
    if (this.#log.head(origin) >= (this.#refused.get(origin) ?? 0)) this.#refused.delete(origin);
    const request = this.#asked.get(origin);
    if (request?.peer !== holder.peer) return;
    this.#asked.delete(origin);
    const hasMore = seqOf(holder.holds, origin) > this.#log.head(origin);
    if (request.goesOn && hasMore && !isSource(holder, origin))
      this.#ask(holder, origin, true, nowMs, out);
  }

  /**
   * Entries of `origin` up to `seq` were refused: its stream must go back to bring them again. Where it had overtaken
   * itself, what comes after them may be taken; they are missing even so.
   */
  onRefused(origin: Origin, seq: Seq): void {
    this.#refused.set(origin, Math.max(seq, this.#refused.get(origin) ?? 0));
  }

  /** A reader waits for entries of `origin` that `holder` was seen to have: they are on their way, or pulled once. */
  hasten(holder: Holder, origin: Origin, nowMs: number, out: Outbox): void {
    if (isSource(holder, origin) || this.#isAsking(origin, nowMs)) return;
    this.#ask(holder, origin, false, nowMs, out);
  }

  /** Who holds more than we do, by origin. */
  #ahead(holders: readonly Holder[], current: Origin): Map<Origin, Holder[]> {
    const ahead = new Map<Origin, Holder[]>();
    for (const holder of holders) {
      for (const [origin, theirs] of holder.holds) {
        if (theirs <= this.#log.head(origin) || origin === current) continue;
        const others = ahead.get(origin);
        if (others === undefined) ahead.set(origin, [holder]);
        else others.push(holder);
      }
    }
    return ahead;
  }

  #askOneOf(ahead: readonly Holder[], origin: Origin, nowMs: number, out: Outbox): void {
    if (this.#isAsking(origin, nowMs)) return;
    const askable = this.#refused.has(origin)
      ? ahead
      : ahead.filter((holder) => !isSource(holder, origin));
    const last = this.#asked.get(origin)?.peer ?? -1;
    const holder = askable.find(({ peer }) => peer > last) ?? askable[0];
    if (holder !== undefined) this.#ask(holder, origin, true, nowMs, out);
  }

  #isAsking(origin: Origin, nowMs: number): boolean {
    return (this.#asked.get(origin)?.untilMs ?? nowMs) > nowMs;
  }

  #ask({ peer }: Holder, origin: Origin, goesOn: boolean, nowMs: number, out: Outbox): void {
    const from = this.#log.head(origin) + 1;
    this.#asked.set(origin, { peer, untilMs: nowMs + this.#retryMs, goesOn });
    out.send(peer, { kind: 'pull', origin, from, bytesMax: this.#bytesMax });
  }
}

/** The origin's own replica is connected, and streams what it holds of it. */
function isStreamed(origin: Origin, holders: readonly Holder[]): boolean {
  return holders.some((holder) => isSource(holder, origin));
}

function isSource(holder: Holder, origin: Origin): boolean {
  return holder.id === replicaOf(origin);
}

// The clock that a majority agrees on, which the whole core uses: the median of the wall clocks of
// a majority of members, this one included. Wall clocks can be wrong in many ways (set by hand,
// never synchronised, back from a machine that slept), and the larger stamp wins: so a replica must
// not stamp writes by a clock that is far from the others.
//
//   measuring   nothing was agreed since the start, and it is early: no write is stamped yet
//   alone       no majority was heard for longer than a peer may take: uses its own clock as it was
//               then
//   agreed      a majority was heard, and the own clock is within the bound of the median
//   drifted     the own clock is not, by more than the error of measuring: no write is stamped
//   held        no majority is heard any more, or it is split in halves: uses the last agreed time
//               and the monotonic time since then
//   disputed    it is split in halves, and nothing was ever agreed: no write is stamped
//
// Every step compares the own clock of that moment, so a clock that is set between two heartbeats
// is noticed as well. If the monotonic clock was stopped, as in a machine that slept, the own clock
// seems to have jumped; the next echoes show the same jump in all other clocks, which ends the
// doubt.

import { assert } from '../base/assert.ts';
import { type ClockState, isTrusted } from '../model/clock.ts';
import type { Now, Outbox } from '../model/effect.ts';
import { majority } from '../model/quorum.ts';
import type { Settings } from '../model/settings.ts';
import {
  type ClockEcho,
  type ClockMedian,
  type ClockSample,
  medianOf,
  sampleOf,
  surerOf,
} from '../model/clock-sample.ts';

export interface AgreedClockOptions {
  readonly replicas: number;
  /** How far the own clock may be from the median. */
  readonly driftMaxMs: number;
  /**
   * A clock that was not heard for this long does not count; a start waits this long for a
   * majority.
   */
  readonly silentMs: number;
}

/**
 * For this share of `silentMs` the best sample is preferred to a later, less exact one (RFC 5905,
 * section 10).
 */
const KEPT_SHARE = 0.5;
/** The wall clock is read in whole milliseconds, beside the monotonic one. */
const NOISE_MS = 2;

/** A clock that was not heard for this many heartbeats does not count. */
const SILENT_BEATS = 8;
const NEVER: Now = { wallMs: 0, monoMs: Number.NaN };

export class AgreedClock {
  readonly #options: AgreedClockOptions;
  /** By member index. */
  readonly #samples: (ClockSample | undefined)[];
  #state: ClockState = 'measuring';
  /** Agreed wall clock minus monotonic clock; `undefined`: only the own clock is known. */
  #offsetMs: number | undefined;
  #hasAgreed = false;
  /**
   * The offset of the local clock at the last evaluation, how long that holds, and whether anything
   * is new.
   */
  #ownMs = 0;
  #validUntilMs = Number.NEGATIVE_INFINITY;
  #startedMs: number | undefined;
  #ownWallMs = 0;
  #now: Now = NEVER;
  #wasTrusted = true;

  constructor(options: AgreedClockOptions) {
    this.#options = options;
    assert(options.driftMaxMs >= 0, 'agreed clock: a drift of this much or less');
    assert(options.silentMs > 0, 'agreed clock: a clock counts for some time');
    this.#samples = new Array<ClockSample | undefined>(options.replicas).fill(undefined);
  }

  get state(): ClockState {
    return this.#state;
  }

  /** The clock was compared with those of a majority, now or before. */
  get isCompared(): boolean {
    return this.#state === 'agreed' || this.#state === 'held';
  }

  /** True if writes may be stamped. */
  get isTrusted(): boolean {
    return isTrusted({ state: this.#state });
  }

  /** By how much the local clock is ahead of the agreed one. */
  get aheadMs(): number {
    return this.#offsetMs === undefined ? 0 : this.#ownMs - this.#offsetMs;
  }

  /** What the local wall clock showed at the last step. */
  get ownWallMs(): number {
    return this.#ownWallMs;
  }

  /** By how much a peer's clock is ahead of the own one; `undefined`: unknown. */
  peerAheadMs(peer: number): number | undefined {
    const sample = this.#samples[peer];
    return sample === undefined ? undefined : sample.offsetMs - this.#ownMs;
  }

  /**
   * The time by the agreed clock; `raw` are the readings of this process. Called once for each
   * step.
   */
  read(raw: Now, out: Outbox): Now {
    const { wallMs, monoMs } = raw;
    if (wallMs === this.#ownWallMs && monoMs === this.#now.monoMs) return this.#now;
    this.#ownWallMs = wallMs;
    this.#look(raw, out);
    const offsetMs = this.#offsetMs;
    this.#now = offsetMs === undefined ? raw : { wallMs: Math.floor(monoMs + offsetMs), monoMs };
    return this.#now;
  }

  onEcho(peer: number, echo: ClockEcho, nowMs: number): void {
    assert(peer < this.#samples.length, 'agreed clock: an echo of a member');
    const keepMs = KEPT_SHARE * this.#options.silentMs;
    this.#samples[peer] = surerOf(this.#samples[peer], sampleOf(echo, nowMs), keepMs);
    this.#forgetLook();
  }

  onDisconnected(peer: number): void {
    this.#samples[peer] = undefined;
    this.#forgetLook();
  }

  #forgetLook(): void {
    this.#validUntilMs = Number.NEGATIVE_INFINITY;
    this.#now = NEVER;
  }

  #look({ wallMs, monoMs }: Now, out: Outbox): void {
    this.#startedMs ??= monoMs;
    assert(monoMs >= this.#startedMs, 'agreed clock: monotonic time does not go back');
    const ownMs = wallMs - monoMs;
    if (monoMs < this.#validUntilMs && Math.abs(ownMs - this.#ownMs) < NOISE_MS) return;
    this.#ownMs = ownMs;
    const heard = this.#heard(monoMs);
    const own = { offsetMs: ownMs, errorMs: 0, atMs: monoMs };
    const isMajority = heard.length + 1 >= majority(this.#options.replicas);
    if (isMajority) this.#vote(medianOf([own, ...heard]), monoMs);
    else this.#state = this.#withoutAgreement(monoMs, 'alone');
    assert(
      this.#offsetMs !== undefined || !this.isTrusted,
      'agreed clock: writes are stamped once an offset is known',
    );
    this.#validUntilMs = monoMs + this.#options.silentMs / 8;
    this.#note(out);
  }

  #vote({ offsetMs, lowMs, highMs, splitMs }: ClockMedian, monoMs: number): void {
    const { driftMaxMs } = this.#options;
    assert(lowMs <= highMs && splitMs >= 0, 'agreed clock: the median is within its error');
    if (splitMs > driftMaxMs) {
      this.#state = this.#withoutAgreement(monoMs, 'disputed');
      return;
    }
    this.#hasAgreed = true;
    this.#offsetMs = offsetMs;
    const beyondMs = Math.max(lowMs - this.#ownMs, this.#ownMs - highMs);
    this.#state = beyondMs > driftMaxMs ? 'drifted' : 'agreed';
  }

  /** During the start, a third clock may still decide. */
  #withoutAgreement(monoMs: number, late: 'alone' | 'disputed'): ClockState {
    if (this.#hasAgreed) return 'held';
    const isEarly = monoMs - (this.#startedMs ?? monoMs) < this.#options.silentMs;
    if (isEarly) return 'measuring';
    if (late === 'alone') this.#offsetMs ??= this.#ownMs;
    return late;
  }

  #heard(monoMs: number): ClockSample[] {
    const { silentMs } = this.#options;
    const heard: ClockSample[] = [];
    for (const sample of this.#samples)
      if (sample !== undefined && monoMs - sample.atMs <= silentMs) heard.push(sample);
    return heard;
  }

  /** Once for each period in which no write can be stamped. */
  #note(out: Outbox): void {
    const isWell = this.isTrusted || this.#state === 'measuring';
    if (isWell === this.#wasTrusted) return;
    this.#wasTrusted = isWell;
    const fields = { state: this.#state, aheadMs: Math.round(this.aheadMs) };
    if (isWell) out.note('info', 'clock-agreed', fields);
    else out.note('error', 'clock-drift', fields);
  }
}

export function agreedClockOf({
  members,
  clockDriftMaxMs,
  peerTimeoutMs,
  heartbeatMs,
}: Settings): AgreedClock {
  return new AgreedClock({
    replicas: members.length,
    driftMaxMs: clockDriftMaxMs,
    silentMs: Math.max(peerTimeoutMs, SILENT_BEATS * heartbeatMs),
  });
}

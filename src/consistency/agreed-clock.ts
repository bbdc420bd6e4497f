// The clock that a majority agrees upon, which everything below the door of the core goes by: the median of the wall clocks of
// a majority of members, this one included. Wall clocks are wrong in many ways (set by hand, never synchronised, back from a
// machine that slept), and the larger stamp wins: so a replica must not stamp by a clock that is far from everybody else's.
//
//   measuring   nothing was agreed since the start, and it is early: nothing is stamped yet
//   alone       as long as a peer may take, and no majority was heard: goes by its own clock as it was then
//   agreed      a majority was heard, and the own clock is within the bound of the median
//   drifted     it is not, by more than the measuring can explain: nothing is stamped
//   held        no majority is heard any more, or it is split in halves: what was agreed last, and the monotonic time since
//   disputed    it is split in halves, and nothing was ever agreed: nothing is stamped
//
// Every state is looked at with every step against the own clock of that moment, so a clock that is set between two
// heartbeats is caught as well. Where the monotonic clock stood still, as in a machine that slept, the own clock seems to have
// jumped; the next echoes show that everybody's has, and end it.

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
  /** A clock that was not heard for so long does not count; so long a start waits for a majority. */
  readonly silentMs: number;
}

/** For so much of `silentMs` the best sample counts before a later one that is less sure (RFC 5905, section 10). */
const KEPT_SHARE = 0.5;
/** The wall clock is read in whole milliseconds, beside the monotonic one. */
const NOISE_MS = 2;

/** A clock that was not heard for so many heartbeats does not count. */
const SILENT_BEATS = 8;
const NEVER: Now = { wallMs: 0, monoMs: Number.NaN };

export class AgreedClock {
  readonly #options: AgreedClockOptions;
  /** By member index. */
  readonly #samples: (ClockSample | undefined)[];
  #state: ClockState = 'measuring';
  /** Agreed wall clock less monotonic clock; `undefined`: nothing but the own clock is known. */
  #offsetMs: number | undefined;
  #hasAgreed = false;
  /** The own clock's offset when the state was looked at last, until when that look holds, and whether anything is new. */
  #ownMs = 0;
  #validUntilMs = Number.NEGATIVE_INFINITY;
  #startedMs: number | undefined;
  #ownWallMs = 0;
  #now: Now = NEVER;
  #wasTrusted = true;

  constructor(options: AgreedClockOptions) {
    this.#options = options;
    this.#samples = new Array<ClockSample | undefined>(options.replicas).fill(undefined);
  }

  get state(): ClockState {
    return this.#state;
  }

  /** The clock was compared with what a majority shows, now or before. */
  get isCompared(): boolean {
    return this.#state === 'agreed' || this.#state === 'held';
  }

  /** Stamps may be given by it. */
  get isTrusted(): boolean {
    return isTrusted({ state: this.#state });
  }

  /** By how much the own clock is ahead of the agreed one. */
  get aheadMs(): number {
    return this.#offsetMs === undefined ? 0 : this.#ownMs - this.#offsetMs;
  }

  /** What the own wall clock showed with the last step. */
  get ownWallMs(): number {
    return this.#ownWallMs;
  }

  /** By how much the clock of a peer is ahead of the own one; `undefined`: not known. */
  peerAheadMs(peer: number): number | undefined {
    const sample = this.#samples[peer];
    return sample === undefined ? undefined : sample.offsetMs - this.#ownMs;
  }

  /** The time by the agreed clock; `raw` is what the clocks of this process show. Once for each step. */
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
    const ownMs = wallMs - monoMs;
    if (monoMs < this.#validUntilMs && Math.abs(ownMs - this.#ownMs) < NOISE_MS) return;
    this.#ownMs = ownMs;
    const heard = this.#heard(monoMs);
    const own = { offsetMs: ownMs, errorMs: 0, atMs: monoMs };
    const isMajority = heard.length + 1 >= majority(this.#options.replicas);
    if (isMajority) this.#vote(medianOf([own, ...heard]), monoMs);
    else this.#state = this.#withoutAgreement(monoMs, 'alone');
    this.#validUntilMs = monoMs + this.#options.silentMs / 8;
    this.#note(out);
  }

  #vote({ offsetMs, lowMs, highMs, splitMs }: ClockMedian, monoMs: number): void {
    const { driftMaxMs } = this.#options;
    if (splitMs > driftMaxMs) {
      this.#state = this.#withoutAgreement(monoMs, 'disputed');
      return;
    }
    this.#hasAgreed = true;
    this.#offsetMs = offsetMs;
    const beyondMs = Math.max(lowMs - this.#ownMs, this.#ownMs - highMs);
    this.#state = beyondMs > driftMaxMs ? 'drifted' : 'agreed';
  }

  /** A third clock may still settle it while it is early. */
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

  /** Once for each time that nothing can be stamped. */
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

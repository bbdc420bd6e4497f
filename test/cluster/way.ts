// One direction between two replicas, as TCP shows it to a program: frames arrive in order, after
// the latency. A cut loses nothing: it holds back what is sent until it heals. A lost packet is
// sent again after the retransmission timeout (RFC 6298), and everything behind it waits; a narrow
// link takes its time for every byte.

import type { Prng } from '../../src/base/prng.ts';
import type { SimulatedWorld } from './world.ts';

const OVERTAKEN_MS = 50;
const RETRANSMIT_MS = 200;
const RETRANSMIT_MS_MAX = 3000;

interface Parcel {
  readonly arrive: () => void;
  readonly bytes: number;
}

export class Way {
  /** Frames that arrived. */
  frames = 0;
  /** The next frame arrives with one bit changed. */
  isNoisy = false;
  /** Share of the frames of which a packet is lost. */
  lossRate = 0;
  bytesPerMs = Number.POSITIVE_INFINITY;
  /**
   * Shares of the frames that arrive twice, and that others overtake: a bad proxy may do so, TCP
   * does not.
   */
  repeatRate = 0;
  overtakeRate = 0;
  readonly #world: SimulatedWorld;
  readonly #dice: Prng;
  readonly #latencyMs: () => number;
  #isCut = false;
  #cuts = 0;
  readonly #held: Parcel[] = [];
  /** Frames that are sent and have not arrived, in order. */
  readonly #underWay = new Set<Parcel>();
  #lastArrivalMs = 0;
  #freeAtMs = 0;

  constructor(world: SimulatedWorld, dice: Prng, latencyMs: () => number) {
    this.#world = world;
    this.#dice = dice;
    this.#latencyMs = latencyMs;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Delivers something to the other side, after everything sent before. */
  carry(arrive: () => void, bytes = 0): void {
    if (this.#isCut) {
      this.#held.push({ arrive, bytes });
      return;
    }
    const nowMs = this.#world.now();
    this.#freeAtMs = Math.max(this.#freeAtMs, nowMs) + bytes / this.bytesPerMs;
    const leftAtMs = this.#freeAtMs + this.#lostMs();
    const parcel = { arrive, bytes };
    if (this.overtakeRate > 0 && this.#dice.chance(this.overtakeRate)) {
      const lateMs = OVERTAKEN_MS * this.#dice.next();
      this.#deliver(parcel, leftAtMs + this.#latencyMs() + lateMs);
      return;
    }
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, leftAtMs + this.#latencyMs());
    this.#deliver(parcel, this.#lastArrivalMs);
  }

  /** No longer narrow: what waited for the narrow link continues at once. */
  widen(): void {
    this.bytesPerMs = Number.POSITIVE_INFINITY;
    const waiting = [...this.#underWay];
    this.#underWay.clear();
    this.#freeAtMs = this.#lastArrivalMs = this.#world.now();
    for (const { arrive, bytes } of waiting) this.carry(arrive, bytes);
  }

  #deliver(parcel: Parcel, atMs: number): void {
    this.#underWay.add(parcel);
    this.#world.after(atMs - this.#world.now(), () => {
      if (this.#underWay.delete(parcel)) parcel.arrive();
    });
  }

  /** Whether a frame is to be carried a second time. */
  repeats(): boolean {
    return this.repeatRate > 0 && this.#dice.chance(this.repeatRate);
  }

  /** `onSilence` runs when the cut has lasted for `timeoutMs`. */
  cut(timeoutMs: number, onSilence: () => void): void {
    if (this.#isCut) return;
    this.#isCut = true;
    const cut = ++this.#cuts;
    this.#world.after(timeoutMs, () => {
      if (this.#isCut && cut === this.#cuts) onSilence();
    });
  }

  heal(): void {
    this.#isCut = false;
    for (const { arrive, bytes } of this.#held.splice(0)) this.carry(arrive, bytes);
  }

  /** How long the lost packets of one frame delay it. */
  #lostMs(): number {
    if (this.lossRate === 0) return 0;
    let lostMs = 0;
    let waitMs = RETRANSMIT_MS;
    while (lostMs < RETRANSMIT_MS_MAX && this.#dice.chance(this.lossRate)) {
      lostMs += waitMs;
      waitMs *= 2;
    }
    return lostMs;
  }
}

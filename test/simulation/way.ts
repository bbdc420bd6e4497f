// One direction between two replicas, as TCP shows it to a program: what is sent arrives in order, after the latency;
// a cut loses nothing, it holds back what is sent from then on until it heals.

import type { SimulatedWorld } from './world.ts';

export class Way {
  /** Frames that arrived. */
  frames = 0;
  /** The next frame arrives with one bit changed. */
  isNoisy = false;
  readonly #world: SimulatedWorld;
  readonly #latencyMs: () => number;
  #isCut = false;
  #cuts = 0;
  readonly #held: (() => void)[] = [];
  #lastArrivalMs = 0;

  constructor(world: SimulatedWorld, latencyMs: () => number) {
    this.#world = world;
    this.#latencyMs = latencyMs;
  }

  get isCut(): boolean {
    return this.#isCut;
  }

  /** Brings something to the other side, behind everything sent before. */
  carry(arrive: () => void): void {
    if (this.#isCut) {
      this.#held.push(arrive);
      return;
    }
    const nowMs = this.#world.now();
    this.#lastArrivalMs = Math.max(this.#lastArrivalMs, nowMs + this.#latencyMs());
    this.#world.after(this.#lastArrivalMs - nowMs, arrive);
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
    for (const arrive of this.#held.splice(0)) this.carry(arrive);
  }
}

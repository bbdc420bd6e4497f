// Virtual time for a whole cluster in one process: one heap of events, one clock, one seed. Nothing moves unless `run`
// is called, events of the same instant happen in the order in which they were asked for, and so a run depends on
// nothing but its seed.
//
// A node sees the world through its own clock and scheduler, which may be wrong in the ways real ones are: its wall
// clock is offset, and it drifts. A node that is stopped never runs again what it had armed, as a killed process does
// not; whoever restarts it makes a new one.

import { createHeap } from '../../src/base/heap.ts';
import { createPrng, type Prng } from '../../src/base/prng.ts';
import type { Clock, Scheduler } from '../../src/model/port.ts';

export interface World {
  /** Milliseconds since the world began. */
  now(): number;
  /** Runs once, `delayMs` from now, behind everything already due at that time. */
  after(delayMs: number, run: () => void): void;
  /** Lets time pass up to and including `untilMs`. */
  run(untilMs: number): void;
}

export interface SimulatedWorld extends World {
  /** Dice for the world's own decisions; components split streams of their own from it. */
  readonly prng: Prng;
  /** Events run so far. */
  readonly events: number;
  /** Runs until `done` holds, at most to `untilMs`; tells whether it came to hold. */
  runUntil(done: () => boolean, untilMs: number): boolean;
}

export interface NodeOptions {
  /** What the wall clock shows when the world begins. */
  readonly wallStartMs?: number;
  /** How much faster than the world its clocks run: 0.001 gains a millisecond a second. */
  readonly drift?: number;
}

/** One process: its clock, its scheduler, and its death. */
export interface Node {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  /** As kill -9: nothing that it armed runs any more. */
  stop(): void;
}

const WALL_START_MS = Date.UTC(2026, 0, 1);

export function createWorld(seed: number): SimulatedWorld {
  const heap = createHeap<() => void>();
  let nowMs = 0;
  let events = 0;
  const step = (): void => {
    nowMs = heap.peekPriority();
    events++;
    heap.pop()?.();
  };
  return {
    prng: createPrng(seed),
    get events() {
      return events;
    },
    now: () => nowMs,
    after: (delayMs, run) => heap.push(nowMs + Math.max(0, delayMs), run),
    run(untilMs) {
      while (heap.peekPriority() <= untilMs) step();
      nowMs = Math.max(nowMs, untilMs);
    },
    runUntil(done, untilMs) {
      while (!done()) {
        if (heap.peekPriority() > untilMs) return false;
        step();
      }
      return true;
    },
  };
}

export function createNode(world: World, options: NodeOptions = {}): Node {
  const rate = 1 + (options.drift ?? 0);
  const wallStartMs = options.wallStartMs ?? WALL_START_MS;
  let alive = true;
  let armed = 0;
  const monoMs = (): number => world.now() * rate;
  const later = (delayMs: number, run: () => void): void =>
    world.after(delayMs, () => {
      if (alive) run();
    });
  return {
    clock: { monoMs, wallMs: () => wallStartMs + monoMs() },
    scheduler: {
      soon: (run) => later(0, run),
      arm(delayMs, run) {
        const turn = ++armed;
        if (delayMs === Number.POSITIVE_INFINITY) return;
        later(delayMs / rate, () => {
          if (turn === armed) run();
        });
      },
    },
    stop() {
      alive = false;
    },
  };
}

// Virtual time for a whole cluster in one process: one heap of events, one clock, one seed. Nothing
// happens unless `run` is called, events of the same instant happen in the order of their requests,
// and so a run depends on nothing but its seed.
//
// A node sees the world through its own clock and scheduler, which may be wrong in the ways of real
// ones: its wall clock has an offset, drifts, and jumps. Timers of a stopped node never fire, as in
// a killed process; a restart makes a new node. A paused node runs nothing until it continues, as a
// process under SIGSTOP: what became due meanwhile happens then, in order, and only its clocks show
// the pause.

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
  /**
   * Changes with every event and its time: two runs of one seed that differ have different digests.
   */
  readonly digest: number;
  /** Runs until `done` holds, at most to `untilMs`; returns whether it holds. */
  runUntil(done: () => boolean, untilMs: number): boolean;
}

export interface NodeOptions {
  /** What the wall clock shows when the world begins. */
  readonly wallStartMs?: number;
  /** How much faster than the world its clocks run: 0.001 gains a millisecond a second. */
  readonly drift?: number;
}

/** One process: its clock, its scheduler, and its end. */
export interface Node {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly isPaused: boolean;
  /** Lets something happen in the process: now, when it continues, or never. */
  enter(run: () => void): void;
  /** As SIGSTOP. */
  pause(): void;
  /** As SIGCONT. */
  resume(): void;
  /** The wall clock is set; the monotonic one does not notice. */
  jump(ms: number): void;
  /** From now on the wall clock gains this many milliseconds a second against the monotonic one. */
  skew(msPerSecond: number): void;
  /** The wall clock is set right. */
  setRight(): void;
  /** As kill -9: none of its timers fires any more. */
  stop(): void;
}

// The world begins before the time from which the clock numbers incarnations. So they are counted
// from 1, and scenarios can name them. A test that needs the clock's numbers sets another time.
const WALL_START_MS = Date.UTC(2024, 0, 1);

export function createWorld(seed: number): SimulatedWorld {
  const heap = createHeap<() => void>();
  let nowMs = 0;
  let events = 0;
  let digest = 0;
  const step = (): void => {
    nowMs = heap.peekPriority();
    events++;
    digest = (Math.imul(digest, 31) + Math.trunc(nowMs * 1000)) | 0;
    heap.pop()?.();
  };
  return {
    prng: createPrng(seed),
    get events() {
      return events;
    },
    get digest() {
      return digest;
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
  let wallStartMs = options.wallStartMs ?? WALL_START_MS;
  let skewRate = 0;
  let skewedAtMs = 0;
  let alive = true;
  let armed = 0;
  let missed: (() => void)[] | undefined;
  const monoMs = (): number => world.now() * rate;
  const wallMs = (): number => wallStartMs + monoMs() + skewRate * (monoMs() - skewedAtMs);
  const enter = (run: () => void): void => {
    if (!alive) return;
    if (missed === undefined) run();
    else missed.push(run);
  };
  const later = (delayMs: number, run: () => void): void => world.after(delayMs, () => enter(run));
  return {
    clock: { monoMs, wallMs },
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
    get isPaused() {
      return missed !== undefined;
    },
    enter,
    pause() {
      missed ??= [];
    },
    resume() {
      const due = missed ?? [];
      missed = undefined;
      for (const run of due) enter(run);
    },
    jump(ms) {
      wallStartMs += ms;
    },
    skew(msPerSecond) {
      wallStartMs = wallMs() - monoMs();
      skewedAtMs = monoMs();
      skewRate = msPerSecond / 1000;
    },
    setRight() {
      skewRate = 0;
      wallStartMs = options.wallStartMs ?? WALL_START_MS;
    },
    stop() {
      alive = false;
    },
  };
}

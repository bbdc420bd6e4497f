// What a seed decides before its run begins: the cluster, its bounds, its clients, and a timetable
// of faults. Each group of decisions has its own stream of random numbers. So a class of faults can
// be left out without any other change, and a failing seed can be made smaller.

import { createPrng, type Prng } from '../../src/base/prng.ts';
import { type Settings, SETTINGS_DEFAULT } from '../../src/model/settings.ts';
import type { NodeOptions } from '../cluster/world.ts';

/**
 * Swarm testing (Groce et al., 2012): each seed takes about half of the classes, because runs with
 * all of them would be too similar.
 */
export const FAULTS = [
  'kill',
  'storm',
  'power',
  'pause',
  'cut',
  'one-way',
  'ring',
  'break',
  'noise',
  'repeat',
  'overtake',
  'loss',
  'clog',
  'slow-disk',
  'hung-disk',
  'failed-disk',
  'full-disk',
  'damage',
  'vanish',
  'jump',
  'blip',
  'skew',
  'restore',
  'wipe',
  'membership',
] as const;
export type FaultClass = (typeof FAULTS)[number];

/**
 * The replica whose disk fails, in runs that damage what is durable; another replica has the last
 * good copy.
 */
export const VICTIM = 0;
/**
 * These destroy durable data. They affect only one replica, and writes of such a run ask for two
 * copies.
 */
const TAKE_DATA: ReadonlySet<FaultClass> = new Set(['restore', 'wipe']);

export interface Strike {
  readonly fault: FaultClass;
  readonly atMs: number;
  readonly untilMs: number;
  readonly target: number;
  readonly other: number;
  /** The severity, in [0, 1). */
  readonly roll: number;
}

export interface Plan {
  readonly seed: number;
  readonly regions: readonly string[];
  /** The regions of replicas that may join. */
  readonly spares: readonly string[];
  readonly clocks: readonly NodeOptions[];
  readonly settings: Partial<Settings>;
  /**
   * The latency between neighbours in milliseconds, and the most that each frame is delayed in
   * addition.
   */
  readonly latencyMs: number;
  readonly jitterMs: number;
  /** The duration of a commit: with a slow disk more is in progress when a process dies. */
  readonly commitMs: number;
  readonly clients: number;
  readonly thinkMs: number;
  readonly keys: number;
  readonly valueBytes: number;
  /** The fewest copies that any write asks for. */
  readonly copiesMin: number;
  /**
   * From this time on the victim gets no writes of clients, so an old copy of its directory lacks
   * no write of its own; `undefined`: it always gets them.
   */
  readonly quietFromMs: number | undefined;
  /** The safety phase, in virtual time; the liveness phase follows. */
  readonly faultsMs: number;
  readonly classes: readonly FaultClass[];
  readonly strikes: readonly Strike[];
}

export interface PlanOptions {
  /** The whole run except its end, whose length is not fixed. */
  readonly runMs?: number;
  readonly without?: readonly FaultClass[];
  /** Replaces the classes that the seed would choose. */
  readonly only?: readonly FaultClass[];
}

export const RUN_MS = 60_000;
/** After the heal clients continue for this time: replicas that were cut off must work again. */
export const AFTER_HEAL_MS = 8000;

const REGIONS = ['ap', 'eu', 'us', 'eu', 'us'];
const SPARES = ['sa', 'za'];
const GAP_MS = 3000;
/** In these runs nothing but clocks goes wrong. */
const CLOCKS_ONLY = 0.1;
export const WRONG_CLOCKS: readonly FaultClass[] = ['jump', 'blip', 'skew'];

const QUIET_SHARE = 0.5;

export function planOf(seed: number, options: PlanOptions = {}): Plan {
  const dice = createPrng(seed);
  const shape = dice.split('shape');
  const drawnCount = shape.chance(0.7) ? 3 : 2 + shape.below(4);
  // A fifth of the seeds, and some of the others, have five replicas in three regions.
  const count = dice.split('wide').chance(0.2) ? 5 : drawnCount;
  const isClocksOnly = dice.split('clocks only').chance(CLOCKS_ONLY);
  const drawn = isClocksOnly
    ? WRONG_CLOCKS
    : FAULTS.filter((fault) => dice.split(fault).chance(0.5));
  const isFit = (fault: FaultClass): boolean => !TAKE_DATA.has(fault) || count >= 3;
  const classes = (options.only ?? drawn).filter(isFit);
  const takesData = classes.some((fault) => TAKE_DATA.has(fault));
  const faultsMs = (options.runMs ?? RUN_MS) - AFTER_HEAL_MS;
  const { without = [] } = options;
  return {
    seed,
    regions: REGIONS.slice(0, count),
    spares: classes.includes('membership') ? SPARES : [],
    clocks: Array.from({ length: count + SPARES.length }, (_, n) =>
      clockOf(dice.split(`clock ${n}`)),
    ),
    settings: {
      ...settingsOf(dice.split('settings'), classes, isClocksOnly),
      ...checkpointsOf(dice.split('checkpoints')),
      ...piecesOf(dice.split('pieces')),
    },
    latencyMs: shape.chance(0.2) ? 80 : 1 + shape.below(25),
    jitterMs: 1 + shape.below(15),
    commitMs: dice.split('disk').chance(0.4) ? 0.5 : 2 + dice.split('commit').below(40),
    clients: 4 + 2 * shape.below(3),
    thinkMs: 40 + shape.below(150),
    keys: shape.chance(0.3) ? 2 : 8,
    valueBytes: shape.chance(0.2) ? 1500 : 8,
    copiesMin: takesData ? 2 : 1,
    quietFromMs: quietOf(dice.split('quiet'), classes.includes('restore'), faultsMs),
    faultsMs,
    classes: classes.filter((fault) => !without.includes(fault)),
    strikes: timetable(dice.split('nemesis'), classes, count, faultsMs).filter(
      ({ fault }) => !without.includes(fault),
    ),
  };
}

function quietOf(dice: Prng, isRestored: boolean, faultsMs: number): number | undefined {
  return isRestored && dice.chance(QUIET_SHARE) ? 1000 + dice.below(faultsMs / 4) : undefined;
}

function clockOf(dice: Prng): NodeOptions {
  return {
    wallStartMs: Date.UTC(2026, 0, 1) + dice.below(300),
    drift: (dice.next() - 0.5) / 2500,
  };
}

/**
 * Some runs have small bounds everywhere, so that they are reached. If only clocks go wrong,
 * windows are wide: a window that a few entries fill carries no more in a round trip, and a replica
 * with more writes is then behind for a good reason.
 */
function settingsOf(
  dice: Prng,
  classes: readonly FaultClass[],
  isClocksOnly: boolean,
): Partial<Settings> {
  const isSmall = (): boolean => dice.chance(0.5);
  const tail = isSmall() ? { tailBytes: 2000 } : {};
  const isNarrow = isSmall() && !isClocksOnly;
  return {
    ...tail,
    ...(isNarrow ? { windowBytes: 1000, frameBytes: 400 } : {}),
    ...(isSmall() ? { cacheBytes: 4000 } : {}),
    ...(isSmall() ? { turnInputsMax: 2 } : {}),
    ...(dice.chance(0.2) ? { inboxMax: 3 } : {}),
    ...(dice.chance(0.1) ? { writesPendingMax: 2, readsPendingMax: 2 } : {}),
    logRetainEntries: dice.chance(0.5) ? 0 : dice.below(200),
    logTruncateEntries: 1 + dice.below(20),
    ...(isSilent(classes) ? { scrubDelayMs: 1000, scrubEveryMs: 2000 } : {}),
    compareEveryMs: 300 + dice.below(3000),
  };
}

/** After each commit, after a few, or as seldom as in production. */
function checkpointsOf(dice: Prng): Partial<Settings> {
  if (dice.chance(0.25)) return { checkpointBytes: 1, checkpointEntries: 1, checkpointMs: 0 };
  if (dice.chance(0.4)) {
    const { checkpointBytes, checkpointEntries, checkpointMs } = SETTINGS_DEFAULT;
    return { checkpointBytes, checkpointEntries, checkpointMs };
  }
  return {
    checkpointBytes: 200 + dice.below(20_000),
    checkpointEntries: 3 + dice.below(200),
    checkpointMs: 50 + dice.below(4000),
  };
}

/** A few records, so that processes die between two pieces; or as large as in production. */
function piecesOf(dice: Prng): Partial<Settings> {
  return dice.chance(0.3) ? {} : { checkpointPieceBytes: 1 + dice.below(500) };
}

/** The victim's disk may lose, or never store, what it has acknowledged. */
export function isForgetful({ copiesMin, classes }: Plan): boolean {
  return copiesMin > 1 || classes.includes('damage');
}

/** Some of these change a disk without an error. */
export function isSilent(classes: readonly FaultClass[]): boolean {
  return classes.includes('damage') || classes.includes('vanish');
}

/** One fault at a time; in a third of the runs, two. */
function timetable(
  dice: Prng,
  classes: readonly FaultClass[],
  replicas: number,
  endMs: number,
): Strike[] {
  const lanes = dice.chance(1 / 3) ? 2 : 1;
  return Array.from({ length: lanes }, (_, lane) =>
    laneOf(dice.split(`lane ${lane}`), classes, replicas, endMs),
  ).flat();
}

function laneOf(
  dice: Prng,
  classes: readonly FaultClass[],
  replicas: number,
  endMs: number,
): Strike[] {
  const strikes: Strike[] = [];
  let atMs = 1000 + dice.below(GAP_MS);
  while (atMs < endMs && classes.length > 0) {
    const fault = classes[dice.below(classes.length)] as FaultClass;
    const target = dice.below(replicas);
    const other = (target + 1 + dice.below(replicas - 1)) % replicas;
    // Some pauses are longer than every time-out of the peers.
    const lastsMs = dice.chance(0.3) ? 3000 + dice.below(7000) : 50 + dice.below(2500);
    const untilMs = Math.min(atMs + lastsMs, endMs);
    strikes.push({ fault, atMs, untilMs, target, other, roll: dice.next() });
    atMs = untilMs + GAP_MS * (0.2 + dice.next());
  }
  return strikes;
}

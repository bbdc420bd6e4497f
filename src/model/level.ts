// The levels of consistency. Each level that is built has one row here, which says what it means
// for a replica. A new level is a row, and what the row names: a desk (replica/desk/), and a rule
// in order/delivery.ts if none of the present rules fits.

export type Level = 'strict' | 'sequential' | 'causal' | 'fifo' | 'eventual';

/** From the strongest to the weakest. */
export const LEVELS: readonly Level[] = ['strict', 'sequential', 'causal', 'fifo', 'eventual'];

/** The desk that serves the requests of a namespace. */
export type DeskName = 'multi-leader';

export interface LevelRules {
  readonly desk: DeskName;
  /**
   * How a replica gets a version that it lacks: another replica sends it the record, or the stream
   * brings it. Where order matters it is the stream, because a single newer record would overtake
   * the earlier writes of its origin.
   */
  readonly repairs: 'record' | 'stream';
  /**
   * When an entry is shown: as it arrives, which is the order of its lane, or once everything that
   * it depends on is shown.
   */
  readonly delivery: 'arrival' | 'causal';
}

const BUILT: { readonly [level in Level]?: LevelRules } = {
  causal: { desk: 'multi-leader', repairs: 'stream', delivery: 'causal' },
  fifo: { desk: 'multi-leader', repairs: 'stream', delivery: 'arrival' },
  eventual: { desk: 'multi-leader', repairs: 'record', delivery: 'arrival' },
};

/** By these rules a replica keeps records of a namespace that none of its policies names. */
export const WEAKEST: LevelRules = { desk: 'multi-leader', repairs: 'record', delivery: 'arrival' };

/** `undefined`: the level is not built. */
export function rulesOf(level: Level): LevelRules | undefined {
  return BUILT[level];
}

// How the wall clock of a replica relates to those of the others (consistency/agreed-clock.ts).

export type ClockState = 'measuring' | 'alone' | 'agreed' | 'drifted' | 'held' | 'disputed';

/** The state of a replica's clock, as it reports it. */
export interface ClockStatus {
  readonly state: ClockState;
  /** By how much its own clock is ahead of the agreed one, in ms. */
  readonly aheadMs: number;
}

/** True if the replica may stamp writes by it. */
export function isTrusted({ state }: Pick<ClockStatus, 'state'>): boolean {
  return state === 'agreed' || state === 'held' || state === 'alone';
}

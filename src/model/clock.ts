// How the wall clock of a replica relates to those of the others (consistency/agreed-clock.ts).

export type ClockState = 'measuring' | 'alone' | 'agreed' | 'drifted' | 'held' | 'disputed';

/** What a replica says of its clock. */
export interface ClockStatus {
  readonly state: ClockState;
  /** By how much its own clock is ahead of what is agreed, in ms. */
  readonly aheadMs: number;
}

/** Stamps may be given by it. */
export function isTrusted({ state }: Pick<ClockStatus, 'state'>): boolean {
  return state === 'agreed' || state === 'held' || state === 'alone';
}

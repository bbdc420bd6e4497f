// What the bench needs to know of a system under load. Each one starts from a file of its own in
// systems/; a start that throws makes the system `missing`, with the reason in the report.

import type { Dataset } from './client/keys.ts';
import type { Wire } from './client/wire.ts';

/** How many replicas a read asks: the nearest one, or a quorum. */
export type ReadLevel = 'local' | 'quorum';

/** A connection's wire for a data set, a new one for each slot. */
type WireMaker = (connection: number) => Wire;

export interface System {
  readonly name: string;
  /** Version and settings that matter, one line for the report. */
  readonly about: string;
  /** Its server processes. */
  readonly pids: readonly number[];
  /** Where clients may go with any operation, the preferred place first. */
  readonly ports: readonly number[];
  wires(dataset: Dataset, level: ReadLevel): WireMaker;
  /** Writes every key once, where one put at a time would take too long. */
  fill?(dataset: Dataset): Promise<void>;
  /** Counters that only grow, summed over the replicas. */
  counters?(): Promise<ReadonlyMap<string, number>>;
  stop(): Promise<void>;
}

export interface SystemKind {
  readonly name: string;
  /** Starts it with its data in the folder. */
  start(folder: string): Promise<System>;
}

/** A system that did not come up, and why. */
export interface Missing {
  readonly name: string;
  readonly missing: string;
}

export function isMissing(system: System | Missing): system is Missing {
  return 'missing' in system;
}

// What the bench has to know about a system. Each one starts from a file of its own in systems/; if
// its start throws, the system is `missing`, with the reason in the report.

import type { Dataset } from './client/keys.ts';
import type { Wire } from './client/wire.ts';

/** How many replicas a read asks: the nearest one, or a quorum. */
export type ReadLevel = 'local' | 'quorum';

/** A connection's wire for a data set, a new one for each slot. */
type WireMaker = (connection: number) => Wire;

export interface System {
  readonly name: string;
  /** Version and relevant settings, one line for the report. */
  readonly about: string;
  /** Its server processes. */
  readonly pids: readonly number[];
  /** The addresses for clients, the preferred one first. */
  readonly ports: readonly number[];
  wires(dataset: Dataset, level: ReadLevel): WireMaker;
  /** Writes every key once, if one put at a time would take too long. */
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

/** A system that did not start, and the reason. */
export interface Missing {
  readonly name: string;
  readonly missing: string;
}

export function isMissing(system: System | Missing): system is Missing {
  return 'missing' in system;
}

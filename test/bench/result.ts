// All results of a run; the report shows them, and `--json` stores them.

import type { Machine } from './calibration.ts';
import type { Quantiles } from './client/histogram.ts';
import type { Limit } from './limits.ts';
import type { Options } from './options.ts';
import type { Rounds } from './rounds.ts';
import type { Slot } from './slot.ts';
import type { Missing } from './system.ts';

export interface Result extends Rounds {
  readonly startedAt: string;
  readonly machine: Machine;
  readonly options: Options;
  /** Write and sync of 4 KiB, before and after the rounds. */
  readonly syncs: readonly Quantiles[];
  readonly systems: readonly { readonly name: string; readonly about: string }[];
  readonly missing: readonly Missing[];
  /** The rounds of Conit's variants, which are compared only with each other. */
  readonly variantSlots: readonly Slot[];
  readonly limits: readonly Limit[];
}

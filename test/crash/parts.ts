// The parts, in the order in which they run.

import type { Part } from './part.ts';
import { flip } from './parts/flip.ts';
import { full } from './parts/full.ts';
import { kill } from './parts/kill.ts';
import { power } from './parts/power.ts';
import { restore } from './parts/restore.ts';
import { sweep } from './parts/sweep.ts';
import { wipe } from './parts/wipe.ts';

export const parts: readonly Part[] = [kill, power, flip, full, restore, wipe, sweep];

// The seeded bugs: those of the list in docs/testing.md that this version of the product could
// have, and some of our own. The missing numbers belong to what is not built: strict reads and
// leases (3, 5, 6), siblings and CRDTs (11 to 14), caches (19, 20), numeric bounds (24), and
// transactions (30 to 33).

import { causal } from './catalogue/causal.ts';
import { checkpoints } from './catalogue/checkpoints.ts';
import { clocks } from './catalogue/clocks.ts';
import { costs } from './catalogue/costs.ts';
import { deletes } from './catalogue/deletes.ts';
import { durability } from './catalogue/durability.ts';
import { edges } from './catalogue/edges.ts';
import { health } from './catalogue/health.ts';
import { lives } from './catalogue/lives.ts';
import { members } from './catalogue/members.ts';
import { order } from './catalogue/order.ts';
import { quorums } from './catalogue/quorums.ts';
import { sessions } from './catalogue/sessions.ts';
import { snapshots } from './catalogue/snapshots.ts';
import { streams } from './catalogue/streams.ts';
import { trees } from './catalogue/trees.ts';
import type { Mutant } from './mutant.ts';

export const catalogue: readonly Mutant[] = [
  ...durability,
  ...checkpoints,
  ...quorums,
  ...lives,
  ...order,
  ...causal,
  ...clocks,
  ...streams,
  ...snapshots,
  ...health,
  ...trees,
  ...deletes,
  ...members,
  ...sessions,
  ...edges,
  ...costs,
];

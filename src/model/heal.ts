// The action of a part that finds a stored record damaged.

import type { Turn } from './effect.ts';
import type { Key, NamespaceName } from './id.ts';

/** Replaces the record with an intact copy, if one can be fetched. */
export type Heal = (namespace: NamespaceName, key: Key, turn: Turn) => void;

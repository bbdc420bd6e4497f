// What a part does that comes upon a stored record which cannot be read.

import type { Turn } from './effect.ts';
import type { Key, NamespaceName } from './id.ts';

/** What belongs in the place of the record is put there, if it can be had. */
export type Heal = (namespace: NamespaceName, key: Key, turn: Turn) => void;

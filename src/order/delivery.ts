// The step between receiver and table: decides when an entry of a lane becomes visible here.
// Whatever it decides, the entry is already in the log, is acknowledged once it is durable, and
// does not delay the receiving of later entries.
//
//   received -> shown   at once, if the rule of its namespace's level allows it
//   received -> held    until everything that it depends on is shown
//
//   eventual   arrival      as soon as it is received
//   fifo       per origin   once every entry before it in its lane is shown
//
// Lanes are received without gaps, so neither of these rules ever holds an entry. A rule that does
// (causal) keeps held entries in this room, indexed by what they wait for, and shows each when that
// is applied.

import { assert } from '../base/assert.ts';
import type { Turn } from '../model/effect.ts';
import type { NamespaceName } from '../model/id.ts';
import type { LevelRules } from '../model/level.ts';
import type { Mutation, Record } from '../model/record.ts';
import { applyEntry, type ApplyOptions } from '../store/apply.ts';
import type { Lane } from '../store/lane.ts';
import type { Table } from '../store/table.ts';

export interface DeliveryOptions extends ApplyOptions {
  readonly table: Table;
  /** The rule of a namespace. */
  readonly ruleOf: (namespace: NamespaceName) => LevelRules['delivery'];
  /** An entry lost to the record of its key. */
  readonly onLost: (mutation: Mutation, winner: Record) => void;
  readonly onShown: (mutation: Mutation, turn: Turn) => void;
}

export type Delivered = 'shown' | 'held';

/** Whether an entry may be shown now. */
type Rule = (lane: Lane, mutation: Mutation) => boolean;

const RULES: { readonly [name in LevelRules['delivery']]: Rule } = {
  arrival: () => true,
  'per-origin': (lane, { seq }) => lane.applied === seq - 1,
};

export class Delivery {
  readonly #options: DeliveryOptions;

  constructor(options: DeliveryOptions) {
    this.#options = options;
  }

  /** Delivers a logged entry: it is shown in this turn, or held. */
  offer(lane: Lane, mutation: Mutation, turn: Turn): Delivered {
    assert(mutation.seq <= lane.received, 'delivery: what is offered is logged');
    assert(mutation.seq > lane.applied, 'delivery: what is offered is not shown yet');
    const rule = this.#options.ruleOf(mutation.namespace);
    if (!RULES[rule](lane, mutation)) return 'held';
    this.#show(lane, mutation, turn);
    return 'shown';
  }

  #show(lane: Lane, mutation: Mutation, turn: Turn): void {
    const merged = applyEntry(this.#options, lane, mutation, turn);
    if (merged === 'lost') this.#onLost(mutation);
    this.#options.onShown(mutation, turn);
  }

  #onLost(mutation: Mutation): void {
    const { table, onLost } = this.#options;
    const { record } = table.read(mutation.namespace, mutation.key);
    if (record !== undefined) onLost(mutation, record);
  }
}

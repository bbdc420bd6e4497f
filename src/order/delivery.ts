// The step between receiver and table: decides when an entry of a lane becomes visible here.
// Whatever it decides, the entry is already in the log, is acknowledged once it is durable, and
// does not delay the receiving of later entries.
//
//   received -> shown     at once, unless the level of its namespace is `causal`
//   received -> waiting   until everything that it depends on is shown (causal-order.ts)
//
// Lanes are received without gaps, so in a namespace of level `fifo` the order of arrival is the
// order of each lane.

import { assert } from '../base/assert.ts';
import type { Turn } from '../model/effect.ts';
import type { LaneId, NamespaceName } from '../model/id.ts';
import type { RecordRules } from '../model/namespaces.ts';
import type { Mutation, Record } from '../model/record.ts';
import { applyEntry, type ApplyOptions } from '../store/apply.ts';
import type { Lane } from '../store/lane.ts';
import type { Table } from '../store/table.ts';
import { CausalOrder, type CausalOrderOptions } from './causal-order.ts';
import { scopeOf } from './scope.ts';

export interface DeliveryOptions extends ApplyOptions, Omit<CausalOrderOptions, 'show'> {
  readonly table: Table;
  readonly rulesOf: (namespace: NamespaceName) => RecordRules;
  /** An entry lost to the record of its key. */
  readonly onLost: (mutation: Mutation, winner: Record) => void;
  readonly onShown: (mutation: Mutation, turn: Turn) => void;
  /** Entries of the lane that waited are shown. */
  readonly onAdvance: (lane: LaneId, turn: Turn) => void;
}

export type Delivered = 'shown' | 'waiting';

export class Delivery {
  readonly #options: DeliveryOptions;
  readonly order: CausalOrder;

  constructor(options: DeliveryOptions) {
    this.#options = options;
    this.order = new CausalOrder({
      ...options,
      show: (lane, entry, turn) => {
        this.#show(lane, entry, turn);
        options.onAdvance(lane.id, turn);
      },
    });
  }

  /** Delivers a logged entry: it is shown in this turn, or waits. */
  offer(lane: Lane, mutation: Mutation, turn: Turn): Delivered {
    assert(mutation.seq === lane.received, 'delivery: what is offered has just been logged');
    assert(mutation.seq > lane.applied, 'delivery: what is offered is not shown yet');
    const { namespace, key } = mutation;
    const scope = scopeOf(this.#options.rulesOf(namespace), namespace, key);
    const waits = scope !== undefined && this.order.defers(lane, mutation, scope, turn);
    // A retry of the request is recognised while its write waits.
    if (waits) this.#options.idempotency.remember(mutation, turn);
    else this.#show(lane, mutation, turn);
    this.order.onReceived(lane, turn);
    return waits ? 'waiting' : 'shown';
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

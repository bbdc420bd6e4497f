// The door between receiver and table, with a log, a table and a disk, and no replica around them.
// Namespaces: `ca` and `cb` keep causal order together, `un` by unit, `ev` is eventual.

import type { Dot, LaneId } from '../../src/model/id.ts';
import { createMetrics } from '../../src/model/metrics.ts';
import { latestOf, type Mutation } from '../../src/model/record.ts';
import { Delivery } from '../../src/order/delivery.ts';
import { IdempotencyTable } from '../../src/store/idempotency.ts';
import { key, membersOf, namespace, namespacesOf, text } from './build.ts';
import { readBack } from './outbox.ts';
import { TreeRoom } from './tree-room.ts';

const POLICIES = {
  ca: { consistency: 'causal' },
  cb: { consistency: 'causal' },
  un: { consistency: 'causal', causalScope: 'unit' },
  fi: { consistency: 'fifo' },
  ev: {},
};

export class DeliveryRoom extends TreeRoom {
  readonly delivery: Delivery;
  readonly idempotency = new IdempotencyTable(this.storage.get, 1000);
  /** What happened, in its order. */
  readonly told: string[] = [];
  readonly metrics = createMetrics();
  /** No disk holds these lanes any more. */
  readonly lost = new Set<LaneId>();

  constructor({ bytesMax = 1e6, tailBytes = 1e6 } = {}) {
    super({ tailBytes });
    const namespaces = namespacesOf(membersOf(['eu', 'us']), POLICIES);
    this.delivery = new Delivery({
      absence: this.absence,
      bytesMax,
      ask: ({ origin, seq }) => this.told.push(`ask for ${origin}:${seq}`),
      idempotency: this.idempotency,
      isLost: ({ origin }: Dot) => this.lost.has(origin),
      log: this.log,
      lostAfterMs: 1000,
      metrics: this.metrics,
      onAdvance: () => {},
      onLost: ({ seq }, winner) => this.told.push(`${seq} lost to ${latestOf(winner).seq}`),
      onShown: ({ origin, seq }) => this.told.push(`${origin}:${seq} shown`),
      rulesOf: (name) => namespaces.rulesFor(name),
      table: this.table,
    });
  }

  receive(...entries: readonly Mutation[]): string[] {
    return entries.map((entry) => {
      const lane = this.log.open(entry.origin);
      this.log.append(lane, entry, this.out);
      return this.delivery.offer(lane, entry, this.out);
    });
  }

  /** Commits, and answers what is read from the disk, until nothing is read any more. */
  settle(): void {
    this.commit();
    while (readBack(this.out, (request) => this.storage.range(request))) this.commit();
  }

  value(of: string, at: string): string | undefined {
    const { record } = this.table.read(namespace(of), key(at));
    return record && text(latestOf(record).value);
  }
}

// What the parts of a replica share: its identity, its memory, its peers and its counters. Built once by replica.ts.

import type { Lsn, Outbox, Turn } from '../model/effect.ts';
import { type Fault, type FaultCode, fault } from '../model/fault.ts';
import type { Client } from '../model/command.ts';
import type { HybridClock } from '../model/hlc.ts';
import type { Key, NamespaceName, Origin } from '../model/id.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Storage } from '../model/port.ts';
import type { Member } from '../model/quorum.ts';
import type { Settings } from '../model/settings.ts';
import type { Timers } from '../model/timer.ts';
import type { Health } from '../entropy/health.ts';
import type { AgreedClock } from '../consistency/agreed-clock.ts';
import type { Freshness } from '../consistency/freshness.ts';
import type { Held } from '../order/held.ts';
import type { Nearness } from '../quorum/nearness.ts';
import type { Absence } from '../store/absence.ts';
import type { IdempotencyTable } from '../store/idempotency.ts';
import type { Lane } from '../store/lane.ts';
import type { Log } from '../store/log.ts';
import type { RecordIndex } from '../store/record-index.ts';
import type { Table } from '../store/table.ts';
import type { HashTree } from '../store/tree.ts';
import type { Namespaces } from './namespaces.ts';
import type { Pace } from './pace.ts';
import type { Peers } from './peers.ts';
import type { Room } from './room.ts';
import type { Stability } from './stability.ts';
import type { Supersessions } from './supersessions.ts';

export interface Context {
  readonly settings: Settings;
  readonly self: Member;
  readonly origin: Origin;
  readonly namespaces: Namespaces;
  readonly clock: HybridClock;
  readonly agreed: AgreedClock;
  readonly log: Log;
  readonly held: Held;
  readonly table: Table;
  readonly tree: HashTree;
  readonly index: RecordIndex;
  readonly absence: Absence;
  /** Entries of others that lost here. */
  readonly supersessions: Supersessions;
  readonly idempotency: IdempotencyTable;
  readonly peers: Peers;
  readonly stability: Stability;
  readonly nearness: Nearness;
  readonly freshness: Freshness;
  readonly health: Health;
  readonly pace: Pace;
  readonly room: Room;
  readonly metrics: Metrics;
  /** For answers that come between two steps; in a step it is the turn that arms them. */
  readonly timers: Timers;
  /** The synchronous half of the storage port. */
  readonly get: Storage['get'];
  /** This replica's own lanes in the order of its lives; the last one is the current life's. */
  readonly ownLanes: readonly Lane[];
}

/** A stored record cannot be read: what belongs in its place is put there, if it can be had. */
export type Heal = (namespace: NamespaceName, key: Key, turn: Turn) => void;

/** Answers with a fault. `lsn` names the batch that the reason rests on, when it is not durable yet: until `deadlineMs`. */
export function refuse(
  client: Client,
  out: Outbox,
  code: FaultCode,
  detail: string,
  more: Omit<Fault, 'code' | 'detail'> = {},
  lsn: Lsn = 0,
  deadlineMs = Number.POSITIVE_INFINITY,
): void {
  out.reply(client, { kind: 'failed', fault: fault(code, detail, more) }, lsn, deadlineMs);
}

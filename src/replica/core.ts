// What the parts of a replica are built from: its identity, its memory, its peers and its counters.
// Built once, in the order in which one thing needs another. A part names what it takes of it in an
// interface of its own.

import { present } from '../base/assert.ts';
import { createHybridClock } from '../model/hlc.ts';
import { type Incarnation, originOf } from '../model/id.ts';
import { createMetrics } from '../model/metrics.ts';
import type { Policy } from '../model/policy.ts';
import type { Storage } from '../model/port.ts';
import type { Settings } from '../model/settings.ts';
import { Timers } from '../model/timer.ts';
import { Sessions } from '../consistency/sessions.ts';
import { agreedClockOf } from '../consistency/agreed-clock.ts';
import { PeerReports } from '../lag/peer-reports.ts';
import { StalenessBound } from '../lag/staleness.ts';
import { LagStates } from '../lag/lag-state.ts';
import { Checkpoint } from '../store/checkpoint.ts';
import { Held } from '../store/held.ts';
import { HedgeBudget } from '../peers/hedge-budget.ts';
import { Nearness } from '../peers/nearness.ts';
import { Absence } from '../store/absence.ts';
import { IdempotencyTable } from '../store/idempotency.ts';
import { Log } from '../store/log.ts';
import { RecordIndex } from '../store/record-index.ts';
import { Table } from '../store/table.ts';
import { HashTree } from '../store/tree.ts';
import { PeerSender } from '../stream/sender.ts';
import { ownsExpiryOf } from '../upkeep/expiry.ts';
import { Namespaces } from '../model/namespaces.ts';
import { OwnLanes } from '../store/own-lanes.ts';
import { CommitAge } from '../lag/commit-age.ts';
import { createPeers } from '../peers/peers.ts';
import { Room } from '../store/room.ts';
import { Stability } from '../upkeep/stability.ts';
import { Supersessions } from '../store/supersessions.ts';

export interface CoreOptions {
  readonly settings: Settings;
  readonly policies: readonly Policy[];
  /**
   * This start's number; larger than that of every earlier start that this replica's files know of.
   */
  readonly incarnation: Incarnation;
  /** The synchronous half of the storage port. */
  readonly get: Storage['get'];
}

export type Core = ReturnType<typeof createCore>;

export function createCore({ settings, policies, incarnation, get }: CoreOptions) {
  const self = present(
    settings.members.find((member) => member.id === settings.self),
    'the replica is one of its members',
  );
  const metrics = createMetrics();
  const log = new Log(settings.tailBytes, metrics);
  const tree = new HashTree();
  const index = new RecordIndex(ownsExpiryOf(settings), get, metrics);
  const table = new Table(get, settings.cacheBytes, metrics, index, tree);
  const own = new OwnLanes(settings.self);
  const senderTo = (peer: number): PeerSender =>
    new PeerSender({ peer, frameBytes: settings.frameBytes, metrics, lanes: own.list });
  const peers = createPeers(settings, self.index, senderTo);
  const origin = originOf(settings.self, incarnation);
  const room = new Room();
  const checkpoint = new Checkpoint({ log, table, metrics, room, settings });
  return {
    settings,
    checkpoint,
    self,
    origin,
    namespaces: new Namespaces(policies, settings.members, self),
    clock: createHybridClock(settings.clockDriftMaxMs),
    agreed: agreedClockOf(settings),
    log,
    held: new Held(settings.windowBytes),
    table,
    tree,
    index,
    /** Entries of others that lost here. */
    supersessions: new Supersessions(),
    absence: new Absence(log, table, metrics),
    idempotency: new IdempotencyTable(get, settings.idempotencyMs),
    peers,
    stability: new Stability(log, peers),
    sessions: new Sessions({ log, origin, peers, settings }),
    hedges: new HedgeBudget(),
    nearness: new Nearness(self.index, settings.members.length),
    staleness: new StalenessBound(self.index, settings.members.length),
    lagStates: new LagStates(policies, {
      beatMs: settings.heartbeatMs,
      untoldMs: settings.peerTimeoutMs,
    }),
    reports: new PeerReports(),
    commitAge: new CommitAge(),
    room,
    metrics,
    timers: new Timers(),
    get,
    own,
    /**
     * This replica's own lanes in the order of its incarnations; the last one is the current
     * incarnation's.
     */
    ownLanes: own.list,
  };
}

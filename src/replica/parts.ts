// Builds the machines of a replica, in the order in which one needs another, and the table of
// parts. A new part is a line in the table and a name in the order (part.ts).

import type { Turn } from '../model/effect.ts';
import type { Heal } from '../model/heal.ts';
import type { LaneId } from '../model/id.ts';
import { refuse } from '../model/refuse.ts';
import { STOPPED } from '../model/reasons.ts';
import { AntiEntropy } from '../entropy/anti-entropy.ts';
import { Exchange } from '../entropy/exchange.ts';
import { Resync } from '../entropy/resync.ts';
import { ForwardClient } from '../forward/client.ts';
import type { Run } from '../forward/server.ts';
import { CatchUp } from '../lag/catch-up.ts';
import { Heartbeats } from '../lag/heartbeat.ts';
import { ReadAdmission } from '../lag/read-admission.ts';
import type { Drain } from '../membership/drain.ts';
import { type Fits, Succession } from '../membership/succession.ts';
import { LOST_BEATS } from '../consistency/sessions.ts';
import { Delivery } from '../order/delivery.ts';
import { Grace } from '../peers/grace.ts';
import { Memory } from '../peers/memory.ts';
import { incredible, PeerCheck } from '../peers/peer-check.ts';
import { holderOf } from '../peers/peers.ts';
import { StaleDisk } from '../peers/stale-disk.ts';
import { ParkingLot } from '../quorum/parking-lot.ts';
import type { Lane } from '../store/lane.ts';
import { type Park, Recovery } from '../store/recovery.ts';
import type { Waiting } from '../store/waiting-version.ts';
import { Intake } from '../stream/intake.ts';
import { PullServer } from '../stream/pull-server.ts';
import { Expiry } from '../upkeep/expiry.ts';
import { IdempotencySweep } from '../upkeep/idempotency-sweep.ts';
import { Inflow } from '../upkeep/inflow.ts';
import { Scrub } from '../upkeep/scrub.ts';
import { Tombstones } from '../upkeep/tombstones.ts';
import { Truncation } from '../upkeep/truncation.ts';
import type { Core } from './core.ts';
import { Entrance, type EntranceOptions } from './admission/entrance.ts';
import { type GateOptions, gatesOf } from './admission/gates.ts';
import type { Admits } from './desk/desk.ts';
import { ListDesk } from './desk/lists.ts';
import { multiLeader } from './desk/multi-leader.ts';
import type { Part, PartName } from './part.ts';
import { type Hasten, Reads } from './desk/reads.ts';
import { PeerReads } from '../quorum/peer-reads.ts';
import { ReadRepair } from '../quorum/read-repair.ts';
import { replayOf } from './replay.ts';
import { Streams } from '../stream/own-streams.ts';
import { Writes } from './desk/writes.ts';

const RETRY_MS = 1000;

/** What the replica is doing now. */
export interface ReplicaCondition {
  readonly isOpen: boolean;
  readonly isServing: boolean;
}

export interface PartsOptions {
  readonly fits: Fits | undefined;
  readonly admits: Admits;
  readonly run: Run;
  /** Storage is read and verified. */
  readonly onRecovered: (turn: Turn) => void;
}

export interface EntranceParts extends Pick<EntranceOptions, 'serve'>, Pick<GateOptions, 'closed'> {
  readonly drain: Drain;
}

export type Machines = ReturnType<typeof createMachines>;

export function createMachines(core: Core, { fits, admits, run, onRecovered }: PartsOptions) {
  const { settings, log, held, own, origin, metrics } = core;
  const park: Park = (origins, now) => incredible(origins, succession.stored(), origin, now);
  const catchUp = new CatchUp(core);
  const admission = new ReadAdmission(core, catchUp);
  const succession = new Succession(core, catchUp, fits);
  const received = (of: LaneId): number => Math.max(log.received(of), held.upTo(of));
  const exchange = new Exchange({ received }, metrics, settings.frameBytes, RETRY_MS);
  const streams = new Streams(core);
  const hasten: Hasten = (index, of, turn) => {
    const peer = core.peers.get(index);
    if (peer?.greeted === true) exchange.hasten(holderOf(peer), of, turn);
  };
  const lot = new ParkingLot(settings.readsPendingMax);
  const waiting: Waiting = (...name) => delivery.order.newest(...name);
  const repair = new ReadRepair(core);
  const reads = new Reads(core, { admission, admits, hasten, lot, repair, waiting });
  const writes = new Writes(core, {
    admits,
    read: (command, terms, turn) => reads.begin(command, terms, turn),
  });
  const onAdvance = (of: LaneId, turn: Turn): void => {
    if (lot.size > 0) lot.onApplied(of, log.applied(of), turn);
  };
  const delivery = new Delivery({
    ...core,
    rulesOf: (name) => core.namespaces.rulesFor(name),
    bytesMax: settings.windowBytes,
    ask: (dot, turn) => {
      const holder = core.sessions.holderOf(dot);
      if (holder !== undefined) hasten(holder.member.index, dot.origin, turn);
    },
    isLost: (dot, now) => core.sessions.isLost(dot, now),
    lostAfterMs: LOST_BEATS * settings.heartbeatMs,
    onLost: (mutation, winner) => core.supersessions.note(mutation, winner),
    onShown: ({ namespace, idempotency }, turn) => {
      if (idempotency !== undefined) writes.claims.onRemembered(namespace, idempotency.key, turn);
    },
    onAdvance,
  });
  // What a copy under way has found deleted stays deleted.
  const replay = replayOf(core, delivery, () => resync.begin());
  const recovery = new Recovery(log, held, core.tree, metrics, park, replay, onRecovered);
  const heal: Heal = (namespace, key, turn) => reads.heal(namespace, key, turn);
  const shared = { ...core, catchUp, heal };
  const onJump = (lane: Lane, turn: Turn): void => {
    streams.relearn(lane);
    delivery.order.onJump(lane, turn);
  };
  const resync = new Resync({ ...shared, retryMs: RETRY_MS, onJump });
  return {
    recovery,
    catchUp,
    admission,
    delivery,
    succession,
    exchange,
    streams,
    hasten,
    lot,
    reads,
    peerReads: new PeerReads(core.table, waiting),
    repair,
    writes,
    heartbeats: new Heartbeats(core, own, admission),
    peerCheck: new PeerCheck(core),
    memory: new Memory(core),
    grace: new Grace(core),
    staleDisk: new StaleDisk(log, own, origin),
    pulls: new PullServer(log, settings.frameBytes),
    intake: new Intake(core, exchange, delivery, onAdvance),
    lists: new ListDesk(core, { admission, admits, reads, heal, hasten }),
    forwards: new ForwardClient(core, admission, run),
    inflow: new Inflow(core),
    truncation: new Truncation(core),
    idempotency: new IdempotencySweep(core.idempotency),
    tombstones: new Tombstones(core, heal),
    expiry: new Expiry(core, writes, heal),
    scrub: new Scrub(core, heal),
    antiEntropy: new AntiEntropy(shared),
    resync,
  };
}

/** The entrance for requests, once the machines that serve them exist. */
export function entranceOf(
  core: Core,
  machines: Machines,
  { drain, closed, serve }: EntranceParts,
): Entrance {
  const { forwards, lot } = machines;
  return new Entrance({
    namespaces: core.namespaces,
    gates: gatesOf({ ...core, ...machines, drain, closed }),
    desks: { 'multi-leader': multiLeader(machines) },
    lot,
    forward: (command, terms, turn) => forwards.begin(command, terms, turn),
    serve,
  });
}

export function tableOf(
  core: Core,
  machines: Machines,
  condition: ReplicaCondition,
): { readonly [Name in PartName]: Part } {
  const { checkpoint, log, nearness, origin, peers, staleness, self } = core;
  const { admission, antiEntropy, delivery, exchange, expiry, forwards, heartbeats } = machines;
  const { idempotency, intake, lists, lot, memory, reads, resync, streams, succession, writes } =
    machines;
  const { scrub, tombstones, truncation } = machines;
  return {
    intake: { onBeat: (turn) => intake.onBeat(turn) },
    delivery: {
      onBeat: (turn) => delivery.order.onBeat(turn),
      onDue: (turn) => delivery.order.onDue(turn),
    },
    admission: { onBeat: ({ now }) => admission.onBeat({ now, isOpen: condition.isOpen }) },
    heartbeats: {
      onDisconnected: (peer) => heartbeats.onDisconnected(peer),
      onBeat: (turn) => heartbeats.onBeat(turn),
    },
    memory: { onBeat: (turn) => memory.onBeat(turn) },
    nearness: { onBeat: () => nearness.rank() },
    exchange: { onBeat: (turn) => exchange.onBeat(peers.greeted().map(holderOf), origin, turn) },
    succession: {
      onDurable: ({ lsn }, turn) => succession.onDurable(lsn, turn),
      onBeat: (turn) => succession.onBeat(turn),
      stop: (_, turn) => succession.abandon(turn),
    },
    resync: {
      onDisconnected: (peer) => resync.onDisconnected(peer),
      onDurable: (_, turn) => resync.onDurable(turn),
      onBeat: (turn) => resync.onBeat(turn),
    },
    reads: {
      get waiting() {
        return reads.waiting;
      },
      onDisconnected: (peer, turn) => reads.onDisconnected(peer, turn),
      onDurable: ({ lsn }, turn) => reads.onDurable(lsn, turn),
      onDue: (turn) => reads.onDue(turn),
      stop: (code, turn) => reads.failAll(code, turn),
    },
    parked: {
      get waiting() {
        return lot.size;
      },
      onDurable({ moved }, turn) {
        for (const [of, seq] of moved) lot.onApplied(of, Math.min(seq, log.applied(of)), turn);
      },
      onBeat: (turn) => lot.onEcho(turn),
      onDue: (turn) => lot.onDue(turn),
      stop(code, turn) {
        for (const client of lot.abandon()) refuse(client, turn, code, STOPPED);
      },
    },
    lists: {
      get waiting() {
        return lists.waiting;
      },
      onDisconnected: (peer, turn) => lists.onDisconnected(peer, turn),
      onDurable: (_, turn) => lists.onDurable(turn),
      onDue: (turn) => lists.onDue(turn),
      stop: (code, turn) => lists.failAll(code, turn),
    },
    writes: {
      get waiting() {
        return writes.waiting;
      },
      onDisconnected: (peer, turn) => writes.claims.onDisconnected(peer, turn),
      onDurable({ moved }, turn) {
        for (const [of, seq] of moved) if (of === origin) writes.onCursor(self.index, seq, turn);
        writes.onProgress(turn);
      },
      onDue: (turn) => writes.onDue(turn),
      stop: (code, turn) => writes.failUnwritten(code, turn),
    },
    streams: {
      onDurable: ({ moved }, turn) => streams.onDurable(moved, turn),
      onBeat: (turn) => peers.pump(turn),
    },
    staleness: {
      onDurable(_, { now }) {
        const { shown } = log;
        for (const { member } of peers.greeted())
          staleness.onShown(member.index, shown, now.monoMs);
      },
    },
    forwards: {
      get waiting() {
        return forwards.waiting;
      },
      onDisconnected: (peer, turn) => forwards.onDisconnected(peer, turn),
      onDue: (turn) => forwards.onDue(turn),
      stop: (code, turn) => forwards.failAll(code, turn),
    },
    antiEntropy: {
      onDisconnected: (peer, turn) => antiEntropy.onDisconnected(peer, turn),
      onDurable: (_, turn) => antiEntropy.onDurable(turn),
      onBeat: (turn) => condition.isOpen && antiEntropy.onBeat(turn),
    },
    truncation: { onBeat: (turn) => condition.isOpen && truncation.onBeat(turn) },
    checkpoint: {
      onDurable: (_, turn) => checkpoint.onDurable(turn),
      onBeat: (turn) => checkpoint.onBeat(turn),
    },
    idempotency: {
      onDurable: ({ mutations }, turn) =>
        condition.isOpen && idempotency.onDurable(mutations, turn),
      onBeat: (turn) => condition.isOpen && idempotency.onBeat(turn),
    },
    // A part of a snapshot may contain a version that a tombstone here hides.
    tombstones: {
      onDurable: ({ mutations }, turn) =>
        condition.isOpen && !resync.isCopying && tombstones.onDurable(mutations, turn),
      onBeat: (turn) => condition.isOpen && !resync.isCopying && tombstones.onBeat(turn),
    },
    expiry: {
      onDurable: ({ mutations }, turn) => condition.isOpen && expiry.onDurable(mutations, turn),
      onBeat: (turn) => condition.isOpen && expiry.onBeat(condition.isServing, turn),
    },
    scrub: { onBeat: (turn) => condition.isOpen && scrub.onBeat(turn) },
  };
}

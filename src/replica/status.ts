// The replica's report about itself and the cluster, and about how far one write has replicated.

import type { WriteStatusCommand } from '../model/command.ts';
import type { Now, Outbox } from '../model/effect.ts';
import type { NamespaceLag } from '../model/lag.ts';
import { hlcToMs } from '../model/hlc.ts';
import { type Origin, type ReplicaId, replicaOf } from '../model/id.ts';
import { has, isEmpty } from '../model/member-set.ts';
import type { Digest } from '../model/record.ts';
import type {
  Comparison,
  CopyProgress,
  PeerStatus,
  ReplicaState,
  Status,
} from '../model/status.ts';
import { countMissing, type ReadonlyVector } from '../model/vector.ts';
import type { Comparisons } from '../entropy/comparisons.ts';
import type { Delivery } from '../order/delivery.ts';
import { refuse } from '../model/refuse.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import type { AgreedClock } from '../consistency/agreed-clock.ts';
import type { PeerReports } from '../lag/peer-reports.ts';
import type { StalenessBound } from '../lag/staleness.ts';
import type { Held } from '../store/held.ts';
import type { Log } from '../store/log.ts';
import type { Nearness } from '../peers/nearness.ts';
import type { CommitAge } from '../lag/commit-age.ts';
import type { Room } from '../store/room.ts';
import type { Member } from '../model/quorum.ts';
import type { Settings } from '../model/settings.ts';
import type { HashTree } from '../store/tree.ts';

/** Machines that contribute to it. */
export interface StatusMachines {
  readonly antiEntropy: { readonly comparisons: Comparisons };
  readonly delivery: Pick<Delivery, 'order'>;
  readonly resync: { readonly progress: CopyProgress | undefined };
  readonly succession: Pick<Status, 'membership' | 'change'>;
}

/** What else it says. */
export interface StatusParts {
  readonly namespaces: readonly NamespaceLag[];
  readonly waiting: number;
  readonly isDrained: boolean;
  readonly graceMs: number;
}

export interface StatusOptions {
  readonly agreed: AgreedClock;
  readonly staleness: StalenessBound;
  readonly held: Held;
  readonly log: Log;
  readonly nearness: Nearness;
  readonly origin: Origin;
  readonly commitAge: CommitAge;
  readonly peers: Peers;
  readonly reports: PeerReports;
  readonly room: Room;
  readonly self: Member;
  readonly settings: Settings;
  readonly tree: HashTree;
}

export function statusOf(
  options: StatusOptions,
  { antiEntropy, delivery, resync, succession }: StatusMachines,
  state: ReplicaState,
  now: Now,
  { namespaces, waiting, isDrained, graceMs }: StatusParts,
): Status {
  const { membership, change } = succession;
  const { comparisons } = antiEntropy;

  const { self, settings, origin, agreed, log, peers, staleness, commitAge, room, tree } = options;
  const commitAgeMs = commitAge.commitAgeMs(now.monoMs);
  return {
    kind: 'status',
    membership,
    change,
    waiting,
    self: {
      id: self.id,
      region: self.region,
      origin,
      state,
      stalenessMs: staleness.bound(now.monoMs),
      vector: [...log.durable],
      stableCut: [...peers.stableCut(log.durable)],
      stampedMs: [...log.lanes()].map(({ id: of, hlc }) => [of, hlcToMs(hlc)] as const),
      commitAgeMs,
      isStalled: commitAgeMs > settings.commitStallMs,
      clock: { state: agreed.state, aheadMs: agreed.aheadMs },
      isDiskLow: room.isLow,
      isDrained,
      graceMs,
      copy: resync.progress,
      namespaces,
      treeRoot: tree.isTrusted ? hexOf(tree.leaves.root()) : 'unknown',
      divergentKeys: comparisons.divergentKeys,
      contents: tree.census?.entries().map(([namespace, held]) => ({ namespace, ...held })),
      waitingEntries: delivery.order.counts,
    },
    peers: peers
      .all()
      .map((peer) => peerStatus(options, peer, comparisons.with(peer.member.index), now)),
  };
}

function hexOf([low, high]: Digest): string {
  return [high, low].map((word) => word.toString(16).padStart(8, '0')).join('');
}

function peerStatus(
  options: StatusOptions,
  peer: Peer,
  compared: Comparison,
  now: Now,
): PeerStatus {
  const { agreed, held, log, reports, self, nearness, staleness } = options;
  const { id, region, index } = peer.member;
  const { commitAgeMs, health } = reports.of(index);
  return {
    id,
    region,
    connected: peer.greeted,
    rttMs: nearness.meanMs(index),
    entriesItLacks: peer.known ? lacking(peer.holds, log.durable, self.id) : undefined,
    entriesWeLack: peer.greeted ? lacking(log.durable, peer.holds, id) : undefined,
    isStampedAhead: held.isReplicaSilent(id),
    stalenessMs: staleness.ofPeer(index, now.monoMs),
    vector: [...peer.holds],
    clockOffsetMs: agreed.peerAheadMs(index),
    namespaces: peer.greeted ? health : undefined,
    commitAgeMs: peer.greeted ? commitAgeMs : undefined,
    url: peer.url,
    compared,
  };
}

/** Entries written by `replica` that `writer` holds and `reader` lacks. */
function lacking(reader: ReadonlyVector, writer: ReadonlyVector, replica: ReplicaId): number {
  return countMissing(
    reader,
    [...writer].filter(([origin]) => replicaOf(origin) === replica),
  );
}

export function writeStatusOf(
  options: StatusOptions,
  command: WriteStatusCommand,
  out: Outbox,
): void {
  const { settings, log, peers } = options;
  const { dot, client } = command;
  const holding = peers.holders(dot, log.durable);
  if (isEmpty(holding)) {
    refuse(client, out, 'write-not-found', 'no replica is known to hold this write', { dot });
    return;
  }
  const holders = settings.members.filter(({ index }) => has(holding, index));
  const regions = [...new Set(settings.members.map((member) => member.region))].filter((region) =>
    settings.members.every((member) => member.region !== region || has(holding, member.index)),
  );
  out.reply(
    client,
    {
      kind: 'write-status',
      dot,
      holders: holders.map((member) => member.id),
      regions,
      replicas: settings.members.length,
    },
    0,
  );
}

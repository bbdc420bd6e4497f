// What a replica knows of itself and its peers, as gauges. Only the current incarnation of a
// replica is shown, and the label `origin` is the id of the replica, like `peer`: the number of the
// incarnation is a value of its own, so a restart begins no new series. An unknown value has no
// sample.

import { isTrusted } from '../../model/clock.ts';
import { LAG_STATES } from '../../model/lag.ts';
import { incarnationOf, type LaneId, type ReplicaId, replicaOf, type Seq } from '../../model/id.ts';
import { passesAll } from '../../model/readiness.ts';
import type { Staleness } from '../../model/staleness.ts';
import type { PeerStatus, ReplicaState, Status } from '../../model/status.ts';
import { type Family, gauge, gauges, type Sample } from './family.ts';

type Entries = readonly (readonly [LaneId, Seq])[];

const STATES: { readonly [State in ReplicaState]: true } = {
  starting: true,
  'catching-up': true,
  serving: true,
  draining: true,
  failed: true,
};

export function statusFamilies(status: () => Status | undefined): readonly Family[] {
  const whole = (name: string, help: string, read: (status: Status) => Sample[]): Family =>
    gauges(name, help, () => {
      const now = status();
      return now === undefined ? [] : read(now);
    });
  const ofPeers = (name: string, help: string, read: (peer: PeerStatus) => number | undefined) =>
    whole(name, help, ({ peers }) =>
      peers.flatMap((peer) => sample({ peer: peer.id }, read(peer))),
    );
  const ofOrigins = (name: string, help: string, read: (peer: PeerStatus) => number | undefined) =>
    whole(name, help, (now) =>
      now.peers.flatMap((peer) => {
        const origin = liveOrigin(now, peer.id);
        return origin === undefined ? [] : sample(labelOf(origin), read(peer));
      }),
    );
  return [
    whole('conit_replica_state', '1 for the current state of this replica.', stateSamples),
    gauge(
      'conit_staleness_seconds',
      'Proved upper bound on the age of entries that are missing here.',
      () => {
        const now = status();
        return now === undefined ? undefined : secondsOf(now.self.stalenessMs);
      },
    ),
    whole(
      'conit_log_head_sequence',
      'Last entry of each log that any replica is known to hold.',
      heads,
    ),
    whole('conit_applied_sequence', 'Last entry of each log that is applied here.', applied),
    whole(
      'conit_applied_timestamp_seconds',
      'When the last applied entry of each log was stamped, by the clock of its origin. It does not change while ' +
        'nothing is written there; for the lag see conit_replication_lag_seconds.',
      stamps,
    ),
    whole('conit_incarnation', 'Number of the current incarnation of each replica.', (now) =>
      liveOrigins(now).map((origin) => ({
        labels: labelOf(origin),
        value: incarnationOf(origin),
      })),
    ),
    ...namespaceFamilies(whole),
    gauge('conit_ready', '1 if /readyz would answer 200.', () => {
      const now = status();
      return now === undefined ? undefined : Number(passesAll(now));
    }),
    gauge('conit_commit_age_seconds', 'How long the commit in progress has taken.', () => {
      const now = status();
      return now === undefined ? undefined : now.self.commitAgeMs / 1000;
    }),
    gauge('conit_clock_trusted', '1 if writes are stamped, 0 if the clock is too far off.', () => {
      const now = status();
      return now === undefined ? undefined : Number(isTrusted(now.self.clock));
    }),
    gauge('conit_clock_drift_seconds', 'How far the clock is ahead of the agreed clock.', () => {
      const now = status();
      return now === undefined ? undefined : now.self.clock.aheadMs / 1000;
    }),
    ofPeers(
      'conit_clock_offset_seconds',
      'By how much the clock of each peer is ahead of that of this replica.',
      ({ clockOffsetMs }) => (clockOffsetMs === undefined ? undefined : clockOffsetMs / 1000),
    ),
    whole('conit_stable_cut_sequence', 'Last entry of each log that all replicas hold.', stable),
    ofOrigins(
      'conit_replication_lag_seconds',
      'Proved upper bound on the age of the entries of each log that are missing here.',
      (peer) => secondsOf(peer.stalenessMs),
    ),
    ofOrigins('conit_replication_lag_entries', 'Log entries that are missing here.', (peer) =>
      peer.connected ? peer.entriesWeLack : undefined,
    ),
    ofPeers(
      'conit_peer_lag_entries',
      'Log entries written here that each peer lacks.',
      (peer) => peer.entriesItLacks,
    ),
    gauge(
      'conit_divergent_keys',
      'Keys that the last comparison with a peer confirmed as different, the most of any peer.',
      () => status()?.self.divergentKeys,
    ),
    ofPeers(
      'conit_antientropy_last_success_timestamp_seconds',
      'When the hash tree of each peer was last found equal to that of this replica.',
      ({ compared: { equalAtMs } }) => (equalAtMs === undefined ? undefined : equalAtMs / 1000),
    ),
    ofPeers('conit_peer_up', '1 if the peer is connected.', (peer) => (peer.connected ? 1 : 0)),
    ofPeers('conit_peer_rtt_seconds', 'Smoothed round-trip time to each peer.', ({ rttMs }) =>
      rttMs === undefined ? undefined : rttMs / 1000,
    ),
  ];
}

type Whole = (name: string, help: string, read: (status: Status) => Sample[]) => Family;

/** What this replica stores of each namespace, and its lag state in those whose lag is bounded. */
function namespaceFamilies(whole: Whole): readonly Family[] {
  const contents = (what: 'keys' | 'tombstones' | 'bytes', help: string) =>
    whole(
      `conit_namespace_${what}`,
      `${help} Exact since the last scrub; after an abrupt end an estimate until the next.`,
      ({ self }) =>
        (self.contents ?? []).map(({ namespace, ...held }) => ({
          labels: { namespace },
          value: held[what],
        })),
    );
  return [
    contents('keys', 'Keys with a value, including some whose deadline has just passed.'),
    contents('tombstones', 'Deleted keys whose tombstone is still stored.'),
    contents('bytes', 'Bytes of the records of keys and tombstones, without indexes and logs.'),
    whole(
      'conit_namespace_state',
      'State of this replica for each namespace whose lag is bounded: 1 for the current state, 0 for the others.',
      health,
    ),
    whole(
      'conit_namespace_answers',
      '1 if reads of a namespace whose lag is bounded are answered.',
      ({ self }) =>
        self.namespaces.map(({ namespace, answers }) => ({
          labels: { namespace },
          value: answers ? 1 : 0,
        })),
    ),
    whole(
      'conit_delivery_waiting',
      'Log entries of a causal namespace that are not visible yet, because they wait for what they depend on.',
      ({ self }) =>
        Array.from(self.waitingEntries, ([namespace, value]) => ({ labels: { namespace }, value })),
    ),
    whole(
      'conit_namespace_missing_entries',
      'Log entries that this replica is known to lack, for each namespace whose lag is bounded.',
      ({ self }) =>
        self.namespaces.flatMap(({ namespace, missingEntries }) =>
          sample({ namespace }, missingEntries),
        ),
    ),
  ];
}

/** The id of the replica, for any of its incarnations. */
function labelOf(origin: LaneId): Sample['labels'] {
  return { origin: replicaOf(origin) };
}

function sample(labels: Sample['labels'], value: number | undefined): Sample[] {
  return value === undefined ? [] : [{ labels, value }];
}

function secondsOf(staleness: Staleness): number | undefined {
  return staleness === 'unknown' ? undefined : staleness / 1000;
}

function stateSamples({ self }: Status): Sample[] {
  return Object.keys(STATES).map((state) => ({
    labels: { state },
    value: state === self.state ? 1 : 0,
  }));
}

function heads(status: Status): Sample[] {
  const known = [status.self.vector, ...status.peers.map((peer) => peer.vector)];
  return liveOrigins(status).map((origin) => ({
    labels: labelOf(origin),
    value: Math.max(...known.map((entries) => seqIn(entries, origin))),
  }));
}

function applied(status: Status): Sample[] {
  return sequences(status, status.self.vector);
}

function stamps(status: Status): Sample[] {
  const stamped = new Map(status.self.stampedMs);
  return liveOrigins(status).flatMap((origin) => {
    const ms = stamped.get(origin) ?? 0;
    return ms === 0 ? [] : [{ labels: labelOf(origin), value: ms / 1000 }];
  });
}

function health({ self }: Status): Sample[] {
  return self.namespaces.flatMap((of) =>
    LAG_STATES.map((state) => ({
      labels: { namespace: of.namespace, state },
      value: state === of.state ? 1 : 0,
    })),
  );
}

function stable(status: Status): Sample[] {
  return sequences(status, status.self.stableCut);
}

function sequences(status: Status, entries: Entries): Sample[] {
  return liveOrigins(status).map((origin) => ({
    labels: labelOf(origin),
    value: seqIn(entries, origin),
  }));
}

function liveOrigins(status: Status): LaneId[] {
  const ofPeers = status.peers.map((peer) => liveOrigin(status, peer.id));
  return [status.self.origin, ...ofPeers.filter((origin) => origin !== undefined)];
}

/** The latest incarnation of a replica that this one knows. */
function liveOrigin({ self, peers }: Status, replica: ReplicaId): LaneId | undefined {
  let latest: LaneId | undefined;
  for (const entries of [self.vector, ...peers.map((peer) => peer.vector)]) {
    for (const [origin] of entries) {
      if (replicaOf(origin) !== replica) continue;
      if (latest === undefined || incarnationOf(origin) > incarnationOf(latest)) latest = origin;
    }
  }
  return latest;
}

function seqIn(entries: Entries, origin: LaneId): Seq {
  return entries.find(([name]) => name === origin)?.[1] ?? 0;
}

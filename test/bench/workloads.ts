// The workloads, and how fast Conit has to be in each: its throughput divided by the peer's,
// measured in the same round. `must` is required, `goal` is the aim; a peer without a figure is not
// measured in that workload. "Local" reads are R=1 and etcd's serializable reads, "quorum" reads
// are R=2 and etcd's linearizable reads. A put is W=2 and durable.

import type { ReadLevel } from './system.ts';

interface Target {
  readonly must: number;
  readonly goal: number;
}

export type PeerName = 'etcd' | 'redis' | 'nats' | 'pouchdb';
export const peerNames: readonly PeerName[] = ['etcd', 'redis', 'nats', 'pouchdb'];

export interface Workload {
  readonly id: string;
  readonly title: string;
  readonly reads: number;
  readonly level: ReadLevel;
  readonly valueBytes: number;
  readonly targets: Readonly<Partial<Record<PeerName, Target>>>;
}

export const workloads: readonly Workload[] = [
  {
    id: 'put',
    title: '100 % put, W=2 durable',
    reads: 0,
    level: 'local',
    valueBytes: 100,
    targets: { etcd: at(2.4, 3.5), redis: at(0.75, 1.1), nats: at(1.3, 1.9), pouchdb: at(20, 30) },
  },
  {
    id: 'half',
    title: '50/50',
    reads: 0.5,
    level: 'local',
    valueBytes: 100,
    targets: { etcd: at(3.5, 5), redis: at(0.52, 0.8), nats: at(1.6, 2.4), pouchdb: at(18, 27) },
  },
  {
    id: 'read95',
    title: '95/5, R=1 (etcd serializable)',
    reads: 0.95,
    level: 'local',
    valueBytes: 100,
    targets: { etcd: at(3.5, 5.5), redis: at(0.5, 0.75), nats: at(2.5, 3.8), pouchdb: at(18, 28) },
  },
  {
    id: 'quorum95',
    title: '95/5, R=2 (etcd linearizable)',
    reads: 0.95,
    level: 'quorum',
    valueBytes: 100,
    targets: { etcd: at(3.4, 4.5) },
  },
  {
    id: 'get',
    title: '100 % get, R=1 (etcd serializable)',
    reads: 1,
    level: 'local',
    valueBytes: 100,
    targets: { etcd: at(3.2, 5), redis: at(0.45, 0.7), nats: at(2.3, 3.5), pouchdb: at(24, 36) },
  },
  {
    id: 'half1k',
    title: '1 KB 50/50',
    reads: 0.5,
    level: 'local',
    valueBytes: 1024,
    targets: { etcd: at(2.9, 4), redis: at(0.55, 0.8), nats: at(1.2, 1.7), pouchdb: at(14, 20) },
  },
];

/** The largest allowed ratio of our 99th percentile to the peer's, at 64 connections. */
interface LatencyTarget {
  readonly workload: string;
  readonly op: 'put' | 'get';
  readonly peer: PeerName;
  readonly atMost: number;
}

export const latencyTargets: readonly LatencyTarget[] = [
  { workload: 'put', op: 'put', peer: 'etcd', atMost: 0.65 },
  { workload: 'quorum95', op: 'get', peer: 'etcd', atMost: 0.35 },
  { workload: 'put', op: 'put', peer: 'redis', atMost: 2.3 },
  { workload: 'put', op: 'put', peer: 'nats', atMost: 0.85 },
  { workload: 'put', op: 'put', peer: 'pouchdb', atMost: 0.12 },
];

/** The name of the calibration server, and the workloads that it can run. */
export const helloName = 'hello';
export const helloWorkloads: readonly string[] = ['put', 'get'];

function at(must: number, goal: number): Target {
  return { must, goal };
}

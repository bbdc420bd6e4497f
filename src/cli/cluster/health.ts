// The health of a running cluster, read over HTTP: each replica's own view of itself and its peers.

import { request } from 'undici';
import { pathTo } from '../../api/routes.ts';
import type { ReplicaView } from '../../api/shapes.ts';
import { parseView } from '../views.ts';

export interface ReplicaHealth {
  /** The state that the replica reports, or `down` if it does not answer. */
  readonly state: string;
  readonly stalenessMs: number | 'unknown';
  /** The longest round trip to any connected peer. */
  readonly rttMsMax: number | undefined;
}

const DOWN: ReplicaHealth = { state: 'down', stalenessMs: 'unknown', rttMsMax: undefined };
const TIMEOUT_MS = 900;

export async function isReady(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await ask(`${url}${pathTo('readyz')}`);
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}

export async function healthOf(url: string): Promise<ReplicaHealth> {
  try {
    const { statusCode, body } = await ask(`${url}${pathTo('cluster')}`);
    const text = await body.text();
    if (statusCode === 401 || statusCode === 403) return await healthFromOutside(url);
    return statusCode === 200 ? readHealth(text) : DOWN;
  } catch {
    return DOWN;
  }
}

/** The only route that needs no token when access tokens are configured. */
async function healthFromOutside(url: string): Promise<ReplicaHealth> {
  return { ...DOWN, state: (await isReady(url)) ? 'serving' : 'not ready' };
}

/** Whether the process that listens at this port answers like a replica. */
export async function isReplica(url: string): Promise<boolean> {
  try {
    const { statusCode, body } = await ask(`${url}${pathTo('livez')}`);
    await body.dump();
    return statusCode === 200;
  } catch {
    return false;
  }
}

function ask(url: string) {
  return request(url, { headersTimeout: TIMEOUT_MS, bodyTimeout: TIMEOUT_MS });
}

function readHealth(text: string): ReplicaHealth {
  const replicas = (parseView(text)?.replicas ?? []) as readonly ReplicaView[];
  const self = replicas.find((replica) => replica.self);
  if (self === undefined) return DOWN;
  const trips = replicas.flatMap((replica) => (replica.self ? [] : (replica.rttMs ?? [])));
  const rttMsMax = trips.length === 0 ? undefined : Math.max(...trips);
  return { state: self.state, stalenessMs: self.stalenessMs, rttMsMax };
}

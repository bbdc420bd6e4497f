// GET /v1/cluster and /v1/cluster/replicas/{id}: the cluster as this replica sees it.

import { addRoute, type App } from './add-route.ts';
import { assert } from '../../base/assert.ts';
import type { NamespaceLag } from '../../model/lag.ts';
import type { PeerStatus, ReplicaStatus, Status } from '../../model/status.ts';
import { callerOf } from './access-hook.ts';
import { ask } from '../ask.ts';
import type { HttpContext } from '../context.ts';
import { type Caller, mayIn } from '../guard/auth.ts';
import { entriesMissing } from '../jobs/job-course.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import { replyJson, replyProblem } from './reply.ts';
import { timeText, wholeStaleness } from '../form/reply-head.ts';
import { type ClusterView, type ReplicaView } from '../../api/shapes.ts';

export function clusterRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'cluster', async ({ request, reply }) => {
    const status = await askStatus(context);
    if (isFault(status)) return replyProblem(context, reply, status);
    return replyJson(context, reply, clusterView(context, shownTo(callerOf(request), status)));
  });
  addRoute(app, context, 'replica', async ({ request, reply, path }) => {
    const status = await askStatus(context);
    if (isFault(status)) return replyProblem(context, reply, status);
    const { replicas } = clusterView(context, shownTo(callerOf(request), status));
    const found = replicas.find(({ id }) => id === path.id);
    if (found !== undefined) return replyJson(context, reply, found);
    return replyProblem(context, reply, refusal('replica-not-found', 'there is no such replica'));
  });
}

export async function askStatus({ service }: HttpContext): Promise<Status | Refusal> {
  const reply = await ask(service, (client) => ({ kind: 'status', client }));
  if (reply.kind === 'failed') return reply.fault;
  assert(reply.kind === 'status', 'status: an answer to another command');
  return reply;
}

/** Contains only the namespaces that the caller may read: other names are not disclosed. */
function shownTo(caller: Caller, status: Status): Status {
  if (caller === 'anyone') return status;
  const shown = <T extends { readonly namespace: string }>(all: readonly T[]): readonly T[] =>
    all.filter(({ namespace }) => mayIn(caller, namespace, 'read'));
  const peers = status.peers.map((peer) =>
    peer.namespaces === undefined ? peer : { ...peer, namespaces: shown(peer.namespaces) },
  );
  return { ...status, self: { ...status.self, namespaces: shown(status.self.namespaces) }, peers };
}

function clusterView(context: HttpContext, { self, peers, membership }: Status): ClusterView {
  const replicas = [
    selfView(context, self, peers),
    ...peers.map((peer) => peerView(context, peer)),
  ];
  return {
    node: self.id,
    epoch: membership.epoch,
    regions: [...new Set(context.members.map(({ region }) => region))].sort(),
    replicas: replicas.sort((left, right) => (left.id < right.id ? -1 : 1)),
    forgotten: membership.former.map(({ id }) => id),
  };
}

function selfView(
  context: HttpContext,
  self: ReplicaStatus,
  peers: readonly PeerStatus[],
): ReplicaView {
  return {
    id: self.id,
    region: self.region,
    self: true,
    url: urlOf(context, self.id, undefined),
    state: self.state,
    stalenessMs: wholeStaleness(self.stalenessMs),
    rttMs: 0,
    entriesItLacks: 0,
    entriesWeLack: 0,
    vector: Object.fromEntries(self.vector),
    origin: self.origin,
    stableCut: Object.fromEntries(self.stableCut),
    namespaces: self.namespaces.map(healthView),
    entriesMissing: entriesMissing(self, peers),
    commitAgeMs: self.commitAgeMs,
    clock: { state: self.clock.state, aheadMs: Math.round(self.clock.aheadMs) },
    diskLow: self.isDiskLow,
    ...(self.copy === undefined ? {} : { copy: self.copy }),
    treeRoot: self.treeRoot,
    divergentKeys: self.divergentKeys ?? null,
  };
}

function peerView(context: HttpContext, peer: PeerStatus): ReplicaView {
  return {
    id: peer.id,
    region: peer.region,
    self: false,
    url: urlOf(context, peer.id, peer.url),
    state: peer.connected ? 'connected' : 'down',
    stalenessMs: wholeStaleness(peer.stalenessMs),
    rttMs: peer.rttMs ?? null,
    entriesItLacks: peer.entriesItLacks ?? null,
    entriesWeLack: peer.entriesWeLack ?? null,
    vector: Object.fromEntries(peer.vector),
    namespaces: peer.namespaces?.map(healthView) ?? null,
    entriesMissing: null,
    commitAgeMs: peer.commitAgeMs ?? null,
    antiEntropy: { result: peer.compared.result, lastSuccess: timeOf(peer.compared.equalAtMs) },
  };
}

function healthView({ rule, missingMs, missingEntries, ...rest }: NamespaceLag) {
  return {
    ...rest,
    rule: rule ?? null,
    byMinServing: rest.state === 'paused' && rest.answers,
    missingMs: missingMs ?? null,
    missingEntries: missingEntries ?? null,
  };
}

function timeOf(ms: number | undefined): string | null {
  return ms === undefined ? null : timeText(ms);
}

/** As the replica itself reports it, otherwise as configured. */
export function urlOf(
  { members, advertised, self }: HttpContext,
  id: string,
  told: string | undefined,
): string | null {
  const own = id === self.id && advertised !== '' ? advertised : told;
  return own ?? members.find((member) => member.id === id)?.httpUrl ?? null;
}

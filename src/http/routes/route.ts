// GET /v1/route: the addresses of the replicas. Those that answer come first, among them the
// requested region, then the shortest round trip from here. With `ns` each has its state for that
// namespace.

import { addRoute, type App } from './add-route.ts';
import type { NamespaceLag } from '../../model/lag.ts';
import { parseRegion } from '../../model/id.ts';
import { isLagBounded } from '../../model/policy.ts';
import type { PeerStatus, ReplicaStatus, Status } from '../../model/status.ts';
import { callerOf } from './access-hook.ts';
import { FORBIDDEN, mayIn } from '../guard/auth.ts';
import { type HttpContext, policyOf } from '../context.ts';
import { invalid } from '../../api/readers.ts';
import { isFault } from '../problem.ts';
import { replyJson, replyProblem } from './reply.ts';
import { wholeStaleness } from '../form/reply-head.ts';
import { type EndpointView } from '../../api/shapes.ts';
import { askStatus, urlOf } from './cluster.ts';

export function routeRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'route', async ({ request, reply, query: { region, ns } }) => {
    if (ns !== undefined && !mayIn(callerOf(request), ns, 'read'))
      return replyProblem(context, reply, FORBIDDEN);
    if (region !== undefined && parseRegion(region) === undefined)
      return replyProblem(context, reply, invalid('region', 'must be the name of a region'));
    const policy = ns === undefined ? undefined : policyOf(context, ns);
    if (isFault(policy)) return replyProblem(context, reply, policy);
    const status = await askStatus(context);
    if (isFault(status)) return replyProblem(context, reply, status);
    const asked = { ns, isBounded: policy !== undefined && isLagBounded(policy) };
    const endpoints = endpointsOf(context, status, asked).sort(byFitness(region));
    return replyJson(context, reply, { node: status.self.id, endpoints });
  });
}

interface Asked {
  readonly ns: string | undefined;
  /** Replicas report only namespaces that are not in state `serving`. */
  readonly isBounded: boolean;
}

function endpointsOf(context: HttpContext, { self, peers }: Status, asked: Asked): EndpointView[] {
  return [ownEndpoint(context, self, asked), ...peers.map((peer) => peerEndpoint(peer, asked))];
}

function ownEndpoint(context: HttpContext, self: ReplicaStatus, { ns }: Asked): EndpointView {
  const health = healthIn(self.namespaces, ns);
  const isOpen = self.state === 'serving' || self.state === 'catching-up';
  return {
    id: self.id,
    region: self.region,
    url: urlOf(context, self.id, undefined),
    state: isOpen ? (health?.state ?? self.state) : self.state,
    answers: isOpen && (health?.answers ?? true),
    rttMs: 0,
    stalenessMs: wholeStaleness(self.stalenessMs),
    entriesBehind: health?.missingEntries ?? null,
  };
}

/**
 * For a namespace with bounded lag a peer reports a state other than `serving`; for all others only
 * its connection is known.
 */
function peerEndpoint(peer: PeerStatus, { ns, isBounded: isTold }: Asked): EndpointView {
  const health = healthIn(peer.namespaces ?? [], ns);
  return {
    id: peer.id,
    region: peer.region,
    url: peer.url ?? null,
    state: peer.connected ? (health?.state ?? (isTold ? 'serving' : 'connected')) : 'down',
    answers: peer.connected && (health?.answers ?? true),
    rttMs: peer.rttMs ?? null,
    stalenessMs: 'unknown',
    entriesBehind: peer.connected ? (health?.missingEntries ?? peer.entriesItLacks ?? null) : null,
  };
}

function healthIn(
  namespaces: readonly NamespaceLag[],
  ns: string | undefined,
): NamespaceLag | undefined {
  return namespaces.find(({ namespace }) => namespace === ns);
}

function byFitness(region: string | undefined) {
  const far = ({ rttMs }: EndpointView): number => rttMs ?? Number.POSITIVE_INFINITY;
  return (a: EndpointView, b: EndpointView): number => {
    if (a.answers !== b.answers) return a.answers ? -1 : 1;
    const isNear = [a, b].map((each) => each.region === region);
    if (isNear[0] !== isNear[1]) return isNear[0] === true ? -1 : 1;
    if (far(a) !== far(b)) return far(a) - far(b);
    return a.id < b.id ? -1 : 1;
  };
}

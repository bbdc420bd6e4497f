// GET /livez and /readyz, for supervisors and load balancers, and /metrics, for Prometheus. Live
// means only that the process answers. Ready means that the replica serves, is not draining, and
// reaches a quorum: a majority, or with `ns` the r and w of that namespace, whose reads it must
// answer.
//
// With `maxLag` its staleness must be proved to be at most that, without counting members that
// cannot be reached. These make it not ready, too: a commit that hangs, because further requests
// would hang as well; a clock too far from the others, because no write is stamped; a disk that is
// almost full (`low-disk`), because writes are refused. `op=read` asks about reads alone.

import type { FastifyRequest } from 'fastify';
import { callerFor } from '../guard/auth.ts';
import { addRoute, type App } from './add-route.ts';
import type { QueryOf } from '../../api/parameters.ts';
import type { Policy } from '../../model/policy.ts';
import { intersection, setOf, sizeOf } from '../../model/member-set.ts';
import { type Member, type Requirement, requirementOf } from '../../model/quorum.ts';
import {
  check,
  checkMajority,
  checkQuorum,
  checkState,
  hostChecks,
} from '../../model/readiness.ts';
import type { PeerStatus, Status } from '../../model/status.ts';
import { connectionOf } from '../guard/connection.ts';
import { type HttpContext, isDraining, policyOf } from '../context.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import { commonHeaders, replyJson, replyProblem } from './reply.ts';
import { type ReadyCheck } from '../../api/shapes.ts';
import { askStatus } from './cluster.ts';

interface Asked {
  readonly maxLagMs: number | undefined;
  /** The policy of the namespace that `ns` names. */
  readonly policy: Policy | undefined;
  /** Only reads: room for writes does not matter. */
  readonly isForReads: boolean;
}

export function healthRoutes(app: App, context: HttpContext): void {
  addRoute(app, context, 'livez', ({ reply }) => {
    commonHeaders(context, reply);
    return reply.type('text/plain; charset=utf-8').send('ok\n');
  });
  addRoute(app, context, 'metrics', async ({ reply }) => {
    const text = await context.metricsText();
    commonHeaders(context, reply);
    return reply.type('text/plain; version=0.0.4; charset=utf-8').send(text);
  });
  addRoute(app, context, 'readyz', async ({ request, reply, query }) => {
    const denied = query.ns === undefined ? undefined : refuseNamespace(context, request, query.ns);
    if (denied !== undefined) return replyProblem(context, reply, denied);
    const asked = readAsked(context, query);
    if (isFault(asked)) return replyProblem(context, reply, asked);
    const checks = await runChecks(context, asked);
    const verbose = query.verbose === true ? { checks } : {};
    const failed = checks.find(({ ok }) => !ok);
    if (failed === undefined) return replyJson(context, reply, { status: 'ready', ...verbose });
    const reason = refusal('not-ready', `${failed.name}: ${failed.detail}`);
    return replyProblem(context, reply, reason, [], verbose);
  });
}

/**
 * The route is open, but only clients that may read a namespace get its state: an absent namespace
 * and a forbidden one get the same answer.
 */
function refuseNamespace(
  { auth }: HttpContext,
  { headers, raw }: FastifyRequest,
  ns: string,
): Refusal | undefined {
  const address = connectionOf(raw.socket)?.address ?? '';
  const claim = { authorization: headers.authorization, address };
  const caller = callerFor(auth, claim, { kind: 'namespace', role: 'read' }, ns);
  return isFault(caller) ? caller : undefined;
}

function readAsked(
  context: HttpContext,
  { maxLag: maxLagMs, ns, op }: QueryOf<'readyz'>,
): Asked | Refusal {
  const isForReads = op === 'read';
  if (ns === undefined) return { maxLagMs, policy: undefined, isForReads };
  const policy = policyOf(context, ns);
  return isFault(policy) ? policy : { maxLagMs, policy, isForReads };
}

async function runChecks(context: HttpContext, asked: Asked): Promise<ReadyCheck[]> {
  const { state } = context.service;
  const draining = isDraining(context);
  const checks = [
    checkState(state),
    check(
      'not-draining',
      !draining,
      `the replica ${draining ? 'is shutting down' : 'accepts requests'}`,
    ),
  ];
  if (checks.some(({ ok }) => !ok)) return checks;
  const status = await askStatus(context);
  if (isFault(status)) return [...checks, check('status', false, status.detail)];
  checks.push(...hostChecks(status, asked.isForReads));
  if (asked.policy === undefined) checks.push(checkMajority(status));
  else
    checks.push(checkQuorums(context, status, asked.policy), checkNamespace(status, asked.policy));
  if (asked.maxLagMs !== undefined) checks.push(checkLag(status, asked));
  return checks;
}

function checkQuorums(
  { members, self }: HttpContext,
  { peers }: Status,
  { r, w }: Policy,
): ReadyCheck {
  const connected = new Set(peers.filter((peer) => peer.connected).map(({ id }) => id));
  const reached = members.filter(({ id }) => id === self.id || connected.has(id));
  const requirements = [r, w].map((spec) => requirementOf(spec, members, self));
  const ok = requirements.every((requirement) => isMet(requirement, reached));
  return checkQuorum(ok, reached.length, members.length);
}

function isMet(requirement: Requirement | undefined, reached: readonly Member[]): boolean {
  if (requirement === undefined) return false;
  const these = setOf(reached.map(({ index }) => index));
  return requirement.groups.every(
    ({ members, count }) => sizeOf(intersection(members, these)) >= count,
  );
}

/** A namespace without a bound on lag is served whenever the replica serves. */
function checkNamespace({ self }: Status, { namespace: ns }: Policy): ReadyCheck {
  const health = self.namespaces.find(({ namespace }) => namespace === ns);
  if (health === undefined) return check('namespace', true, `${ns} has no bound on its lag`);
  const { state, answers, rule } = health;
  const why = rule === undefined ? '' : ` by ${rule}`;
  const kept = state === 'paused' && answers ? ', and answers because too few others do' : '';
  return check('namespace', answers, `${ns} is ${state}${why}${kept}`);
}

/**
 * For a namespace with bounded lag its own lag; otherwise the proved staleness towards every
 * connected peer. A member that cannot be reached makes no other member stale, nor does one whose
 * clock is ahead: both are left out of the measure, and named in the answer.
 */
function checkLag(status: Status, { maxLagMs = 0, policy }: Asked): ReadyCheck {
  const health = status.self.namespaces.find(({ namespace }) => namespace === policy?.namespace);
  if (health !== undefined) return lagCheck(health.missingMs, maxLagMs, '');
  const connected = status.peers.filter((peer) => peer.connected);
  const away = status.peers.filter((peer) => !peer.connected);
  const ahead = connected.filter(({ isStampedAhead }) => isStampedAhead);
  const without =
    leftOut(away, 'which cannot be reached') + leftOut(ahead, 'whose writes are stamped ahead');
  const measured = connected.filter(({ isStampedAhead }) => !isStampedAhead);
  const lags = measured.map(({ stalenessMs }) => stalenessMs);
  const known = lags.filter((lag) => lag !== 'unknown');
  const isKnown = known.length === lags.length && (lags.length > 0 || without === '');
  return lagCheck(isKnown ? Math.max(0, ...known) : undefined, maxLagMs, without);
}

function leftOut(peers: readonly PeerStatus[], why: string): string {
  return peers.length === 0 ? '' : `, without ${peers.map(({ id }) => id).join(', ')}, ${why}`;
}

function lagCheck(lagMs: number | undefined, maxLagMs: number, without: string): ReadyCheck {
  const lag = lagMs === undefined ? 'unknown' : `${Math.ceil(lagMs)} ms`;
  return check('lag', lagMs !== undefined && lagMs <= maxLagMs, `staleness is ${lag}${without}`);
}

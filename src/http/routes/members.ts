// POST /v1/cluster/replicas and /v1/cluster/replicas/{id}/forget|drain|resume|resync: changes the
// members, whether a member answers clients, and makes a member compare with its peers. Each is a
// job (jobs.ts). A change of the members ends when a majority of the present ones has chosen it.
// Right after it every replica begins a new incarnation with the new members, and its connections
// end. A change of one replica is sent to that replica.

import { addRoute, type App } from './add-route.ts';
import type { QueryOf } from '../../api/parameters.ts';
import { assert } from '../../base/assert.ts';
import type { MembershipCommand } from '../../model/command.ts';
import { parseRegion, parseReplicaId } from '../../model/id.ts';
import type { Membership, Place } from '../../model/membership.ts';
import { formatAddress, parsePeerAddress } from '../../model/address.ts';
import type { Reply } from '../../model/reply.ts';
import { parseBaseUrl } from '../../model/url.ts';
import { INTERNAL, reportBug } from '../data/break-off.ts';
import type { HttpContext } from '../context.ts';
import type { Job } from '../jobs/jobs.ts';
import { invalid } from '../../api/readers.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import { refuseNewcomer } from '../jobs/newcomer.ts';
import { replyProblem } from './reply.ts';
import { type MembershipView, type PlaceView } from '../../api/shapes.ts';
import { answerJob } from './jobs.ts';

const TIMEOUT_MS_DEFAULT = 10_000;
export function memberRoutes(app: App, context: HttpContext): void {
  addJoin(app, context);
  addForget(app, context);
  addOwn(app, context, 'drain');
  addOwn(app, context, 'resume');
  addOwn(app, context, 'resync');
}

function addJoin(app: App, context: HttpContext): void {
  addRoute(app, context, 'join', ({ request, reply, body, query }) => {
    const place = readPlace(body);
    if (isFault(place)) return replyProblem(context, reply, place);
    const run = change(context, { kind: 'join', place }, query.timeout);
    return answerJob(context, request, reply, { kind: 'join', target: place.id, run });
  });
}

function addForget(app: App, context: HttpContext): void {
  addRoute(app, context, 'forget', ({ request, reply, path, query }) => {
    const id = parseReplicaId(path.id);
    if (id === undefined) return replyProblem(context, reply, NO_REPLICA);
    const { force = false, timeout } = query;
    const run = change(context, { kind: 'forget', id, force }, timeout);
    return answerJob(context, request, reply, { kind: 'forget', target: id, run });
  });
}

type OwnVerb = 'drain' | 'resume' | 'resync';

/** Changes that only the replica itself can make. */
function addOwn(app: App, context: HttpContext, verb: OwnVerb): void {
  addRoute(app, context, verb, ({ request, reply, path: { id }, query }) => {
    const other = refuseOther(context, id);
    if (other !== undefined) return replyProblem(context, reply, other);
    const { grace: graceMs = 0 }: QueryOf<'drain'> = { grace: undefined, ...query };
    const run = (job: Job): void => submitOwn(context, verb, graceMs, job);
    return answerJob(context, request, reply, { kind: verb, target: id, run });
  });
}

function submitOwn(context: HttpContext, verb: OwnVerb, graceMs: number, job: Job): void {
  const { service, jobs } = context;
  const onReply = (reply: Reply): void => {
    if (reply.kind === 'failed') job.fail(reply.fault);
    else if (verb === 'resume') job.done();
    else jobs.follow(job);
  };
  const client = { onReply, onBroken: brokenOf(context, job) };
  if (verb === 'resync') service.submit({ kind: 'resync', client });
  else service.submit({ kind: 'drain', client, drained: verb === 'drain', graceMs });
}

const NO_REPLICA = refusal('replica-not-found', 'there is no such replica');

function refuseOther({ members, self }: HttpContext, id: string): Refusal | undefined {
  if (id === self.id) return undefined;
  const member = members.find((one) => one.id === id);
  if (member === undefined) return NO_REPLICA;
  const where = member.httpUrl === undefined ? '' : ` at ${member.httpUrl}`;
  return refusal('misdirected', `ask ${id} itself${where}`, {
    alternates: [{ id: member.id, url: member.httpUrl }],
  });
}

/** Starts the change. */
function change(
  context: HttpContext,
  wanted: MembershipCommand['change'],
  timeoutMs: number = TIMEOUT_MS_DEFAULT,
): (job: Job) => void {
  return (job) => {
    const client = clientOf(context, job);
    const propose = (leftMs: number): void =>
      context.service.submit({ kind: 'membership', client, change: wanted, timeoutMs: leftMs });
    if (wanted.kind === 'forget') return propose(timeoutMs);
    lookFirst(context, { place: wanted.place, timeoutMs, job, propose }).catch(client.onBroken);
  };
}

interface Newcomer {
  readonly place: Place;
  readonly timeoutMs: number;
  readonly job: Job;
  readonly propose: (leftMs: number) => void;
}

/** A newcomer that cannot be reached, or has another identity, is refused. */
async function lookFirst(context: HttpContext, newcomer: Newcomer): Promise<void> {
  const { place, timeoutMs, job, propose } = newcomer;
  const sinceMs = performance.now();
  const reason = await refuseNewcomer(context, place, timeoutMs);
  if (reason === undefined)
    propose(Math.max(Math.round(timeoutMs - (performance.now() - sinceMs)), 1));
  else job.fail(reason);
}

function clientOf(context: HttpContext, job: Job) {
  return {
    onReply(reply: Reply): void {
      if (reply.kind === 'failed') return job.fail(reply.fault);
      assert(reply.kind === 'membership', 'members: an answer to another command');
      job.done(viewOf(reply.membership));
    },
    onBroken: brokenOf(context, job),
  };
}

/** A bug ends the job, not the replica. */
function brokenOf(context: HttpContext, job: Job): (error: unknown) => void {
  return (error) => {
    reportBug(context, error);
    job.fail(INTERNAL);
  };
}

function viewOf({ epoch, seats }: Membership): MembershipView {
  const members = seats.map(({ id, region, peerAddress, httpUrl, since }) => ({
    id,
    region,
    peer: peerAddress,
    http: httpUrl ?? null,
    since,
  }));
  return { epoch, members };
}

function readPlace({ id: name, region: label, peer, http }: PlaceView): Place | Refusal {
  const id = parseReplicaId(name);
  if (id === undefined) return invalid('id', 'must be a replica id');
  const region = parseRegion(label);
  if (region === undefined) return invalid('region', 'must be a region');
  const channel = parsePeerAddress(peer);
  if (channel === undefined) return invalid('peer', 'must be host:port');
  const httpUrl = http === undefined ? undefined : parseBaseUrl(http);
  if (http !== undefined && httpUrl === undefined)
    return invalid('http', 'must be an http or https URL of ASCII characters, without a path');
  return { id, region, peerAddress: formatAddress(channel), httpUrl };
}

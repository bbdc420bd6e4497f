// POST /v1/cluster/replicas and /v1/cluster/replicas/{id}/forget|drain|resume|resync: who belongs to the cluster, who
// answers clients, and who catches up. Each is a job (jobs.ts). A change of the members ends when it is chosen by a majority
// of the present ones; right after it every replica begins a new life with the new members, and its connections end. What
// concerns one replica only that one does.

import { Type } from 'typebox';
import { assert } from '../../base/assert.ts';
import type { MembershipCommand, Reply } from '../../model/command.ts';
import { parseRegion, parseReplicaId } from '../../model/id.ts';
import type { Membership, Place } from '../../model/membership.ts';
import { formatAddress, parsePeerAddress } from '../../model/address.ts';
import { parseBaseUrl } from '../../model/url.ts';
import type { App } from '../app-type.ts';
import { INTERNAL, reportBug } from '../break-off.ts';
import type { HttpContext } from '../context.ts';
import type { Job } from '../jobs.ts';
import { invalid, isFault, readDuration, readTimeout } from '../parameter.ts';
import { refuseNewcomer } from '../newcomer.ts';
import { type Refusal, refusal } from '../problem.ts';
import { replyProblem } from '../reply.ts';
import { type MembershipView, PlaceShape, type PlaceView } from '../../api/shapes.ts';
import { answerJob, JOB_RESPONSES } from './jobs.ts';

const TIMEOUT_MS_DEFAULT = 10_000;
const params = Type.Object({ id: Type.String() });
const timeout = Type.Optional(Type.String({ description: 'As in 10s, which is the default' }));
const closed = { additionalProperties: false };

export function memberRoutes(app: App, context: HttpContext): void {
  addJoin(app, context);
  addForget(app, context);
  addOwn(app, context, 'drain');
  addOwn(app, context, 'resume');
  addOwn(app, context, 'resync');
}

function addJoin(app: App, context: HttpContext): void {
  const schema = {
    operationId: 'join',
    summary: 'Takes a replica in, or tells that a member has moved to another address',
    description: 'It is asked who it is at its peer address before it is proposed to the members',
    querystring: Type.Object({ timeout }, closed),
    body: Type.Unsafe<PlaceView>(PlaceShape),
    response: JOB_RESPONSES,
  };
  app.post('/v1/cluster/replicas', { schema }, async (request, reply) => {
    const place = readPlace(request.body);
    if (isFault(place)) return replyProblem(context, reply, place);
    const run = change(context, { kind: 'join', place }, request.query.timeout);
    if (isFault(run)) return replyProblem(context, reply, run);
    return answerJob(context, request, reply, { kind: 'join', target: place.id, run });
  });
}

function addForget(app: App, context: HttpContext): void {
  const schema = {
    operationId: 'forget',
    summary: 'Takes a lost replica out for good',
    params,
    querystring: Type.Object(
      {
        timeout,
        force: Type.Optional(Type.String({ description: 'Even while it is connected' })),
      },
      closed,
    ),
    response: JOB_RESPONSES,
  };
  app.post(pathOf('forget'), { schema }, async (request, reply) => {
    const { params: named, query } = request;
    const id = parseReplicaId(named.id);
    if (id === undefined) return replyProblem(context, reply, NO_REPLICA);
    const force = query.force !== undefined && query.force !== 'false';
    const run = change(context, { kind: 'forget', id, force }, query.timeout);
    if (isFault(run)) return replyProblem(context, reply, run);
    return answerJob(context, request, reply, { kind: 'forget', target: id, run });
  });
}

const OWN = {
  drain: 'This replica takes no clients any more; done when those that it took are answered',
  resume: 'And takes them again',
  resync: 'Compares with every peer now; done when nothing is missing and all is served',
} as const;

const GRACE_MS_MAX = 3_600_000;
const graceParameter = {
  grace: Type.Optional(
    Type.String({
      description: 'As in 5s: /readyz is 503 at once, and clients are answered for so long still',
    }),
  ),
};

/** What a replica does for itself alone. */
function addOwn(app: App, context: HttpContext, verb: keyof typeof OWN): void {
  const schema = {
    operationId: verb,
    summary: OWN[verb],
    params,
    querystring: Type.Object(verb === 'drain' ? graceParameter : {}, closed),
    response: JOB_RESPONSES,
  };
  app.post(pathOf(verb), { schema }, async (request, reply) => {
    const { id } = request.params;
    const other = refuseOther(context, id);
    if (other !== undefined) return replyProblem(context, reply, other);
    const { grace } = request.query as { readonly grace?: string };
    const graceMs = grace === undefined ? 0 : readDuration('grace', grace, GRACE_MS_MAX, '1 hour');
    if (isFault(graceMs)) return replyProblem(context, reply, graceMs);
    const run = (job: Job): void => submitOwn(context, verb, graceMs, job);
    return answerJob(context, request, reply, { kind: verb, target: id, run });
  });
}

function submitOwn(context: HttpContext, verb: keyof typeof OWN, graceMs: number, job: Job): void {
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

const pathOf = <Verb extends string>(verb: Verb) => `/v1/cluster/replicas/:id/${verb}` as const;
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

/** What sets the change going, or why it cannot be asked for. */
function change(
  context: HttpContext,
  wanted: MembershipCommand['change'],
  timeoutText: string | undefined,
): ((job: Job) => void) | Refusal {
  const timeoutMs = timeoutText === undefined ? TIMEOUT_MS_DEFAULT : readTimeout(timeoutText);
  if (isFault(timeoutMs)) return timeoutMs;
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

/** A newcomer that cannot be reached, or is another, is not proposed. */
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

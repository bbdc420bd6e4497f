// POST /v1/cluster/replicas and /v1/cluster/replicas/{id}/forget|drain|resume: who belongs to the cluster, and who answers
// clients. A change of the members is answered when it is chosen by a majority of the present ones; right after it every
// replica begins a new life with the new members, and its connections end. Draining concerns one replica, and only that
// one does it.

import { Type } from 'typebox';
import { assert } from '../../base/assert.ts';
import type { MembershipCommand, Reply } from '../../model/command.ts';
import { parseRegion, parseReplicaId } from '../../model/id.ts';
import type { Membership, Place } from '../../model/membership.ts';
import { PLACE_BYTES_MAX } from '../../model/membership-bytes.ts';
import type { App } from '../app-type.ts';
import { ask } from '../ask.ts';
import type { HttpContext } from '../context.ts';
import { invalid, isFault, readTimeout } from '../parameter.ts';
import { type Refusal, refusal } from '../problem.ts';
import { replyJson, replyProblem } from '../reply.ts';
import {
  DrainedSchema,
  MembershipSchema,
  type MembershipView,
  PlaceSchema,
  ProblemSchema,
} from '../schema.ts';

const TIMEOUT_MS_DEFAULT = 10_000;
const PEER_ADDRESS =
  /^(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?):([1-9][0-9]{0,4})$/;
const params = Type.Object({ id: Type.String() });
const timeout = Type.Optional(Type.String({ description: 'As in 10s, which is the default' }));
const closed = { additionalProperties: false };

export function memberRoutes(app: App, context: HttpContext): void {
  addJoin(app, context);
  addForget(app, context);
  addDrain(app, context, 'drain');
  addDrain(app, context, 'resume');
}

function addJoin(app: App, context: HttpContext): void {
  const schema = {
    operationId: 'join',
    summary: 'Takes a replica in, or tells that a member has moved to another address',
    querystring: Type.Object({ timeout }, closed),
    body: PlaceSchema,
    response: { 200: MembershipSchema, default: ProblemSchema },
  };
  app.post('/v1/cluster/replicas', { schema }, async ({ body, query }, reply) => {
    const place = readPlace(body);
    if (isFault(place)) return replyProblem(context, reply, place);
    const answer = await change(context, { kind: 'join', place }, query.timeout);
    if (isFault(answer)) return replyProblem(context, reply, answer);
    return replyJson(context, reply, answer);
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
    response: { 200: MembershipSchema, default: ProblemSchema },
  };
  app.post(pathOf('forget'), { schema }, async ({ params: { id: text }, query }, reply) => {
    const id = parseReplicaId(text);
    if (id === undefined) return replyProblem(context, reply, NO_REPLICA);
    const force = query.force !== undefined && query.force !== 'false';
    const answer = await change(context, { kind: 'forget', id, force }, query.timeout);
    if (isFault(answer)) return replyProblem(context, reply, answer);
    return replyJson(context, reply, answer);
  });
}

function addDrain(app: App, context: HttpContext, verb: 'drain' | 'resume'): void {
  const schema = {
    operationId: verb,
    summary: verb === 'drain' ? 'This replica takes no clients any more' : 'And takes them again',
    params,
    querystring: Type.Object({}, closed),
    response: { 200: DrainedSchema, default: ProblemSchema },
  };
  app.post(pathOf(verb), { schema }, async ({ params: { id } }, reply) => {
    const other = refuseOther(context, id);
    if (other !== undefined) return replyProblem(context, reply, other);
    const drained = verb === 'drain';
    const answer = await ask(context.service, (client) => ({ kind: 'drain', client, drained }));
    if (answer.kind === 'failed') return replyProblem(context, reply, answer.fault);
    return replyJson(context, reply, { id, drained });
  });
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

async function change(
  { service }: HttpContext,
  wanted: MembershipCommand['change'],
  timeoutText: string | undefined,
): Promise<MembershipView | Refusal> {
  const timeoutMs = timeoutText === undefined ? TIMEOUT_MS_DEFAULT : readTimeout(timeoutText);
  if (isFault(timeoutMs)) return timeoutMs;
  const reply: Reply = await ask(service, (client) => ({
    kind: 'membership',
    client,
    change: wanted,
    timeoutMs,
  }));
  if (reply.kind === 'failed') return reply.fault;
  assert(reply.kind === 'membership', 'members: an answer to another command');
  return viewOf(reply.membership);
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

interface PlaceText {
  readonly id: string;
  readonly region: string;
  readonly peer: string;
  readonly http?: string;
}

function readPlace({ id: name, region: label, peer, http }: PlaceText): Place | Refusal {
  const id = parseReplicaId(name);
  if (id === undefined) return invalid('id', 'must be a replica id');
  const region = parseRegion(label);
  if (region === undefined) return invalid('region', 'must be a region');
  const port = Number(PEER_ADDRESS.exec(peer)?.[1] ?? 0);
  if (port < 1 || port > 65_535) return invalid('peer', 'must be host:port');
  const httpUrl = http?.replace(/\/$/, '');
  if (httpUrl !== undefined && !isBaseUrl(httpUrl))
    return invalid('http', 'must be an http or https URL without a path');
  return { id, region, peerAddress: peer, httpUrl };
}

function isBaseUrl(text: string): boolean {
  if (text.length > PLACE_BYTES_MAX || !URL.canParse(text)) return false;
  const { pathname, search, hash, protocol, username, password } = new URL(text);
  const isBare = pathname === '/' && search === '' && hash === '' && username === '';
  return isBare && password === '' && (protocol === 'http:' || protocol === 'https:');
}

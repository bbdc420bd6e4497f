// What all parts of the HTTP server share: the replica behind it, the namespaces with their
// policies, the limits, and the constants of this replica's replies, built once.

import { randomBytes } from 'node:crypto';
import { formatServedBy } from '../api/headers.ts';
import type { Place, Probed } from '../model/membership.ts';
import type { Policy } from '../model/policy.ts';
import type { ReplicaService } from '../model/port.ts';
import type { Member } from '../model/quorum.ts';
import { ArrivingBodies } from './guard/arriving.ts';
import { Admission, type Work } from './guard/admission.ts';
import { type Auth, createAuth } from './guard/auth.ts';
import { createHostDoor, type HostDoor } from './guard/host-door.ts';
import type { Jobs } from './jobs/jobs.ts';
import type { HttpLimits } from '../api/limits.ts';
import { ReplyMemory } from './guard/memory.ts';
import type { RequestMeter } from './meter.ts';
import { createWorkMeter } from './guard/turn-meter.ts';
import { createQuorumDoor, type QuorumDoor } from '../api/readers.ts';
import { SessionTokens } from './session/tokens.ts';
import { type ProblemSource, type Refusal, refusal } from './problem.ts';
import type { Token } from '../api/token.ts';

/** Asks the process at a peer address for its identity. Never rejects. */
export type Probe = (place: Place, timeoutMs: number) => Promise<Probed>;

export interface HttpServerOptions {
  readonly service: ReplicaService;
  readonly members: readonly Member[];
  readonly self: Member;
  readonly policies: readonly Policy[];
  /** Base URL at which clients reach this replica, or ''. */
  readonly advertised: string;
  /** Names by which clients may call this replica besides its own; `*` is every name. */
  readonly hosts: readonly string[];
  /** Origins of web pages that may use the API, as browsers write them. */
  readonly origins: ReadonlySet<string>;
  readonly limits: HttpLimits;
  /** The jobs of this process, which outlive an incarnation of its replica. */
  readonly jobs: Jobs;
  /** `undefined`: no token is needed, and the server listens on loopback addresses only. */
  readonly tokens: readonly Token[] | undefined;
  /** Keys of session tokens, 16 secret bytes each: the first one writes, all are accepted. */
  readonly sessionKeys: readonly Uint8Array[];
  readonly probe: Probe;
  /** The metrics page for GET /metrics. */
  readonly metricsText: () => Promise<string>;
  readonly meter: RequestMeter | undefined;
  readonly version: string;
  /** The working time of this process's thread since the last call; measured here if not given. */
  readonly work?: () => Work;
  /** Called with an error that is a bug of ours, and the instance that the client received. */
  readonly onError: (error: unknown, instance: string) => void;
}

export interface HttpContext extends HttpServerOptions {
  readonly namespaces: ReadonlyMap<string, Policy>;
  readonly auth: Auth;
  readonly hostDoor: HostDoor;
  readonly quorums: QuorumDoor;
  readonly memory: ReplyMemory;
  readonly arriving: ArrivingBodies;
  readonly admission: Admission;
  readonly sessions: SessionTokens;
  readonly source: ProblemSource;
  /** Vary, for replies that depend on Accept; with CORS configured it names Origin as well. */
  readonly varyAccept: string;
  /** The value of Conit-Served-By. */
  readonly servedBy: string;
  /** True while every connection closes after its next reply. */
  draining: boolean;
}

export function createContext(options: HttpServerOptions): HttpContext {
  const { self, members, policies, tokens, limits, advertised, hosts } = options;
  const { service, sessionKeys } = options;
  const urls = [advertised, self.httpUrl ?? ''].filter((url) => url !== '');
  return {
    ...options,
    namespaces: new Map(policies.map((policy) => [policy.namespace, policy])),
    auth: createAuth(tokens, limits),
    hostDoor: createHostDoor({ urls, hosts }),
    quorums: createQuorumDoor(members.length),
    memory: new ReplyMemory(limits.replyBytesMax),
    arriving: new ArrivingBodies(limits.arrivingBytesMax),
    admission: new Admission(options.work ?? createWorkMeter()),
    sessions: new SessionTokens(sessionKeys, service.sessions),
    source: createProblemSource(self),
    varyAccept: options.origins.size > 0 ? 'Accept, Origin' : 'Accept',
    servedBy: formatServedBy(self.id, self.region),
    draining: false,
  };
}

/** The policy of a namespace that a request names, after its access was checked. */
export function policyOf({ namespaces }: HttpContext, name: string): Policy | Refusal {
  return namespaces.get(name) ?? refusal('namespace-not-found', 'there is no such namespace');
}

/** While the replica drains, every reply carries `Connection: close`. */
export function isDraining(context: HttpContext): boolean {
  return context.draining || context.service.state === 'draining';
}

function createProblemSource(self: Member): ProblemSource {
  const life = randomBytes(5).toString('hex');
  let count = 0;
  return {
    node: self.id,
    region: self.region,
    nextInstance: () => `urn:conit:request:${self.id}:${life}-${++count}`,
  };
}

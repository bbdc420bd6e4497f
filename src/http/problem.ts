// Problem details (RFC 9457) for every error. The table gives each fault of the core its HTTP status and adds the
// troubles that only HTTP knows. A problem says whether the request may have had an effect (`indeterminate`) and
// whether trying again can help; it holds no stack and nothing of the request but what a fault's detail names.

import { type Alternate, type Fault, type FaultCode, FAULTS } from '../model/fault.ts';
import type { HealthState } from '../model/health.ts';
import { type Dot, formatDot } from '../model/id.ts';

const FAULT_STATUS: Readonly<Record<FaultCode, number>> = {
  'invalid-key': 400,
  'invalid-parameter': 400,
  'namespace-not-found': 404,
  'not-built': 501,
  'not-found': 404,
  'write-not-found': 404,
  'precondition-failed': 412,
  'idempotency-mismatch': 422,
  'idempotency-in-flight': 409,
  'cursor-expired': 410,
  'value-too-large': 413,
  'membership-conflict': 409,
  'membership-busy': 409,
  'no-quorum': 503,
  overloaded: 503,
  draining: 503,
  'catching-up': 503,
  'replica-stale': 503,
  'low-disk': 507,
  'storage-failed': 503,
  'record-corrupt': 503,
  'clock-drift': 503,
  timeout: 504,
  'outcome-unknown': 504,
};

interface HttpTrouble {
  readonly status: number;
  readonly title: string;
  readonly retryable?: boolean;
  readonly indeterminate?: boolean;
}

const HTTP_TROUBLES = {
  'bad-request': { status: 400, title: 'The request is malformed' },
  'digest-mismatch': { status: 400, title: 'The body does not have the digest that was announced' },
  unauthorized: { status: 401, title: 'Access needs a valid token' },
  forbidden: { status: 403, title: 'Access needs a valid token' },
  'cross-site': { status: 403, title: 'Pages of other web sites are not served' },
  'route-not-found': { status: 404, title: 'There is nothing at this path' },
  'replica-not-found': { status: 404, title: 'No such replica' },
  'job-not-found': { status: 404, title: 'No such job is known here' },
  'method-not-allowed': { status: 405, title: 'The method is not allowed here' },
  'peer-mismatch': { status: 409, title: 'Another replica is at this address' },
  superseded: { status: 409, title: 'Something that was asked for later undid it' },
  'request-timeout': { status: 408, title: 'The request did not arrive in time', retryable: true },
  'content-too-large': { status: 413, title: 'The request body is too large' },
  'uri-too-long': { status: 414, title: 'The request target is too long' },
  'unsupported-media-type': { status: 415, title: 'The media type or coding is not accepted' },
  misdirected: { status: 421, title: 'Only the replica itself can do this' },
  'unknown-host': { status: 421, title: 'The request names a host that is not served here' },
  'expectation-failed': { status: 417, title: 'The expectation cannot be met' },
  'too-many-failures': { status: 429, title: 'Too many failed authentications', retryable: true },
  'headers-too-large': { status: 431, title: 'The request headers are too large' },
  internal: { status: 500, title: 'Internal error', indeterminate: true },
  'peer-unreachable': {
    status: 503,
    title: 'The replica cannot be reached',
    retryable: true,
  },
  'not-ready': { status: 503, title: 'The replica is not ready', retryable: true },
} as const satisfies { readonly [code: string]: HttpTrouble };

export const PROBLEM_TYPE = 'application/problem+json';

export type HttpCode = keyof typeof HTTP_TROUBLES;
export type ProblemCode = FaultCode | HttpCode;

/** Why a request is not served: a fault of the core, or the like of it that only HTTP knows. */
export type Refusal = Omit<Fault, 'code'> & { readonly code: ProblemCode };

export interface ProblemDocument {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly instance: string;
  readonly retryable: boolean;
  readonly indeterminate: boolean;
  readonly node: string;
  readonly region: string;
  readonly required?: number;
  readonly acks?: number;
  readonly dot?: string;
  readonly supersededBy?: string;
  readonly item?: number;
  readonly state?: HealthState;
  readonly alternates?: { readonly id: string; readonly url: string | null }[];
}

/** Who answers, and the next number for a request that went wrong. */
export interface ProblemSource {
  readonly node: string;
  readonly region: string;
  nextInstance(): string;
}

const RETRY_AFTER_MS_DEFAULT = 1000;

export function refusal(
  code: ProblemCode,
  detail: string,
  more: Omit<Refusal, 'code' | 'detail'> = {},
): Refusal {
  return { code, detail, ...more };
}

export function statusOf(code: ProblemCode): number {
  return troubleOf(code).status;
}

export function problemDocument(
  reason: Refusal,
  source: ProblemSource,
  instance: string = source.nextInstance(),
): ProblemDocument {
  const { status, title, retryable = false, indeterminate = false } = troubleOf(reason.code);
  return {
    type: `urn:conit:problem:${reason.code}`,
    title,
    status,
    detail: reason.detail,
    instance,
    retryable,
    indeterminate,
    node: source.node,
    region: source.region,
    ...(reason.required === undefined ? {} : { required: reason.required }),
    ...(reason.acks === undefined ? {} : { acks: reason.acks }),
    ...(reason.item === undefined ? {} : { item: reason.item }),
    ...(reason.state === undefined ? {} : { state: reason.state }),
    ...(reason.alternates === undefined
      ? {}
      : { alternates: reason.alternates.map(alternateView) }),
    ...(reason.dot === undefined ? {} : { dot: formatDot(reason.dot.origin, reason.dot.seq) }),
    ...(reason.supersededBy === undefined ? {} : { supersededBy: textOf(reason.supersededBy) }),
  };
}

/** Seconds for Retry-After, or `undefined` where the header does not belong. */
export function retryAfterOf(reason: Refusal): string | undefined {
  const status = statusOf(reason.code);
  if (status !== 429 && status !== 503) return undefined;
  return String(Math.max(1, Math.ceil((reason.retryAfterMs ?? RETRY_AFTER_MS_DEFAULT) / 1000)));
}

function textOf({ origin, seq }: Dot): string {
  return formatDot(origin, seq);
}

function alternateView({ id, url }: Alternate) {
  return { id, url: url ?? null };
}

function troubleOf(code: ProblemCode): HttpTrouble {
  if (!isFaultCode(code)) return HTTP_TROUBLES[code];
  const { title, retryable, definite } = FAULTS[code];
  return { status: FAULT_STATUS[code], title, retryable, indeterminate: !definite };
}

function isFaultCode(code: ProblemCode): code is FaultCode {
  return Object.hasOwn(FAULT_STATUS, code);
}

// Every error that a client can get: its code with HTTP status and title, and what the client may
// conclude. Faults of the core (model/fault.ts) get their status here; the other codes exist in
// HTTP only. If a row is missing, the program does not compile.

import { type FaultCode, FAULTS } from '../model/fault.ts';

export interface ProblemKind {
  readonly status: number;
  readonly title: string;
  /** Trying again can help. */
  readonly retryable: boolean;
  /** The request may have had an effect. */
  readonly indeterminate: boolean;
}

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
  'bound-unmet': 503,
  'session-behind': 503,
  'history-lost': 409,
  'low-disk': 507,
  'storage-failed': 503,
  'record-corrupt': 503,
  'clock-drift': 503,
  timeout: 504,
  'outcome-unknown': 504,
};

const refused = (status: number, title: string): ProblemKind => {
  return { status, title, retryable: false, indeterminate: false };
};
const passing = (status: number, title: string): ProblemKind => {
  return { status, title, retryable: true, indeterminate: false };
};

const HTTP_PROBLEMS = {
  'bad-request': refused(400, 'The request is malformed'),
  'digest-mismatch': refused(400, 'The body does not match its digest'),
  'invalid-session': refused(400, 'The session token is not one of this cluster'),
  unauthorized: refused(401, 'Access needs a valid token'),
  forbidden: refused(403, 'Access needs a valid token'),
  'cross-site': refused(403, 'Pages of other web sites are refused'),
  'route-not-found': refused(404, 'There is no route at this path'),
  'replica-not-found': refused(404, 'No such replica'),
  'job-not-found': refused(404, 'This replica knows no such job'),
  'method-not-allowed': refused(405, 'The method is not allowed here'),
  'request-timeout': passing(408, 'The request did not arrive in time'),
  'peer-mismatch': refused(409, 'Another replica is at this address'),
  superseded: refused(409, 'Superseded by a later request'),
  'content-too-large': refused(413, 'The request body is too large'),
  'uri-too-long': refused(414, 'The request target is too long'),
  'unsupported-media-type': refused(415, 'The media type or coding is not accepted'),
  'expectation-failed': refused(417, 'The expectation cannot be met'),
  misdirected: refused(421, 'This request must be sent to the replica itself'),
  'unknown-host': refused(421, 'The request names a host that is not served here'),
  'too-many-failures': passing(429, 'Too many failed authentications'),
  'headers-too-large': refused(431, 'The request headers are too large'),
  internal: { status: 500, title: 'Internal error', retryable: false, indeterminate: true },
  'version-not-supported': refused(505, 'The version of HTTP is not supported'),
  'session-too-wide': passing(503, 'The session has seen too much that some replica lacks'),
  'peer-unreachable': passing(503, 'The replica cannot be reached'),
  'not-ready': passing(503, 'The replica is not ready'),
} as const satisfies { readonly [code: string]: ProblemKind };

export type HttpCode = keyof typeof HTTP_PROBLEMS;
export type ProblemCode = FaultCode | HttpCode;

/** By code. */
export const PROBLEMS: Readonly<Record<ProblemCode, ProblemKind>> = {
  ...HTTP_PROBLEMS,
  ...faultKinds(),
};

export const PROBLEM_TYPE = 'application/problem+json';
const URN = 'urn:conit:problem:';

export function statusOf(code: ProblemCode): number {
  return PROBLEMS[code].status;
}

/** The member `type` of a problem. */
export function problemUrn(code: ProblemCode): string {
  return `${URN}${code}`;
}

function faultKinds(): Record<FaultCode, ProblemKind> {
  const kinds = Object.entries(FAULTS).map(([code, { title, retryable, definite }]) => [
    code,
    { status: FAULT_STATUS[code as FaultCode], title, retryable, indeterminate: !definite },
  ]);
  return Object.fromEntries(kinds) as Record<FaultCode, ProblemKind>;
}

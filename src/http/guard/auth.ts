// What a caller may do. With tokens configured, every route except the open ones needs a bearer
// token (RFC 6750) with a role that allows it; without tokens every caller may do everything, and
// the server listens on loopback only.
//
// A token is compared by its SHA-256, in constant time and with every configured one, before any
// other check. So a valid token is always accepted, whatever else its address sends: behind a proxy
// all clients share an address. Only failures are counted and slowed down (429 instead of 401): the
// same wrong credentials again and again, and very many from one address. That stops a
// misconfigured client from retrying without end; the length of the tokens protects from guessing.
// Access is decided before the namespace is looked up, so an absent namespace and a forbidden one
// get the same answer.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { NamespaceName } from '../../model/id.ts';
import type { HttpLimits } from '../../api/limits.ts';
import { isFault, refusal, type Refusal } from '../problem.ts';
import type { Access, Role } from '../../api/routes.ts';
import { createThrottle } from './throttle.ts';
import { permits, permitsSomewhere, type Token } from '../../api/token.ts';

/** The Authorization header of a request, and the address of its sender. */
export interface Claim {
  readonly authorization: string | undefined;
  readonly address: string;
}

/** A valid token, or `anyone` if none is needed. */
export type Caller = Token | 'anyone';

export interface Auth {
  /** The caller, or the reason why there is none. */
  authenticate(claim: Claim, nowMs: number): Caller | Refusal;
}

const BEARER = /^Bearer +([\x21-\x7e]{1,512})$/i;
const DETAIL = 'access needs a token with a role that allows this request';

const TOO_MANY =
  'these credentials are wrong and were sent too often; a request with a valid token is served at once';

const UNAUTHORIZED = refusal('unauthorized', DETAIL);
export const FORBIDDEN = refusal('forbidden', DETAIL);

export function createAuth(tokens: readonly Token[] | undefined, limits: HttpLimits): Auth {
  if (tokens === undefined) return { authenticate: () => 'anyone' };
  const keysMax = limits.authFailuresKnownMax;
  const forgetMs = limits.authFailureForgetMs;
  const ofCredentials = createThrottle({ burst: limits.authFailuresMax, forgetMs, keysMax });
  const ofAddress = createThrottle({
    burst: limits.authFailuresPerAddressMax,
    forgetMs: limits.authAddressForgetMs,
    keysMax,
  });
  return {
    authenticate({ authorization, address }, nowMs) {
      if (authorization === undefined) return UNAUTHORIZED;
      const token = find(tokens, BEARER.exec(authorization)?.[1]);
      if (token !== undefined) return token;
      const wrong = digestOf(authorization).toString('base64');
      const waitMs = Math.max(ofCredentials.waitMs(wrong, nowMs), ofAddress.waitMs(address, nowMs));
      if (waitMs > 0) return refusal('too-many-failures', TOO_MANY, { retryAfterMs: waitMs });
      ofCredentials.fail(wrong, nowMs);
      ofAddress.fail(address, nowMs);
      return UNAUTHORIZED;
    },
  };
}

/**
 * The caller if it may do this; otherwise the reason. Access is decided before the namespace is
 * looked up.
 */
export function callerFor(
  auth: Auth,
  claim: Claim,
  access: Access,
  scope: string,
): Caller | Refusal {
  const caller = auth.authenticate(claim, performance.now());
  return isFault(caller) ? caller : (refuseAccess(caller, access, scope) ?? caller);
}

/**
 * Why the caller may not do this, or `undefined`. `scope` is the namespace as the request names it.
 */
function refuseAccess(caller: Caller, access: Access, scope: string): Refusal | undefined {
  if (caller === 'anyone' || access.kind === 'open') return undefined;
  return allows(caller, access, scope) ? undefined : FORBIDDEN;
}

/** Whether the caller has `role`, or a role that includes it, for a namespace. */
export function mayIn(caller: Caller, namespace: string, role: Role): boolean {
  return caller === 'anyone' || permits(caller, namespace as NamespaceName, role);
}

function allows(token: Token, access: Exclude<Access, { kind: 'open' }>, scope: string): boolean {
  if (access.kind === 'cluster') return permits(token, '*', access.role);
  if (access.kind === 'somewhere') return permitsSomewhere(token, access.role);
  return permits(token, scope as NamespaceName, access.role);
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function find(tokens: readonly Token[], text: string | undefined): Token | undefined {
  const digest = digestOf(text ?? '');
  let found: Token | undefined;
  for (const token of tokens) if (timingSafeEqual(token.digest, digest)) found = token;
  return text === undefined ? undefined : found;
}

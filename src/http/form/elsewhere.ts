// The replicas that may serve a client that is refused here: the alternates of a refusal, and `307`
// to the first of them for a client that asked for a redirect. The parameter that asked for it is
// left out of the `Location`, so no client is redirected twice. In both cases the connection ends
// with the reply, so that a client with permanent connections, above all a load balancer, opens its
// next one to another replica.

import type { HttpContext } from '../context.ts';
import { isBaseUrl } from '../../model/url.ts';
import type { ProblemCode } from '../../api/problems.ts';
import type { Refusal } from '../problem.ts';
import { SHIELD } from './reply-head.ts';

/** Reasons that concern this replica, not the request: another replica may serve it. */
const ELSEWHERE: ReadonlySet<ProblemCode> = new Set(['replica-stale', 'catching-up', 'draining']);

export function isBetterAskedElsewhere(code: ProblemCode): boolean {
  return ELSEWHERE.has(code);
}

/** The URL of the request at another replica; `undefined` if there is none. */
export function locationOf(reason: Refusal, target: string): string | undefined {
  const base = reason.alternates?.find(({ url }) => url !== undefined && isBaseUrl(url))?.url;
  return base === undefined ? undefined : `${base}${withoutAsking(target)}`;
}

export function redirectHead({ servedBy }: HttpContext, location: string): string[] {
  return [
    'Location',
    location,
    'Content-Length',
    '0',
    'Conit-Served-By',
    servedBy,
    'Cache-Control',
    'no-store',
    ...SHIELD,
    'Connection',
    'close',
  ];
}

function withoutAsking(target: string): string {
  const mark = target.indexOf('?');
  if (mark < 0) return target;
  const parts = target
    .slice(mark + 1)
    .split('&')
    .filter((part) => part !== 'onUnmet=redirect' && !/^redirect(=|$)/.test(part));
  const path = target.slice(0, mark);
  return parts.length === 0 ? path : `${path}?${parts.join('&')}`;
}

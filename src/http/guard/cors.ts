// Cross-origin resource sharing (Fetch standard) for the origins that the operator configured. A
// preflight is answered before the token check, because a browser sends it without a token. Tokens
// travel in `Authorization`, never in cookies, so no reply allows credentials.

import { REPLY_HEADERS } from '../../api/headers.ts';
import type { HttpResponse } from '../message.ts';
import { SHIELD } from '../form/reply-head.ts';
import type { RequestHead } from '../form/request-head.ts';

/** Every header of ours: a page may read only those that are listed here. */
const EXPOSED = [...Object.keys(REPLY_HEADERS), 'Content-Length', 'Content-Range', 'Date'].join(
  ', ',
);
const METHODS = 'GET, HEAD, PUT, DELETE, POST, PATCH';
const MAX_AGE_S = '600';
const HEADER_NAMES = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:\s*,\s*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*$/;
const VARY = 'Origin, Access-Control-Request-Method, Access-Control-Request-Headers';

/**
 * Every reply to a configured origin has these headers, refusals too: otherwise a page could not
 * read them.
 */
export function allowOrigin(response: HttpResponse, origin: string): void {
  response.setHeader('Access-Control-Allow-Origin', origin);
  response.setHeader('Access-Control-Expose-Headers', EXPOSED);
  response.setHeader('Vary', 'Origin');
}

export function isPreflight(head: RequestHead, method: string | undefined): boolean {
  return method === 'OPTIONS' && head.origin !== undefined && head.requestMethod !== undefined;
}

/** Answers a preflight of a configured origin, or of this server's own. */
export function answerPreflight(head: RequestHead, response: HttpResponse): void {
  const { requestHeaders, requestPrivateNetwork } = head;
  const reply = [
    'Access-Control-Allow-Origin',
    head.origin ?? '',
    'Access-Control-Allow-Methods',
    METHODS,
    'Access-Control-Max-Age',
    MAX_AGE_S,
    'Vary',
    VARY,
    'Cache-Control',
    'no-store',
    ...SHIELD,
  ];
  if (requestHeaders !== undefined && HEADER_NAMES.test(requestHeaders))
    reply.push('Access-Control-Allow-Headers', requestHeaders);
  if (requestPrivateNetwork === 'true') reply.push('Access-Control-Allow-Private-Network', 'true');
  response.writeHead(204, reply);
  response.end();
}

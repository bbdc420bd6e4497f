// Refuses requests from pages of other web sites. A browser sends a request without a body, or with
// a form's body, to any address that a page names, and does not ask the server first. Only the
// headers that the browser adds show that a page caused the request: `Origin` (RFC 6454) and Fetch
// Metadata (`Sec-Fetch-Site`, W3C). Programs send neither, and are accepted.
//
//  Origin          that of this server, a configured one, or none; `null` is foreign
//  Sec-Fetch-Site  same-origin, none (typed or bookmarked), or absent; another port of this host is
//                  `same-site`, and foreign
//  Referer         checked if a write has no Origin, as in some old browsers
//
// From other sites only navigation is accepted: a link that opens the documents in a tab.

import type { RequestHead } from '../form/request-head.ts';

const ORIGIN = /^https?:\/\/[^/?#@\\]+$/i;
const DOCUMENTS = /^\/(?:docs(?:\/[^?]*)?|openapi\.json)?(?:\?|$)/;

/** `target` is in origin form, and `head.host` is an accepted host. */
export function isCrossSite(
  head: RequestHead,
  method: string | undefined,
  target: string,
  origins: ReadonlySet<string>,
): boolean {
  const { origin, fetchSite, referer } = head;
  if (origin !== undefined) {
    if (origins.has(origin)) return false;
    if (!isSameOrigin(origin, head.host)) return true;
  } else if (referer !== undefined && !isReading(method) && fetchSite === undefined) {
    return !isOfPage(referer, head.host, origins);
  }
  if (fetchSite === undefined || fetchSite === 'same-origin' || fetchSite === 'none') return false;
  return !isVisit(head, method, target);
}

function isReading(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD';
}

/** True if the origin has the request's authority. Behind a proxy the scheme cannot be known. */
function isSameOrigin(origin: string, host: string | undefined): boolean {
  if (host === undefined || !ORIGIN.test(origin) || !URL.canParse(origin)) return false;
  const page = new URL(origin);
  const own = `${page.protocol}//${host}`;
  return URL.canParse(own) && new URL(own).host === page.host;
}

function isOfPage(
  referer: string,
  host: string | undefined,
  origins: ReadonlySet<string>,
): boolean {
  if (!URL.canParse(referer)) return false;
  const { origin } = new URL(referer);
  return origins.has(origin) || isSameOrigin(origin, host);
}

function isVisit(
  { fetchMode, fetchDest }: RequestHead,
  method: string | undefined,
  target: string,
): boolean {
  if (!isReading(method) || !DOCUMENTS.test(target)) return false;
  return fetchMode === 'navigate' && fetchDest === 'document';
}

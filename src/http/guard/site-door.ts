// Keeps the pages of other web sites out. A browser sends a request without a body, or with a form's, to any address that a
// page names, without asking first; only what the browser says of the page shows that the request is not the user's own:
// `Origin` (RFC 6454) and Fetch Metadata (`Sec-Fetch-Site`, W3C). Programs send neither, and pass.
//
//   Origin          that of this server, one that is configured, or none; `null` is foreign
//   Sec-Fetch-Site  same-origin, none (typed or bookmarked), or absent; another port of this host is `same-site`, and foreign
//   Referer         looked at where a write has no Origin, as some browsers once sent it
//
// Only a visit passes from elsewhere: a link that opens the documents in a tab of their own.

import type { RequestHead } from '../form/request-head.ts';

const ORIGIN = /^https?:\/\/[^/?#@\\]+$/i;
const DOCUMENTS = /^\/(?:docs(?:\/[^?]*)?|openapi\.json)?(?:\?|$)/;

/** `target` is in origin form, and `head.host` a host that is taken. */
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

/** The origin names the authority that the request names. Behind a proxy the server cannot know which scheme that is. */
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

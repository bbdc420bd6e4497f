// The headers of replies: each is described once, with the form that server and clients write and
// parse. Headers of requests only are in request-headers.ts.

export const REPLY_HEADERS = {
  'Accept-Ranges': '`none`: a value is sent whole',
  Allow: 'The methods that the path takes (405)',
  'Conit-Acks': 'Known durable copies and all replicas, such as 2/3',
  'Conit-Consistency': 'The level that the answer has',
  'Conit-Expires': 'When the value expires (RFC 3339); absent if it does not',
  'Conit-Served-By': 'The replica that answered, and its region',
  'Conit-Session': 'The session token: send it with the next request, to any replica',
  'Conit-Staleness': 'ms, a proved upper bound, or `unknown`',
  'Conit-Unmet': 'The guarantees of the session that the answer may not have (onUnmet=stale)',
  'Conit-Version': 'The dot of the write: replica.incarnation.sequence',
  'Conit-Superseded-By': 'A newer version that a replica reported for this write',
  ETag: 'The version, in quotes',
  'Last-Modified': 'When the write was accepted, to the second',
  Link: 'The next page: `<…>; rel="next"`',
  Location: 'Where to continue',
  'Preference-Applied': 'The part of Prefer that was followed',
  'Retry-After': 'Seconds after which trying again can help (429, 503)',
  'Server-Timing': 'The time of the request in the server, in ms',
  Vary: 'The request headers that chose the form of the answer',
  'WWW-Authenticate': 'The scheme of the tokens (401)',
} as const;

export type HeaderName = keyof typeof REPLY_HEADERS;

/** An entity tag is the version in quotes. */
export function versionTag(version: string): string {
  return `"${version}"`;
}

/** Conit-Acks: durable copies known, of all replicas. */
export function formatAcks(acks: number, replicas: number): string {
  return `${acks}/${replicas}`;
}

/** `undefined` if the text has another form. */
export function parseAcks(
  text: string,
): { readonly acks: number; readonly replicas: number } | undefined {
  const match = /^([0-9]{1,3})\/([0-9]{1,3})$/.exec(text);
  return match === null ? undefined : { acks: Number(match[1]), replicas: Number(match[2]) };
}

/** Conit-Staleness in ms. */
export function parseStaleness(text: string): number | 'unknown' {
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : 'unknown';
}

/** Conit-Served-By: the replica that answered, and its region. */
export function formatServedBy(id: string, region: string): string {
  return `"${id}";region=${region}`;
}

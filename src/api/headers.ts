// The headers of replies, each described once.

export const REPLY_HEADERS = {
  'Accept-Ranges': '`none`: a value is sent whole',
  Allow: 'The methods that the path takes (405)',
  'Conit-Acks': 'Durable copies known, of all replicas, as in 2/3',
  'Conit-Consistency': 'The level that was given',
  'Conit-Expires': 'When the value expires (RFC 3339); absent where it does not',
  'Conit-Served-By': 'The replica that answered, and its region',
  'Conit-Staleness': 'ms, a proved upper bound, or `unknown`',
  'Conit-Version': 'The dot of the write: replica.incarnation.sequence',
  'Conit-Superseded-By':
    'A newer version that a replica shows in the place of the write, where one has said so',
  ETag: 'The version, in quotes',
  'Last-Modified': 'When the write was accepted, to the second',
  Link: 'The next page: `<…>; rel="next"`',
  Location: 'Where to go on',
  'Preference-Applied': 'The part of Prefer that was followed',
  'Retry-After': 'Seconds after which trying again can help (429, 503)',
  'Server-Timing': 'How long the request was here, in ms',
  Vary: 'The request headers that chose the form of the answer',
  'WWW-Authenticate': 'The scheme of the tokens (401)',
} as const;

export type HeaderName = keyof typeof REPLY_HEADERS;

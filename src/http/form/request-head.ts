// The headers of one request that Conit uses, read in one pass over Node's raw list. One instance
// serves all requests, one after the other: a request copies what it needs later.
//
// A list header in several lines is joined (RFC 9110 section 5.3). A repeated header that may occur
// once is noted in `repeated`, and an unknown `Conit-` header sets `unknown`: both are refused.

/** The text members of a head: the headers, and `repeated`. */
type Text = {
  [Name in keyof RequestHead]: string | undefined extends RequestHead[Name] ? Name : never;
}[keyof RequestHead];
type Field = Exclude<Text, 'repeated'>;

interface Place {
  readonly name: string;
  readonly field: Field;
  readonly isList: boolean;
}

const PLACES: readonly Place[] = [
  list('accept', 'accept'),
  list('access-control-request-headers', 'requestHeaders'),
  list('content-digest', 'contentDigest'),
  list('content-encoding', 'contentEncoding'),
  list('digest', 'digest'),
  list('repr-digest', 'reprDigest'),
  list('transfer-encoding', 'transferEncoding'),
  list('upgrade', 'upgrade'),
  list('if-match', 'ifMatch'),
  list('if-none-match', 'ifNoneMatch'),
  list('prefer', 'prefer'),
  list('conit-tags', 'tags'),
  single('access-control-request-method', 'requestMethod'),
  single('access-control-request-private-network', 'requestPrivateNetwork'),
  single('authorization', 'authorization'),
  single('content-length', 'contentLength'),
  single('content-md5', 'contentMd5'),
  single('content-range', 'contentRange'),
  single('content-type', 'contentType'),
  single('expect', 'expect'),
  single('host', 'host'),
  single('idempotency-key', 'idempotencyKey'),
  single('if-modified-since', 'ifModifiedSince'),
  single('if-unmodified-since', 'ifUnmodifiedSince'),
  single('origin', 'origin'),
  single('referer', 'referer'),
  single('sec-fetch-dest', 'fetchDest'),
  single('sec-fetch-mode', 'fetchMode'),
  single('sec-fetch-site', 'fetchSite'),
  single('conit-context', 'context'),
  single('conit-session', 'session'),
  single('conit-weight', 'weight'),
];

/** Frequent headers that Conit ignores; their list saves a conversion to lower case. */
const IGNORED = ['User-Agent', 'Connection', 'Accept-Encoding', 'Accept-Language'];

const TABLE = tableOf(PLACES);

export class RequestHead {
  accept: string | undefined;
  authorization: string | undefined;
  contentDigest: string | undefined;
  contentEncoding: string | undefined;
  contentLength: string | undefined;
  contentMd5: string | undefined;
  contentRange: string | undefined;
  contentType: string | undefined;
  context: string | undefined;
  digest: string | undefined;
  expect: string | undefined;
  fetchDest: string | undefined;
  fetchMode: string | undefined;
  fetchSite: string | undefined;
  host: string | undefined;
  idempotencyKey: string | undefined;
  ifMatch: string | undefined;
  ifModifiedSince: string | undefined;
  ifNoneMatch: string | undefined;
  ifUnmodifiedSince: string | undefined;
  origin: string | undefined;
  prefer: string | undefined;
  referer: string | undefined;
  requestHeaders: string | undefined;
  requestMethod: string | undefined;
  requestPrivateNetwork: string | undefined;
  reprDigest: string | undefined;
  session: string | undefined;
  tags: string | undefined;
  transferEncoding: string | undefined;
  upgrade: string | undefined;
  weight: string | undefined;
  /** The name of a header that may occur once and occurred again. */
  repeated: string | undefined;
  /** There is a `Conit-` header with an unknown name. */
  unknown = false;
  /** The fields that are set, in the first places; setting the length of an array is slow. */
  readonly #taken: Place[] = [];
  #takenCount = 0;

  /** `raw` is names and values in turn, as Node returns them. */
  read(raw: readonly string[]): void {
    while (this.#takenCount > 0) {
      const { field } = this.#taken[--this.#takenCount] as Place;
      this[field] = undefined;
    }
    this.repeated = undefined;
    this.unknown = false;
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const name = raw[i] as string;
      const place = TABLE.get(name) ?? this.#placeOf(name);
      if (place !== null) this.#take(place, raw[i + 1] as string);
    }
  }

  /** A body follows the headers, even if it is only an empty chunk. */
  get hasBody(): boolean {
    if (this.transferEncoding !== undefined) return true;
    return this.contentLength !== undefined && Number(this.contentLength) > 0;
  }

  /**
   * The client waits for a 100 before it sends the body; not in HTTP/1.0 (RFC 9110 section 10.1.1).
   */
  expectsContinue({ httpVersion }: { readonly httpVersion: string }): boolean {
    return this.expect !== undefined && httpVersion === '1.1';
  }

  /** The request has an `Expect` other than 100-continue. */
  expectsMore(request: { readonly httpVersion: string }): boolean {
    return this.expectsContinue(request) && this.expect?.toLowerCase() !== '100-continue';
  }

  #take(place: Place, value: string): void {
    const { field, isList, name } = place;
    const before = this[field];
    if (before === undefined) {
      this[field] = value;
      this.#taken[this.#takenCount++] = place;
    } else if (isList) this[field] = `${before}, ${value}`;
    else this.repeated = name;
  }

  #placeOf(name: string): Place | null {
    const lower = name.toLowerCase();
    const place = TABLE.get(lower);
    if (place === undefined && lower.startsWith('conit-')) this.unknown = true;
    return place ?? null;
  }
}

function list(name: string, field: Field): Place {
  return { name, field, isList: true };
}

function single(name: string, field: Field): Place {
  return { name, field, isList: false };
}

function tableOf(places: readonly Place[]): ReadonlyMap<string, Place | null> {
  const table = new Map<string, Place | null>();
  for (const name of IGNORED) table.set(name, null).set(name.toLowerCase(), null);
  for (const place of places) table.set(place.name, place).set(capitalized(place.name), place);
  return table;
}

// `if-none-match` as most clients write it: `If-None-Match`.
function capitalized(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}

// Every bound and period of the HTTP server, with its unit in the name and what happens at it.
// config/load.ts fills it from flags, environment and file.

export interface HttpLimits {
  /** A larger value is refused with 413 before it is read. */
  readonly valueBytesMax: number;
  /** A larger batch body is refused with 413 before it is read. */
  readonly batchBytesMax: number;
  /** More operations in one batch are refused with 413. */
  readonly batchItemsMax: number;
  /**
   * A list page with inline values ends before it exceeds this; its cursor continues from there.
   */
  readonly listBytesMax: number;
  /**
   * Replies that their clients have not taken, and values of answers in preparation, over all
   * connections. Beyond it the connection whose reply has waited longest is closed, and a batch
   * waits for room.
   */
  readonly replyBytesMax: number;
  /** Bodies that are still arriving, over all connections. Beyond it the oldest is answered 503. */
  readonly arrivingBytesMax: number;
  /** Nesting of JSON in request bodies. Deeper is refused with 400. */
  readonly jsonDepthMax: number;
  /** A longer request target is refused with 414. */
  readonly urlBytesMax: number;
  /** Request line and headers together. More is refused with 431. */
  readonly headerBytesMax: number;
  /** More header lines are refused with 431. */
  readonly headersMax: number;
  /** A connection that has not sent its headers within this is answered 408 and closed. */
  readonly headersTimeoutMs: number;
  /** A request that has not arrived completely within this is answered 408 and closed. */
  readonly requestTimeoutMs: number;
  /**
   * An idle connection is closed after this; load balancers usually keep theirs for 60 s, so it is
   * longer.
   */
  readonly keepAliveMs: number;
  /** A reply of which nothing could be sent for this long is given up. */
  readonly stalledReplyMs: number;
  /** How often the timeouts above are checked. */
  readonly connectionsCheckMs: number;
  /** Connections beyond these are closed as they arrive. */
  readonly connectionsMax: number;
  readonly connectionsPerAddressMax: number;
  /** Ordinary requests for keys are read without Node's HTTP server; the answers are the same. */
  readonly fastPath: boolean;
  /** Failures in a row with the same credentials before they are answered 429; 0 for no limit. */
  readonly authFailuresMax: number;
  /** One of these failures is forgotten in this time. */
  readonly authFailureForgetMs: number;
  /**
   * Failures of one address before further wrong credentials from it are answered 429; valid ones
   * never are. 0 for no limit.
   */
  readonly authFailuresPerAddressMax: number;
  /** One of these failures is forgotten in this time. */
  readonly authAddressForgetMs: number;
  /** Addresses and credentials whose failures are counted; the oldest is dropped first. */
  readonly authFailuresKnownMax: number;
  /**
   * How long a refused request's body is still read, so that the client sees the reply and not a
   * reset.
   */
  readonly lingerMs: number;
  /** Requests still running this long after `close` are cut off. */
  readonly drainMs: number;
  /** How long `close` keeps the listener open, so that new clients are answered. */
  readonly noticeMs: number;
}

export const HTTP_LIMITS_DEFAULT: HttpLimits = {
  valueBytesMax: 1024 * 1024,
  batchBytesMax: 16 * 1024 * 1024,
  batchItemsMax: 1000,
  listBytesMax: 4 * 1024 * 1024,
  replyBytesMax: 128 * 1024 * 1024,
  arrivingBytesMax: 128 * 1024 * 1024,
  jsonDepthMax: 32,
  urlBytesMax: 12 * 1024,
  headerBytesMax: 16 * 1024,
  headersMax: 128,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  keepAliveMs: 75_000,
  stalledReplyMs: 60_000,
  connectionsCheckMs: 2000,
  connectionsMax: 16_384,
  connectionsPerAddressMax: 8192,
  fastPath: true,
  authFailuresMax: 20,
  authFailureForgetMs: 3000,
  authFailuresPerAddressMax: 1000,
  authAddressForgetMs: 50,
  authFailuresKnownMax: 4096,
  lingerMs: 1000,
  drainMs: 10_000,
  noticeMs: 0,
};

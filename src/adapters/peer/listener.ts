// The listening side of the peer channel: accepts connections on a port of its own and hands over
// those that have proved themselves. The cost of unproved connections is bounded: by their number
// (strangers.ts), a deadline for the greeting and one for the whole handshake, and headers of one
// kilobyte. No body and no WebSocket frame is read before the proof.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import type { Incarnation } from '../../model/id.ts';
import type { Member } from '../../model/quorum.ts';
import {
  challengeHeaders,
  chooseVersion,
  freshNonce,
  type Greeting,
  HANDSHAKE_BYTES_MAX,
  isProof,
  PEER_PATH,
  type PeerIdentity,
  PROBE_PATH,
  proofOf,
  readGreeting,
  type Refusal,
  REFUSALS,
  type Transcript,
} from '../handshake.ts';
import { CLOCK_HEADER, CLOCK_PATH } from './peer-clock.ts';
import { PeerAddresses } from './addresses.ts';
import { type Introduction, introductionHeaders, proofBy } from './probe.ts';
import { Strangers } from './strangers.ts';

/** A connection whose other end has proved itself. */
export interface Authenticated {
  readonly peer: Member;
  readonly incarnation: Incarnation;
  readonly version: number;
  readonly socket: WebSocket;
  readonly stream: Socket;
}

export interface PeerListenerOptions {
  readonly identity: PeerIdentity;
  readonly members: readonly Member[];
  readonly handshakeTimeoutMs: number;
  /** The bound on unproved connections; beyond it the oldest of a kind is dropped. */
  readonly strangersMax: number;
  /** Options of the WebSocket layer. */
  readonly socketOptions: { readonly maxPayload: number };
  /** The owner's last check before a peer is accepted. */
  readonly admit: (peer: Member, incarnation: Incarnation) => Refusal | undefined;
  /** The answer of this replica to a probe; `undefined` before it has begun. */
  readonly introduce: () => Introduction | undefined;
  readonly onAuthenticated: (connection: Authenticated) => void;
  readonly onRefused: (reason: Refusal) => void;
}

/** A dialer sends its greeting as soon as it is connected. */
const GREETING_TIMEOUT_MS = 2000;

/** What the dialer has to prove on this connection. A challenge is used once. */
interface Challenged {
  /** `undefined`: the dialer only asks which replica this is. */
  readonly peer: Member | undefined;
  readonly said: Transcript;
}

export class PeerListener {
  readonly #options: PeerListenerOptions;
  readonly #http: Server;
  readonly #websockets: WebSocketServer;
  readonly #strangers: Strangers<Challenged>;
  readonly #addresses: PeerAddresses;
  readonly #proofs = new WeakMap<IncomingMessage, string>();

  constructor(options: PeerListenerOptions) {
    this.#options = options;
    const { identity, members, strangersMax, handshakeTimeoutMs } = options;
    this.#addresses = new PeerAddresses(members.filter(({ id }) => id < identity.id));
    this.#strangers = new Strangers({
      max: strangersMax,
      greetingTimeoutMs: Math.min(handshakeTimeoutMs, GREETING_TIMEOUT_MS),
      handshakeTimeoutMs,
      isKnown: (address) => this.#addresses.isKnown(address),
      onDropped: options.onRefused,
    });
    this.#websockets = new WebSocketServer({
      ...options.socketOptions,
      noServer: true,
      clientTracking: false,
    });
    this.#websockets.on('headers', (headers, request) => {
      headers.push(`Conit-Proof: ${this.#proofs.get(request) ?? ''}`);
    });
    this.#http = createServer({ maxHeaderSize: HANDSHAKE_BYTES_MAX, noDelay: true });
    this.#http.on('connection', (stream) => this.#strangers.add(stream));
    this.#http.on('request', (request, response) => this.#onRequest(request, response));
    this.#http.on('checkContinue', (request, response) => this.#onRequest(request, response));
    this.#http.on('upgrade', (request, stream, head) => this.#onUpgrade(request, stream, head));
    this.#http.on('clientError', (error, stream) => this.#onMalformed(error, stream));
  }

  /** Resolves when connections are accepted; rejects if the address cannot be bound. */
  listen(host: string, port: number): Promise<AddressInfo> {
    return new Promise((resolve, reject) => {
      this.#http.once('error', reject);
      this.#http.listen({ host, port }, () => {
        this.#http.off('error', reject);
        // The process had no descriptor for a connection.
        this.#http.on('error', () => this.#options.onRefused('crowded'));
        this.#addresses.start();
        resolve(this.#http.address() as AddressInfo);
      });
    });
  }

  /**
   * Accepts no further connection and drops the unproved ones. Connections that were handed over
   * stay open.
   */
  close(): Promise<void> {
    this.#addresses.stop();
    this.#strangers.clear();
    return new Promise((resolve) => this.#http.close(() => resolve()));
  }

  /** Answers a greeting with a challenge. */
  #onRequest(request: IncomingMessage, response: ServerResponse): void {
    if (request.url === CLOCK_PATH) return this.#tellTime(response);
    if (request.url === PROBE_PATH) return this.#onProbe(request, response);
    const challenged =
      requestRefusal(request, PEER_PATH) ?? this.#challenge(readGreeting(request.headers));
    this.#answer(request, response, challenged);
  }

  #answer(
    request: IncomingMessage,
    response: ServerResponse,
    challenged: Challenged | Refusal,
  ): void {
    if (typeof challenged === 'string') return this.#refuse(response, challenged);
    if (!this.#strangers.challenge(request.socket, challenged))
      return this.#refuse(response, 'malformed');
    const { version, listener } = challenged.said;
    response.writeHead(401, { ...challengeHeaders({ version, ...listener }), 'Content-Length': 0 });
    response.end();
  }

  /**
   * Answers the greeting of a probe with a challenge, and the proof with the identity of this
   * replica.
   */
  #onProbe(request: IncomingMessage, response: ServerResponse): void {
    const refusal = requestRefusal(request, PROBE_PATH);
    if (refusal !== undefined) return this.#refuse(response, refusal);
    if (request.headers['conit-proof'] === undefined)
      return this.#answer(request, response, this.#challengeProbe(readGreeting(request.headers)));
    const challenged = this.#strangers.take(request.socket);
    const shown = this.#options.introduce();
    if (challenged === undefined || challenged.peer !== undefined)
      return this.#refuse(response, 'challenge');
    if (shown === undefined) return this.#refuse(response, 'starting');
    const { secret } = this.#options.identity;
    if (!isProof(request.headers['conit-proof'], proofOf(secret, 'asker', challenged.said)))
      return this.#refuse(response, 'proof');
    const proof = proofBy(secret, shown, challenged.said);
    const headers = { ...introductionHeaders(shown), 'Conit-Proof': proof, Connection: 'close' };
    response.writeHead(204, headers);
    response.end(() => response.socket?.destroy());
  }

  #challengeProbe(greeting: Greeting | undefined): Challenged | Refusal {
    if (greeting === undefined) return 'malformed';
    const { clusterId, id, protocols } = this.#options.identity;
    if (greeting.clusterId !== clusterId) return 'cluster';
    if (greeting.listenerId !== id) return 'recipient';
    if (this.#options.introduce() === undefined) return 'starting';
    const version = chooseVersion(greeting.offered, protocols);
    if (version === undefined) return 'version';
    return { peer: undefined, said: this.#said(greeting, version) };
  }

  #said({ clusterId, dialer, offered }: Greeting, version: number): Transcript {
    const { id, incarnation } = this.#options.identity;
    const listener = { id, incarnation: incarnation(), nonce: freshNonce() };
    return { clusterId, offered, version, dialer, listener };
  }

  /** For replicas that compare their clocks before they begin. */
  #tellTime(response: ServerResponse): void {
    response.writeHead(204, { [CLOCK_HEADER]: String(Date.now()), Connection: 'close' });
    response.end(() => response.socket?.destroy());
  }

  #challenge(greeting: Greeting | undefined): Challenged | Refusal {
    if (greeting === undefined) return 'malformed';
    const { clusterId, id, protocols } = this.#options.identity;
    const { dialer, offered } = greeting;
    if (greeting.clusterId !== clusterId) return 'cluster';
    if (dialer.id === id) return 'self';
    if (greeting.listenerId !== id) return 'recipient';
    const peer = this.#options.members.find((member) => member.id === dialer.id);
    if (peer === undefined) return 'stranger';
    if (peer.id > id) return 'direction';
    const version = chooseVersion(offered, protocols);
    if (version === undefined) return 'version';
    const said = this.#said(greeting, version);
    return this.#options.admit(peer, dialer.incarnation) ?? { peer, said };
  }

  /** A valid proof opens the WebSocket. The challenge is used up, even if the proof fails. */
  #onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const { socket } = request;
    const challenged = this.#strangers.take(socket);
    const refusal =
      requestRefusal(request, PEER_PATH) ?? this.#proofRefusal(request, head, challenged);
    if (challenged?.peer === undefined || refusal !== undefined)
      return this.#refuseRaw(stream, refusal ?? 'challenge');
    const { peer, said } = challenged;
    const { version, dialer } = said;
    this.#addresses.proved(peer.id, socket.remoteAddress ?? '');
    this.#proofs.set(request, proofOf(this.#options.identity.secret, 'listener', said));
    this.#websockets.handleUpgrade(request, stream, head, (websocket) => {
      const { incarnation } = dialer;
      const ends = { socket: websocket, stream: socket };
      this.#options.onAuthenticated({ peer, incarnation, version, ...ends });
    });
  }

  #proofRefusal(
    request: IncomingMessage,
    head: Buffer,
    challenged: Challenged | undefined,
  ): Refusal | undefined {
    if (challenged?.peer === undefined) return 'challenge';
    // A dialer waits for the listener's proof, so it has sent nothing yet.
    if (head.length > 0) return 'malformed';
    const { peer, said } = challenged;
    const expected = proofOf(this.#options.identity.secret, 'dialer', said);
    if (!isProof(request.headers['conit-proof'], expected)) return 'proof';
    return this.#options.admit(peer, said.dialer.incarnation);
  }

  #refuse(response: ServerResponse, reason: Refusal): void {
    this.#options.onRefused(reason);
    response.writeHead(REFUSALS[reason], refusalHeaders(reason, this.#options.identity));
    response.end(() => response.socket?.destroy());
  }

  /** Like `#refuse`, for requests without a response object. */
  #refuseRaw(stream: Duplex, reason: Refusal): void {
    this.#options.onRefused(reason);
    const headers = Object.entries(refusalHeaders(reason, this.#options.identity));
    const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join('');
    stream.on('error', () => stream.destroy());
    stream.end(`HTTP/1.1 ${REFUSALS[reason]} Refused\r\n${lines}\r\n`, () => stream.destroy());
  }

  #onMalformed(error: NodeJS.ErrnoException, stream: Duplex): void {
    const isOversized = error.code === 'HPE_HEADER_OVERFLOW';
    if (stream.writable) this.#refuseRaw(stream, isOversized ? 'oversized' : 'malformed');
    else stream.destroy();
  }
}

/** Signs that a request is not a handshake: another path, the origin of a browser, a body. */
function requestRefusal(request: IncomingMessage, path: string): Refusal | undefined {
  const { headers } = request;
  if (headers.origin !== undefined || headers['sec-websocket-origin'] !== undefined)
    return 'origin';
  if (request.url !== path) return 'path';
  const hasBody = headers['content-length'] !== undefined || 'transfer-encoding' in headers;
  return request.method !== 'GET' || hasBody ? 'malformed' : undefined;
}

function refusalHeaders(reason: Refusal, { protocols }: PeerIdentity): { [name: string]: string } {
  return {
    'Conit-Refusal': reason,
    'Content-Length': '0',
    Connection: 'close',
    ...(reason === 'version' ? { 'Conit-Protocols': protocols.join(',') } : {}),
  };
}

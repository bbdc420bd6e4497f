// The dialing side of the peer channel: keeps one connection to one peer. It dials, proves itself,
// and checks the proof of the other side before it reads a frame. When the connection ends, it
// dials again after a pause. The pause doubles with each failure up to a bound, and its length is
// drawn at random from the upper half, so that replicas that lost a peer at the same time do not
// all dial it at the same time.
//
//  waiting -> dialing -> connected -> waiting           * -> stopped

import { Agent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { WebSocket } from 'ws';
import type { Member } from '../../model/quorum.ts';
import {
  chooseVersion,
  freshNonce,
  type Greeting,
  greetingHeaders,
  HANDSHAKE_BYTES_MAX,
  isProof,
  PEER_PATH,
  type PeerIdentity,
  proofOf,
  readChallenge,
  refusalOf,
  type Transcript,
} from '../handshake.ts';
import type { Authenticated } from './listener.ts';

export interface PeerDialerOptions {
  readonly identity: PeerIdentity;
  readonly peer: Member;
  readonly handshakeTimeoutMs: number;
  readonly reconnectMinMs: number;
  readonly reconnectMaxMs: number;
  /** Options of the WebSocket layer. */
  readonly socketOptions: { readonly maxPayload: number };
  readonly onAuthenticated: (connection: Authenticated) => void;
  /**
   * An attempt failed; `reason` is a refusal of the peer, an error code, or a short description.
   */
  readonly onFailed: (peer: Member, reason: string) => void;
}

/** One attempt, with everything that must be released if it fails. */
interface Attempt {
  readonly agent: Agent;
  readonly deadline: NodeJS.Timeout;
  request: ClientRequest | undefined;
  socket: WebSocket | undefined;
  proved: boolean;
}

export class PeerDialer {
  readonly #options: PeerDialerOptions;
  readonly #url: string;
  #state: 'waiting' | 'dialing' | 'connected' | 'stopped' = 'waiting';
  #attempt: Attempt | undefined;
  #pause: NodeJS.Timeout | undefined;
  #failures = 0;
  #connectedAtMs = 0;

  constructor(options: PeerDialerOptions) {
    this.#options = options;
    this.#url = `${options.peer.peerAddress}${PEER_PATH}`;
  }

  start(): void {
    this.#dial();
  }

  /** connected -> waiting. A connection that ended soon counts as a failure. */
  onClosed(): void {
    if (this.#state !== 'connected') return;
    const lastedMs = performance.now() - this.#connectedAtMs;
    this.#failures = lastedMs > this.#options.reconnectMaxMs ? 0 : this.#failures + 1;
    this.#wait();
  }

  /** * -> stopped */
  stop(): void {
    this.#state = 'stopped';
    clearTimeout(this.#pause);
    this.#abandon();
  }

  #wait(): void {
    const { reconnectMinMs, reconnectMaxMs } = this.#options;
    const pauseMs = Math.min(reconnectMaxMs, reconnectMinMs * 2 ** Math.min(this.#failures, 30));
    this.#state = 'waiting';
    this.#pause = setTimeout(() => this.#dial(), pauseMs * (0.5 + Math.random() / 2));
  }

  /** waiting -> dialing: sends the greeting, on the connection that carries the proof as well. */
  #dial(): void {
    const { identity, peer, handshakeTimeoutMs } = this.#options;
    this.#state = 'dialing';
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const deadline = setTimeout(() => this.#fail('timeout'), handshakeTimeoutMs);
    const attempt: Attempt = {
      agent,
      deadline,
      request: undefined,
      socket: undefined,
      proved: false,
    };
    this.#attempt = attempt;
    const { clusterId, id } = identity;
    const dialer = { id, incarnation: identity.incarnation(), nonce: freshNonce() };
    const offered = identity.protocols.join(',');
    const greeting: Greeting = { clusterId, offered, dialer, listenerId: peer.id };
    attempt.request = httpRequest(`http://${this.#url}`, {
      agent,
      headers: greetingHeaders(greeting),
      maxHeaderSize: HANDSHAKE_BYTES_MAX,
    });
    attempt.request.on('error', (error) => this.#failIn(attempt, reasonOf(error)));
    attempt.request.on('response', (answer) => this.#onAnswer(attempt, greeting, answer));
    attempt.request.end();
  }

  #onAnswer(attempt: Attempt, greeting: Greeting, answer: IncomingMessage): void {
    const challenge = answer.statusCode === 401 ? readChallenge(answer.headers) : undefined;
    if (challenge === undefined) return this.#failIn(attempt, refusalOf(answer));
    const { version, incarnation, nonce } = challenge;
    if (answer.headers['content-length'] !== '0') return this.#failIn(attempt, 'malformed');
    if (chooseVersion(String(version), this.#options.identity.protocols) === undefined)
      return this.#failIn(attempt, 'version');
    const { clusterId, offered, dialer } = greeting;
    const listener = { id: greeting.listenerId, incarnation, nonce };
    const said = { clusterId, offered, version, dialer, listener };
    answer.on('end', () => this.#prove(attempt, said));
    answer.resume();
  }

  #prove(attempt: Attempt, said: Transcript): void {
    if (attempt !== this.#attempt) return;
    const { identity, socketOptions } = this.#options;
    const options = {
      ...socketOptions,
      agent: attempt.agent,
      headers: { 'Conit-Proof': proofOf(identity.secret, 'dialer', said) },
      maxHeaderSize: HANDSHAKE_BYTES_MAX,
    };
    const socket = new WebSocket(`ws://${this.#url}`, options);
    attempt.socket = socket;
    socket.on('error', (error) => this.#failIn(attempt, reasonOf(error)));
    socket.on('unexpected-response', (_request, answer) =>
      this.#failIn(attempt, refusalOf(answer)),
    );
    // Runs before any byte of the peer is read as a frame.
    socket.on('upgrade', (answer) => {
      const expected = proofOf(identity.secret, 'listener', said);
      attempt.proved = isProof(answer.headers['conit-proof'], expected);
      if (attempt.proved) socket.on('open', () => this.#connected(attempt, said, answer));
      else this.#failIn(attempt, 'proof of the listener');
    });
  }

  /** dialing -> connected */
  #connected(attempt: Attempt, { version, listener }: Transcript, answer: IncomingMessage): void {
    const { socket } = attempt;
    if (attempt !== this.#attempt || socket === undefined) return;
    clearTimeout(attempt.deadline);
    this.#attempt = undefined;
    this.#state = 'connected';
    this.#connectedAtMs = performance.now();
    const { incarnation } = listener;
    const ends = { socket, stream: answer.socket };
    this.#options.onAuthenticated({ peer: this.#options.peer, incarnation, version, ...ends });
  }

  #failIn(attempt: Attempt, reason: string): void {
    if (attempt === this.#attempt) this.#fail(reason);
  }

  /** dialing -> waiting */
  #fail(reason: string): void {
    this.#abandon();
    this.#failures++;
    this.#options.onFailed(this.#options.peer, reason);
    this.#wait();
  }

  #abandon(): void {
    const attempt = this.#attempt;
    if (attempt === undefined) return;
    this.#attempt = undefined;
    clearTimeout(attempt.deadline);
    attempt.request?.destroy();
    attempt.socket?.terminate();
    attempt.agent.destroy();
  }
}

function reasonOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message;
}

// A peer made of a bare socket: it sends exactly what a test wants, and records exactly what comes
// back.

import { connect, type Socket } from 'node:net';
import {
  type Greeting,
  greetingHeaders,
  proofOf,
  readChallenge,
  type Transcript,
} from '../../src/adapters/handshake.ts';

export interface Answer {
  readonly status: number;
  readonly headers: { readonly [name: string]: string };
}

export interface RawOptions {
  readonly path?: string;
  readonly headers?: { readonly [name: string]: string };
}

export class RawPeer {
  /** Everything that arrived and was not taken yet. */
  received = Buffer.alloc(0);
  readonly socket: Socket;
  /** Resolves when the connection has ended. */
  readonly closed: Promise<void>;
  #isClosed = false;
  #onChange: () => void = () => {};

  /** `from` is an address of this machine. */
  constructor(port: number, from = '127.0.0.1') {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true, localAddress: from });
    this.socket.on('data', (bytes) => {
      this.received = Buffer.concat([this.received, bytes]);
      this.#onChange();
    });
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', () => {
        this.#isClosed = true;
        this.#onChange();
        resolve();
      });
    });
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  /** The next HTTP answer; `undefined` if the connection ends without one. */
  async answer(): Promise<Answer | undefined> {
    while (!this.received.includes('\r\n\r\n')) {
      if (this.#isClosed) return undefined;
      await new Promise<void>((resolve) => (this.#onChange = resolve));
    }
    const end = this.received.indexOf('\r\n\r\n');
    const [first = '', ...lines] = this.received.subarray(0, end).toString('latin1').split('\r\n');
    this.received = this.received.subarray(end + 4);
    const pairs = lines.map((line) => line.split(': ') as [string, string]);
    const headers = Object.fromEntries(pairs.map(([name, value]) => [name.toLowerCase(), value]));
    return { status: Number(first.split(' ')[1]), headers };
  }

  greet(greeting: Greeting, options: RawOptions = {}): Promise<Answer | undefined> {
    this.send(requestText({ ...greetingHeaders(greeting), ...options.headers }, options.path));
    return this.answer();
  }

  /** Both legs, with the given secret; resolves with the last answer. */
  async shake(
    greeting: Greeting,
    secret: Buffer,
    options: RawOptions = {},
  ): Promise<Answer | undefined> {
    const answer = await this.greet(greeting);
    const challenge = readChallenge(answer?.headers ?? {});
    if (challenge === undefined) return answer;
    const { clusterId, offered, dialer, listenerId } = greeting;
    const { version, incarnation, nonce } = challenge;
    const listener = { id: listenerId, incarnation, nonce };
    const said: Transcript = { clusterId, offered, version, dialer, listener };
    this.send(upgradeText(proofOf(secret, 'dialer', said), options));
    return this.answer();
  }

  end(): void {
    this.socket.destroy();
  }
}

export function requestText(headers: { readonly [name: string]: string }, path = '/peer'): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\nHost: peer\r\n${lines.join('')}\r\n`;
}

export function upgradeText(proof: string, { path, headers }: RawOptions = {}): string {
  const fixed = {
    Connection: 'Upgrade',
    Upgrade: 'websocket',
    'Sec-WebSocket-Version': '13',
    'Sec-WebSocket-Key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'Conit-Proof': proof,
  };
  return requestText({ ...fixed, ...headers }, path);
}

/** A masked WebSocket frame of a client, with a mask of zeros; `lengthClaimed` may be wrong. */
export function websocketFrame(
  first: number,
  payload: Uint8Array,
  lengthClaimed = payload.length,
): Buffer {
  const head = Buffer.alloc(14);
  head[0] = first;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(lengthClaimed), 2);
  return Buffer.concat([head, payload]);
}

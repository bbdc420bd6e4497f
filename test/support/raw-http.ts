// A keep-alive HTTP/1.1 connection with one request at a time, directly on a socket: cheap enough
// to load a cluster from the process that also kills it, and precise about the outcome of a
// request. A request has three ends: a whole reply, a broken connection, or no reply in time.

import { connect, type Socket } from 'node:net';

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** How long to wait for the reply before the connection is given up. */
  readonly timeoutMs: number;
}

export interface RawReply {
  readonly kind: 'reply';
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

/** Bytes were sent, and their outcome is unknown. */
export interface NoReply {
  readonly kind: 'broken' | 'timeout';
}

export interface RawConnection {
  /** False if the server ended it, and after a request without a reply. */
  readonly isOpen: boolean;
  send(request: RawRequest): Promise<RawReply | NoReply>;
  close(): void;
}

/** `undefined` if no process listens: then nothing was sent. */
export function openConnection(port: number): Promise<RawConnection | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true });
    socket.once('error', () => resolve(undefined));
    socket.once('connect', () => resolve(new SocketConnection(socket)));
  });
}

class SocketConnection implements RawConnection {
  readonly #socket: Socket;
  #held: Buffer = Buffer.alloc(0);
  #waiting:
    | { readonly end: (reply: RawReply | NoReply) => void; readonly isHead: boolean }
    | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.removeAllListeners('error');
    socket.on('error', () => undefined);
    socket.on('data', (data: Buffer) => this.#onData(data));
    socket.on('end', () => socket.destroy());
    socket.on('close', () => this.#finish({ kind: 'broken' }));
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed;
  }

  send(request: RawRequest): Promise<RawReply | NoReply> {
    if (this.#waiting !== undefined) throw new Error('one request at a time');
    return new Promise((resolve) => {
      this.#waiting = { end: resolve, isHead: request.method === 'HEAD' };
      this.#timer = setTimeout(() => this.#giveUp(), request.timeoutMs);
      if (this.isOpen) this.#socket.write(format(request));
      else this.#finish({ kind: 'broken' });
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #giveUp(): void {
    this.#finish({ kind: 'timeout' });
    this.#socket.destroy();
  }

  #onData(data: Buffer): void {
    this.#held = this.#held.length === 0 ? data : Buffer.concat([this.#held, data]);
    if (this.#waiting === undefined) return;
    const parsed = parseReply(this.#held, this.#waiting.isHead);
    if (parsed === undefined) return;
    this.#held = this.#held.subarray(parsed.end);
    if (parsed.reply.headers.get('connection') === 'close') this.#socket.destroy();
    this.#finish(parsed.reply);
  }

  #finish(reply: RawReply | NoReply): void {
    clearTimeout(this.#timer);
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.end(reply);
  }
}

function format({ method, path, headers = {}, body = '' }: RawRequest): Buffer {
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  const lines = [`${method} ${path} HTTP/1.1`, 'Host: 127.0.0.1'];
  for (const [name, value] of Object.entries(headers)) lines.push(`${name}: ${value}`);
  if (bytes.length > 0 || !isBodiless(method)) lines.push(`Content-Length: ${bytes.length}`);
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), bytes]);
}

function isBodiless(method: string): boolean {
  return method === 'GET' || method === 'HEAD' || method === 'DELETE';
}

interface Parsed {
  readonly reply: RawReply;
  readonly end: number;
}

/** The reply at the start of the data; `undefined` while it is incomplete. */
function parseReply(data: Buffer, isHead: boolean): Parsed | undefined {
  const headEnd = data.indexOf('\r\n\r\n');
  if (headEnd < 0) return undefined;
  const [first = '', ...lines] = data.toString('latin1', 0, headEnd).split('\r\n');
  const headers = new Map(lines.map(splitHeader));
  const status = Number(first.slice(9, 12));
  const bodyAt = headEnd + 4;
  const isEmpty = isHead || status === 204 || status === 304;
  const body = isEmpty ? { bytes: Buffer.alloc(0), end: bodyAt } : readBody(data, bodyAt, headers);
  if (body === undefined) return undefined;
  return { reply: { kind: 'reply', status, headers, body: body.bytes }, end: body.end };
}

function splitHeader(line: string): [string, string] {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

interface Body {
  readonly bytes: Buffer;
  readonly end: number;
}

function readBody(
  data: Buffer,
  at: number,
  headers: ReadonlyMap<string, string>,
): Body | undefined {
  if (headers.get('transfer-encoding') === 'chunked') return readChunks(data, at);
  const end = at + Number(headers.get('content-length') ?? 0);
  return end > data.length ? undefined : { bytes: data.subarray(at, end), end };
}

function readChunks(data: Buffer, begin: number): Body | undefined {
  const chunks: Buffer[] = [];
  for (let at = begin; ; ) {
    const lineEnd = data.indexOf('\r\n', at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(data.toString('latin1', at, lineEnd), 16);
    const end = lineEnd + 2 + size;
    if (Number.isNaN(size) || end + 2 > data.length) return undefined;
    if (size === 0) return { bytes: Buffer.concat(chunks), end: end + 2 };
    chunks.push(data.subarray(lineEnd + 2, end));
    at = end + 2;
  }
}

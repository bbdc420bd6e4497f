// What the data path, its checks and its bounds need of a request and of its reply. Node's own
// objects implement it, and so do those of the fast path (fast-path/). So the same code serves
// both, and an answer does not depend on the parser that read the request.

import type { IncomingHttpHeaders } from 'node:http';
import type { Socket } from 'node:net';

export interface HttpRequest {
  readonly method?: string | undefined;
  /** Rewritten once if the target is in absolute form. */
  url?: string | undefined;
  readonly httpVersion: string;
  /** Names and values in turn, as received. */
  readonly rawHeaders: readonly string[];
  /** Has Content-Length, Transfer-Encoding and Expect at least. */
  readonly headers: IncomingHttpHeaders;
  /** The body has arrived completely. */
  readonly complete: boolean;
  readonly socket: Socket;
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'end', listener: () => void): unknown;
  once(event: 'end' | 'close', listener: () => void): unknown;
  /** Reads and discards the rest of the body. */
  resume(): unknown;
}

export interface HttpResponse {
  readonly req: { readonly socket: Socket };
  readonly headersSent: boolean;
  /** False: the reply says that its connection ends, and ends it. */
  shouldKeepAlive: boolean;
  readonly destroyed: boolean;
  /** Bytes that the kernel has not accepted yet. */
  readonly writableLength: number;
  setHeader(name: string, value: string): unknown;
  getHeaderNames(): readonly string[];
  removeHeader(name: string): void;
  writeContinue(): void;
  /** `head` is names and values in turn. */
  writeHead(status: number, head: string[]): unknown;
  write(body: string): unknown;
  end(body?: string | Uint8Array, encoding?: BufferEncoding): unknown;
  /** Called when the kernel has accepted the reply, or its connection is closed. */
  once(event: 'close', listener: () => void): unknown;
}

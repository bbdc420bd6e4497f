// The reply to a request that the fast path has read, in the form that the data path uses. It is
// written after the replies before it; until then its text is kept here. If no reply is before it,
// it is written without delay.

import { assert } from '../../base/assert.ts';
import type { HttpResponse } from '../message.ts';
import type { FastRequest } from './fast-request.ts';
import { headText } from './reply-text.ts';

/** The connection that writes replies in the order of their requests. */
export interface Desk {
  readonly keepAlive: string;
  /** Bytes that the kernel has not accepted yet. */
  readonly writableLength: number;
  /** More of this reply may be written. */
  onText(response: FastResponse): void;
}

export class FastResponse implements HttpResponse {
  readonly req: FastRequest;
  headersSent = false;
  shouldKeepAlive = true;
  destroyed = false;
  /** The reply is complete. */
  isEnded = false;
  /** No other reply follows on its connection. */
  isLast = false;
  /** All bytes were handed to the socket; `size` is their number. */
  isWritten = false;
  size = 0;
  text = '';
  encoding: BufferEncoding = 'latin1';
  bytes: Uint8Array | undefined = undefined;
  readonly #desk: Desk;
  #close: (() => void)[] | undefined = undefined;

  constructor(request: FastRequest, desk: Desk) {
    this.req = request;
    this.#desk = desk;
  }

  /** Once this reply may be written, only the bytes that the connection still holds count. */
  get writableLength(): number {
    if (this.isWritten) return Math.min(this.size, this.#desk.writableLength);
    return this.text.length + (this.bytes?.length ?? 0);
  }

  writeHead(status: number, head: string[]): this {
    assert(!this.headersSent, 'fast path: a reply has one head');
    const keepAlive = this.shouldKeepAlive ? this.#desk.keepAlive : undefined;
    const { text, isLast } = headText(status, head, keepAlive);
    this.headersSent = true;
    this.text = text;
    this.isLast ||= isLast;
    return this;
  }

  /** Writes the head and a part of the content; `end` follows. */
  write(body: string): boolean {
    assert(
      this.headersSent && !this.isEnded,
      'fast path: content without a head, or behind the end',
    );
    this.text += body;
    this.encoding = 'utf8';
    this.#desk.onText(this);
    return true;
  }

  end(body?: string | Uint8Array, encoding: BufferEncoding = 'utf8'): this {
    if (this.isEnded) return this;
    assert(this.headersSent, 'fast path: a reply without a head');
    this.isEnded = true;
    if (typeof body === 'string') {
      this.text += body;
      this.encoding = encoding;
    } else if (body !== undefined && body.length > 0) this.bytes = body;
    this.#desk.onText(this);
    return this;
  }

  once(_event: 'close', listener: () => void): this {
    (this.#close ??= []).push(listener);
    return this;
  }

  /** The kernel has accepted the reply, or the connection is closed. */
  close(): void {
    assert(!this.destroyed, 'fast path: a reply is closed once');
    this.destroyed = true;
    if (this.#close === undefined) return;
    for (const listener of this.#close) listener();
    this.#close = undefined;
  }

  // Only requests that Node reads need these: CORS headers and `Expect`.

  setHeader(): never {
    throw new Error('fast path: a reply has the headers of its head');
  }

  getHeaderNames(): readonly string[] {
    return [];
  }

  removeHeader(): void {
    assert(!this.headersSent, 'fast path: the head is written');
  }

  writeContinue(): never {
    throw new Error('fast path: a request that waits to be told to go on');
  }
}

// One connection on the fast path: it reads ordinary requests for keys from the socket, has them
// served like all others, and writes the replies in the order of the requests.
//
// A connection with any other input is handed to Node's HTTP server with all unread bytes, and
// stays there. Only Node judges unusual input: the fast path refuses nothing that Node accepts, and
// accepts nothing that Node refuses. Both write to the same socket, so Node gets the connection
// once all earlier requests are answered; until then nothing more is read.
//
//  reading -> leaving -> left        a request that is not ordinary, or did not arrive in one read
//  reading -> closed                 either side ends the connection, or a time limit is reached
//
// Invariants: (1) Replies are written in the order of the requests. (2) After the last reply of a
// connection nothing is read. (3) A body is as long as its head says, and the next head follows it.

import type { Socket } from 'node:net';
import { assert } from '../../base/assert.ts';
import type { Connection } from '../guard/connection.ts';
import type { HttpLimits } from '../../api/limits.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import type { HeadReader } from './head-reader.ts';
import type { HeaderBlock } from './header-block.ts';
import { FastRequest } from './fast-request.ts';
import { type Desk, FastResponse } from './fast-response.ts';
import type { QuickRefusal } from './quick-refusal.ts';

/** The errors for which Node's parser ends the connection. */
export type FailureCode = 'ERR_HTTP_REQUEST_TIMEOUT' | 'HPE_INVALID_EOF_STATE';

/** What all fast-path connections of a server share. */
export interface FastRoom {
  readonly limits: HttpLimits;
  readonly reader: HeadReader;
  /** The lines in a reply for a connection that stays open. */
  readonly keepAlive: string;
  readonly refusal: QuickRefusal;
  readonly serve: (request: HttpRequest, response: HttpResponse) => void;
  /** Hands the connection to Node's HTTP server: its unread bytes, and its end if it has ended. */
  readonly handOver: (socket: Socket, chunks: readonly Buffer[], hasEnded: boolean) => void;
  /** Answers bytes that did not become a request, if an answer is allowed. */
  readonly fail: (code: FailureCode, socket: Socket) => void;
  readonly onBug: (error: unknown) => void;
  readonly onLeft: (connection: FastConnection) => void;
}

export class FastConnection implements Desk {
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #room: FastRoom;
  /** Replies that are not completely written, in the order of the requests. */
  readonly #pending: FastResponse[] = [];
  /** Written bytes that the kernel has not accepted yet. */
  readonly #written: FastResponse[] = [];
  /** The header lines of the last request. */
  #block: HeaderBlock | undefined = undefined;
  /** The request whose body is arriving. */
  #arriving: FastRequest | undefined = undefined;
  #bodyLeft = 0;
  /** Unread bytes that go to Node's HTTP server. */
  #rest: Buffer[] | undefined = undefined;
  #hasBegun = false;
  #hasEnded = false;
  #isCorked = false;
  /** The time of the last read or write. */
  #sinceMs = performance.now();

  constructor(socket: Socket, connection: Connection, room: FastRoom) {
    this.#socket = socket;
    this.#connection = connection;
    this.#room = room;
    socket.on('data', this.#onData);
    socket.on('end', this.#onEnd);
    socket.on('error', this.#onError);
    socket.on('close', this.#onClose);
  }

  get keepAlive(): string {
    return this.#room.keepAlive;
  }

  get writableLength(): number {
    return this.#socket.writableLength;
  }

  /** True if every request is answered. */
  get isIdle(): boolean {
    if (this.#rest !== undefined || this.#bodyLeft > 0) return false;
    return this.#pending.length === 0 && this.#written.length === 0;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends a connection whose time limit is reached. */
  check(nowMs: number): void {
    const { headersTimeoutMs, requestTimeoutMs, keepAliveMs } = this.#room.limits;
    const waitedMs = nowMs - this.#sinceMs;
    if (this.#bodyLeft > 0) {
      if (waitedMs > requestTimeoutMs) this.#fail('ERR_HTTP_REQUEST_TIMEOUT');
    } else if (!this.isIdle) return;
    else if (!this.#hasBegun) {
      if (waitedMs > headersTimeoutMs) this.#fail('ERR_HTTP_REQUEST_TIMEOUT');
    } else if (keepAliveMs > 0 && waitedMs > keepAliveMs) this.#socket.destroy();
  }

  onText(response: FastResponse): void {
    if (this.#pending[0] === response) this.#write();
  }

  readonly #onData = (chunk: Buffer): void => {
    // Bytes after the answer to malformed input are ignored.
    if (this.#connection.hasFailed) return;
    if (this.#rest !== undefined) {
      this.#rest.push(chunk);
      this.#socket.pause();
      return;
    }
    try {
      this.#read(chunk);
    } catch (error) {
      this.#room.onBug(error);
      this.#socket.destroy();
    }
  };

  #read(chunk: Buffer): void {
    const { reader } = this.#room;
    for (let at = 0; at < chunk.length && !this.#socket.destroyed; ) {
      if (this.#bodyLeft > 0) at = this.#readBody(chunk, at);
      else if (this.#connection.isEnding) return;
      else if (reader.read(chunk, at, this.#block)) {
        const { end, block } = reader;
        const whole = end + (block?.length ?? 0);
        if (whole <= chunk.length && this.#turnsAway()) at = whole;
        else {
          at = end;
          this.#begin();
        }
      } else {
        this.#leave(chunk.subarray(at));
        return;
      }
    }
  }

  #begin(): void {
    const { reader, serve } = this.#room;
    const { method, url, block } = reader;
    assert(block !== undefined, 'fast path: a head without header lines');
    assert(this.#rest === undefined, 'fast path: a request behind one that is for Node');
    const request = new FastRequest(method, url, block, this.#socket);
    const response = new FastResponse(request, this);
    this.#hasBegun = true;
    this.#block = block;
    this.#pending.push(response);
    if (block.length > 0) {
      this.#arriving = request;
      this.#bodyLeft = block.length;
      this.#sinceMs = performance.now();
    }
    serve(request, response);
  }

  /**
   * Refuses a request at once if no earlier one is unanswered and the replica has no room for it.
   */
  #turnsAway(): boolean {
    const { reader, refusal } = this.#room;
    if (this.#pending.length > 0 || this.#socket.writableLength > 0) return false;
    if (!this.#connection.hasNoRoom()) return false;
    const text = refusal.reply(reader.method);
    if (text === undefined) return false;
    this.#hasBegun = true;
    this.#block = reader.block;
    this.#sinceMs = performance.now();
    this.#socket.write(text, 'latin1');
    return true;
  }

  /** Copied, because a slice would keep the whole read buffer in memory. */
  #readBody(chunk: Buffer, at: number): number {
    assert(this.#arriving !== undefined, 'fast path: a body without a request');
    const end = Math.min(at + this.#bodyLeft, chunk.length);
    const piece = Buffer.allocUnsafeSlow(end - at);
    chunk.copy(piece, 0, at, end);
    this.#bodyLeft -= piece.length;
    const request = this.#arriving;
    if (this.#bodyLeft === 0) this.#arriving = undefined;
    request.arrive(piece, this.#bodyLeft === 0);
    return end;
  }

  /** reading -> leaving */
  #leave(rest: Buffer): void {
    assert(this.#rest === undefined, 'fast path: a connection leaves once');
    this.#rest = [rest];
    if (!this.#handOver()) this.#socket.pause();
  }

  /** leaving -> left, once all earlier requests are answered. */
  #handOver(): boolean {
    const rest = this.#rest;
    if (rest === undefined || this.#pending.length > 0 || this.#written.length > 0) return false;
    if (this.#connection.isEnding || this.#socket.destroyed) return false;
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    this.#room.onLeft(this);
    this.#room.handOver(socket, rest, this.#hasEnded);
    return true;
  }

  #write(): void {
    // After the last reply of a connection, later requests get no answer: the connection is closed.
    if (this.#socket.writableEnded || this.#socket.destroyed) return;
    if (this.#pending.length > 1) this.#cork();
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      if (!next.isEnded) {
        // A reply that is not complete yet.
        if (next.text !== '') this.#socket.write(next.text, next.encoding);
        next.text = '';
        return;
      }
      this.#pending.shift();
      this.#send(next);
      if (next.isLast) return this.#socket.destroySoon();
    }
  }

  #send(response: FastResponse): void {
    const { text, bytes, encoding } = response;
    assert(!response.isWritten, 'fast path: a reply is written once');
    response.isWritten = true;
    response.size = text.length + (bytes?.length ?? 0);
    response.text = '';
    response.bytes = undefined;
    this.#written.push(response);
    if (bytes !== undefined) {
      this.#cork();
      this.#socket.write(text, 'latin1');
      this.#socket.write(bytes, this.#onTaken);
    } else if (text !== '') this.#socket.write(text, encoding, this.#onTaken);
  }

  /**
   * Collects what is written until the end of the event loop's turn, and passes it to the kernel in
   * one call.
   */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    process.nextTick(this.#uncork);
  }

  readonly #uncork = (): void => {
    this.#isCorked = false;
    this.#socket.uncork();
  };

  readonly #onTaken = (error?: Error | null): void => {
    // The connection is closed; its own event reports that.
    if (error !== undefined && error !== null) return;
    this.#sinceMs = performance.now();
    this.#written.shift()?.close();
    if (this.#rest !== undefined) this.#handOver();
  };

  /** The client has closed its sending side and waits for the answers. */
  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    if (this.#rest !== undefined) return;
    const last = this.#pending.at(-1);
    // The last body will never be complete.
    if (this.#bodyLeft > 0) this.#fail('HPE_INVALID_EOF_STATE');
    else if (last !== undefined) last.isLast = true;
    else this.#socket.destroySoon();
  };

  /** The error is sent after the answers to earlier requests. */
  #fail(code: FailureCode): void {
    this.#room.fail(code, this.#socket);
  }

  /** The socket closes by itself. */
  readonly #onError = (): void => undefined;

  readonly #onClose = (): void => {
    this.#room.onLeft(this);
    const open = [...this.#written.splice(0), ...this.#pending.splice(0)];
    for (const response of open) {
      response.close();
      response.req.close();
    }
  };
}

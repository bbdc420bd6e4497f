// One connection on the fast path: it reads perfectly ordinary requests for keys from the socket, has them served as all are,
// and writes the replies in the order of the requests.
//
// Anything else is given to Node's HTTP server with all bytes that are not read, for the rest of the connection. Node is the
// only judge of odd input: nothing is refused here that it would take, and nothing is taken that it would refuse. It gets the
// connection when everything that was asked before is answered, because both write to the same socket; until then nothing
// more is read.
//
//   reading -> leaving -> left        a request that is not ordinary, or not whole in what was read at once
//   reading -> closed                 either side ends the connection, or a time is over
//
// Invariants: (1) replies are written in the order of the requests; (2) behind the last reply of a connection nothing is
// read; (3) a body is as long as its head says, and what follows it is the next head.

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

/** Why Node's parser would give up the connection. */
export type FailureCode = 'ERR_HTTP_REQUEST_TIMEOUT' | 'HPE_INVALID_EOF_STATE';

/** What the fast path of a server have in common. */
export interface FastRoom {
  readonly limits: HttpLimits;
  readonly reader: HeadReader;
  /** What a reply says of a connection that stays open. */
  readonly keepAlive: string;
  readonly refusal: QuickRefusal;
  readonly serve: (request: HttpRequest, response: HttpResponse) => void;
  /** Gives the connection to Node's HTTP server, with what it sent and, where it has, that it has ended. */
  readonly handOver: (socket: Socket, chunks: readonly Buffer[], hasEnded: boolean) => void;
  /** Answers what never became a request, where that may be answered. */
  readonly fail: (code: FailureCode, socket: Socket) => void;
  readonly onBug: (error: unknown) => void;
  readonly onLeft: (connection: FastConnection) => void;
}

export class FastConnection implements Desk {
  readonly #socket: Socket;
  readonly #connection: Connection;
  readonly #room: FastRoom;
  /** Not written to the last byte, in the order of the requests. */
  readonly #pending: FastResponse[] = [];
  /** Written, and not taken by the kernel. */
  readonly #written: FastResponse[] = [];
  /** The header lines of the last request. */
  #block: HeaderBlock | undefined = undefined;
  /** The request whose body is arriving. */
  #arriving: FastRequest | undefined = undefined;
  #bodyLeft = 0;
  /** What is for Node to read. */
  #rest: Buffer[] | undefined = undefined;
  #hasBegun = false;
  #hasEnded = false;
  #isCorked = false;
  #isTimed = false;
  /** When something was read or written last. */
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

  /** Nothing was asked that is not answered. */
  get isIdle(): boolean {
    if (this.#rest !== undefined || this.#bodyLeft > 0) return false;
    return this.#pending.length === 0 && this.#written.length === 0;
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** Ends the connection whose time is over. */
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
    // What comes behind an answer to something malformed is not looked at.
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

  /** Refuses a request at once, where nothing is before it and the replica has no room for it. */
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

  /** Copies the piece: what is stored would keep all that was read at once. */
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

  /** leaving -> left, when all that was asked before is answered. */
  #handOver(): boolean {
    const rest = this.#rest;
    if (rest === undefined || this.#pending.length > 0 || this.#written.length > 0) return false;
    if (this.#connection.isEnding || this.#socket.destroyed) return false;
    const socket = this.#socket;
    socket.off('data', this.#onData);
    socket.off('end', this.#onEnd);
    socket.off('error', this.#onError);
    socket.off('close', this.#onClose);
    socket.off('timeout', this.#onTimeout);
    socket.setTimeout(0);
    this.#room.onLeft(this);
    this.#room.handOver(socket, rest, this.#hasEnded);
    return true;
  }

  #write(): void {
    // Behind the last reply of a connection none is written; what was asked there is closed with it.
    if (this.#socket.writableEnded || this.#socket.destroyed) return;
    if (this.#pending.length > 1) this.#cork();
    for (let next = this.#pending[0]; next !== undefined; next = this.#pending[0]) {
      if (!next.isEnded) {
        // A reply whose end is still to come.
        if (next.text !== '') this.#socket.write(next.text, next.encoding);
        next.text = '';
        return;
      }
      this.#pending.shift();
      this.#send(next);
      if (next.isLast) return this.#socket.destroySoon();
    }
    if (!this.#isCorked) this.#watchReader();
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

  /** What is written until the end of this turn goes to the kernel at once. */
  #cork(): void {
    if (this.#isCorked) return;
    this.#isCorked = true;
    this.#socket.cork();
    process.nextTick(this.#uncork);
  }

  readonly #uncork = (): void => {
    this.#isCorked = false;
    this.#socket.uncork();
    this.#watchReader();
  };

  /** A reply of which the client takes nothing for long is given up; Node's timer sees what it takes. */
  #watchReader(): void {
    if (this.#isTimed || this.#socket.writableLength === 0) return;
    this.#isTimed = true;
    this.#socket.setTimeout(this.#room.limits.stalledReplyMs);
    this.#socket.on('timeout', this.#onTimeout);
  }

  readonly #onTaken = (error?: Error | null): void => {
    // Its connection is closed, and tells of it.
    if (error !== undefined && error !== null) return;
    this.#sinceMs = performance.now();
    this.#written.shift()?.close();
    if (this.#isTimed && this.#socket.writableLength === 0) {
      this.#isTimed = false;
      this.#socket.setTimeout(0);
      this.#socket.off('timeout', this.#onTimeout);
    }
    if (this.#rest !== undefined) this.#handOver();
    else if (this.#hasEnded) this.#failCutShort();
  };

  readonly #onTimeout = (): void => {
    if (this.#connection.isIdle) this.#socket.destroy();
  };

  /** The client has sent all; it waits for the answers. */
  readonly #onEnd = (): void => {
    this.#hasEnded = true;
    if (this.#rest !== undefined) return;
    const last = this.#pending.at(-1);
    if (this.#bodyLeft > 0) this.#failCutShort();
    else if (last !== undefined) last.isLast = true;
    else this.#socket.destroySoon();
  };

  /** The last body will never be whole. That is said behind the answers to what was asked before. */
  #failCutShort(): void {
    const isNext = this.#pending.length <= 1 && this.#written.length === 0;
    if (this.#hasEnded && this.#bodyLeft > 0 && isNext) this.#fail('HPE_INVALID_EOF_STATE');
  }

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

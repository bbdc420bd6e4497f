// One client connection: the address at its other end, and its requests in progress. Requests that
// arrive before the replies to earlier ones (pipelining) run side by side while all of them only
// read. One that may write waits until those before it are answered, and those after it wait for it
// (RFC 9112 section 9.3.2).
//
// A reply counts until its client has taken it. At most RUNNING_MAX requests of a connection run or
// wait for their client to take the reply. The others queue, and while any request queues nothing
// more is read from the socket: a client that sends and does not read occupies what fits into its
// connection, and no more.
//
// What ends a connection is answered last, after all earlier requests: input that its parser
// refuses, and a request that arrives while too many wait.
//
// A request for data is refused if the replica as a whole has no room for it (admission.ts).

import type { Socket } from 'node:net';
import type { Admission } from './admission.ts';
import type { ReplyMemory } from './memory.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import type { TurnMeter } from './turn-meter.ts';

/** Answers a request, now or later. */
export type Start = (request: HttpRequest, response: HttpResponse) => void;

interface Waiting {
  readonly request: HttpRequest;
  readonly response: HttpResponse;
  readonly start: Start;
  readonly arrivedMs: number;
}

interface Slow {
  readonly response: HttpResponse;
  isAnswered: boolean;
}

const RUNNING_MAX = 16;
/** One read of a socket holds at most this many requests. */
const WAITING_MAX = 4096;
/** Over all connections. A waiting request takes some kilobytes. */
const WAITING_ALL_MAX = 32_768;

/** What all connections share. */
export interface Shared {
  readonly memory: ReplyMemory;
  readonly admission: Admission;
  readonly turns: TurnMeter;
  /** Refuses a request for which the replica has no room (shed.ts). */
  readonly shed: Start;
  /** Requests that wait, on all connections together. */
  waiting: number;
}

export class Connection {
  readonly address: string;
  /** Its parser has stopped, and further input is ignored. */
  hasFailed = false;
  /**
   * The latest time at which the request that is being started can have arrived, in monotonic ms.
   */
  arrivedMs = 0;
  readonly #socket: Socket;
  readonly #shared: Shared;
  readonly #waiting: Waiting[] = [];
  /** Requests that are started and not answered. */
  #running = 0;
  /** Running requests that the replica's admission counts, too. */
  #entered = 0;
  /** Requests that are answered, and whose reply the client has not taken. */
  #owed = 0;
  #isWriting = false;
  #isEnding = false;
  #isGoingOn = false;
  /** The last request has arrived: later ones are ignored. */
  #hasLast = false;
  /** Sends the error that ends the connection, after all other answers. */
  #answerLast: (() => void) | undefined = undefined;
  /** Requests of fastify, whose end only the response reports. */
  #slow: Slow[] | undefined = undefined;
  /** The request started last; once none runs, it is kept only while its body is arriving. */
  #last: Waiting | undefined = undefined;

  constructor(socket: Socket, shared: Shared) {
    this.address = socket.remoteAddress ?? '';
    this.#socket = socket;
    this.#shared = shared;
  }

  /**
   * Starts the request now or in its turn. If too many wait already, `refuse` is started instead,
   * and the request is the last. `done` follows every start. Requests after the last one of a
   * connection are ignored (RFC 9112 section 9.6).
   */
  admit(request: HttpRequest, response: HttpResponse, start: Start, refuse: Start): void {
    if (this.#isEnding || this.#hasLast) return;
    const arrivedMs = this.#shared.turns.arrived();
    if (this.#mayStart(request)) return this.#start({ request, response, start, arrivedMs });
    const isFull = this.#waiting.length >= WAITING_MAX || this.#shared.waiting >= WAITING_ALL_MAX;
    this.#wait({ request, response, start: isFull ? refuse : start, arrivedMs });
    this.#hasLast = isFull;
  }

  /** The reply to the request that was just started ends the connection. */
  endBehind(response: HttpResponse): void {
    this.#hasLast = true;
    this.#leaveAll();
    response.shouldKeepAlive = false;
  }

  /**
   * The parser has stopped. Calls `answerLast` once all earlier requests are answered; not at all
   * if the connection ends before.
   */
  failBehind(answerLast: () => void): void {
    this.hasFailed = true;
    this.#answerLast = answerLast;
    this.#endFailed();
  }

  /**
   * True if a request for data would be next and the replica has no room, so it must be refused.
   */
  hasNoRoom(): boolean {
    if (this.#isEnding || this.#running + this.#owed + this.#waiting.length > 0) return false;
    this.#shared.turns.arrived();
    return !this.#shared.admission.hasRoom;
  }

  /** A started request is answered: its reply was handed to the socket. */
  done(response: HttpResponse): void {
    // After a bug this may be called twice; then the connection ends, and no request waits any
    // more.
    if (this.#running === 0) return;
    this.#answered(response);
    this.#leave();
  }

  /**
   * A started request is done when its response is closed: the client has taken it, or it was
   * dropped.
   */
  doneWith(response: HttpResponse): void {
    const slow = { response, isAnswered: false };
    this.#slow ??= [];
    this.#slow.push(slow);
    response.once('close', () => {
      this.#end(slow);
      this.#slow = this.#slow?.filter((other) => other !== slow);
      if (this.#running > 0) this.#running--;
      this.#goOn();
    });
  }

  /** The reply to such a request was handed over; its client still has to take it. */
  answering(response: HttpResponse): void {
    const slow = this.#slow?.find((each) => each.response === response);
    if (slow !== undefined) this.#end(slow);
  }

  /** The current reply closes the connection. */
  end(): void {
    this.#isEnding = true;
    this.#answerLast = undefined;
    this.#leaveAll();
  }

  /** The socket is closed: running requests are no longer waited for, and some get no answer. */
  close(): void {
    this.#answerLast = undefined;
    this.#leaveAll();
    while (this.#entered > 0) this.#leave();
  }

  /** The last reply of the connection is handed over. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Only the client still has to act. */
  get isIdle(): boolean {
    const answered = this.#slow?.filter(({ isAnswered }) => isAnswered).length ?? 0;
    return this.#running === answered;
  }

  /** More was read than may run, so reading is paused. */
  get isPaused(): boolean {
    return this.#waiting.length > 0;
  }

  /**
   * The request whose body is arriving is already answered, so a fault of its body is not reported.
   */
  get isAnsweredEarly(): boolean {
    return this.#isArriving && this.#last?.response.headersSent === true;
  }

  get #isArriving(): boolean {
    return this.#last?.request.complete === false;
  }

  /** All answers are written, except the one to the request that failed while it arrived. */
  get #isAnswered(): boolean {
    if (this.#waiting.length > 0) return false;
    if (this.isAnsweredEarly) return this.#running + this.#owed <= 1;
    return this.#owed === 0 && this.#running <= (this.#isArriving ? 1 : 0);
  }

  #endFailed(): void {
    if (this.#answerLast === undefined || !this.#isAnswered) return;
    const answerLast = this.#answerLast;
    this.#answerLast = undefined;
    answerLast();
  }

  #goOn(): void {
    if (this.#running === 0) {
      this.#isWriting = false;
      if (!this.#isArriving) this.#last = undefined;
    }
    // A request may be answered while it is started; the loop continues here.
    if (this.#isGoingOn) return;
    this.#isGoingOn = true;
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0] as Waiting;
      if (!this.#mayStart(next.request, true)) break;
      this.#waiting.shift();
      this.#shared.waiting--;
      if (this.#waiting.length === 0) this.#socket.resume();
      // The time that a request waits for others of its connection does not count as the replica's
      // time.
      this.#start({ ...next, arrivedMs: this.#shared.turns.arrived() });
    }
    this.#isGoingOn = false;
    this.#endFailed();
  }

  #answered(response: HttpResponse): void {
    this.#running--;
    const bytes = response.writableLength;
    if (bytes > 0 && !response.destroyed) this.#owe(response, bytes);
    this.#goOn();
  }

  #end(slow: Slow): void {
    if (slow.isAnswered) return;
    slow.isAnswered = true;
    this.#leave();
  }

  /** At most once for each admitted request; the end of the connection releases the rest. */
  #leave(): void {
    if (this.#entered === 0) return;
    this.#entered--;
    this.#shared.admission.leave();
  }

  #owe(response: HttpResponse, bytes: number): void {
    this.#owed++;
    response.once('close', () => {
      this.#owed--;
      this.#goOn();
    });
    this.#shared.memory.owe(response, bytes);
  }

  #wait(waiting: Waiting): void {
    this.#waiting.push(waiting);
    this.#shared.waiting++;
    if (this.#waiting.length === 1) this.#socket.pause();
  }

  #leaveAll(): void {
    this.#shared.waiting -= this.#waiting.length;
    this.#waiting.length = 0;
  }

  #mayStart({ method }: HttpRequest, isNext = false): boolean {
    if (this.#running + this.#owed >= RUNNING_MAX) return false;
    if (this.#running === 0) return isNext || this.#waiting.length === 0;
    if (this.#isWriting || (!isNext && this.#waiting.length > 0)) return false;
    return isSafe(method);
  }

  #start(waiting: Waiting): void {
    const { request } = waiting;
    const { admission } = this.#shared;
    this.#running++;
    this.#isWriting = !isSafe(request.method);
    this.#last = waiting;
    if (isForData(request.url)) {
      if (!admission.hasRoom) return this.#turnAway(waiting);
      admission.enter();
      this.#entered++;
    }
    this.arrivedMs = waiting.arrivedMs;
    waiting.start(request, waiting.response);
  }

  #turnAway({ request, response }: Waiting): void {
    this.#shared.shed(request, response);
    this.#answered(response);
  }
}

/** Requests for the replica's state are never refused for want of room. */
function isForData(url: string | undefined): boolean {
  return url !== undefined && (url.startsWith('/v1/kv/') || url.startsWith('/v1/batch/'));
}

function isSafe(method: string | undefined): boolean {
  return method === 'GET' || method === 'HEAD';
}

const CONNECTION: unique symbol = Symbol('connection');
type Carrier = Socket & { [CONNECTION]?: Connection };

export function attachConnection(socket: Socket, connection: Connection): void {
  (socket as Carrier)[CONNECTION] = connection;
}

/** The connection of a socket of this server. */
export function connectionOf(socket: Socket): Connection | undefined {
  return (socket as Carrier)[CONNECTION];
}

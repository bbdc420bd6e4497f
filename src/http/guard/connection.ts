// One client connection: who is at the other end, and what is under way. Requests that come ahead of the replies
// (pipelining) may run side by side while all of them only read; one that may write waits until those before it are
// answered, and what comes after it waits for it (RFC 9112 section 9.3.2).
//
// A reply counts until its client has taken it. At most RUNNING_MAX requests run or stand in the connection as replies, the
// others wait, and while any waits nothing more is read from the socket: a client that sends and does not read holds what
// fits into its connection, and no more.
//
// A request for data for which the whole replica has no room is refused (admission.ts).

import type { Socket } from 'node:net';
import type { Admission } from './admission.ts';
import type { ReplyMemory } from './memory.ts';
import type { HttpRequest, HttpResponse } from '../message.ts';
import type { Shed } from './shed.ts';
import type { TurnMeter } from './turn-meter.ts';

type Start = (request: HttpRequest, response: HttpResponse) => void;

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
/** No more fit into what is read from a socket at once. */
const WAITING_MAX = 4096;
/** Over all connections. A request that waits takes some kilobytes. */
const WAITING_ALL_MAX = 32_768;
/** What connections have in common. */
export interface Shared {
  readonly memory: ReplyMemory;
  readonly admission: Admission;
  readonly turns: TurnMeter;
  readonly shed: Shed;
  /** Requests that wait on any of them. */
  waiting: number;
}

export class Connection {
  readonly address: string;
  /** Answered with an error of the parser: whatever else comes is not looked at. */
  hasFailed = false;
  /** Of the request that is being started: not after it arrived, in monotonic ms. */
  arrivedMs = 0;
  readonly #socket: Socket;
  readonly #pipelinedMax: number;
  readonly #shared: Shared;
  readonly #waiting: Waiting[] = [];
  /** Started and not answered. */
  #running = 0;
  /** Of those that run: counted in the replica, too. */
  #entered = 0;
  /** Answered and not taken by the client. */
  #owed = 0;
  #isWriting = false;
  #isEnding = false;
  #isGoingOn = false;
  /** Those of fastify, whose end only the response tells. */
  #slow: Slow[] | undefined = undefined;
  /** What was started last; once nothing runs, only as long as its body is arriving. */
  #last: Waiting | undefined = undefined;

  constructor(socket: Socket, pipelinedMax: number, shared: Shared) {
    this.address = socket.remoteAddress ?? '';
    this.#socket = socket;
    this.#pipelinedMax = pipelinedMax;
    this.#shared = shared;
  }

  /**
   * Starts the request now or in its turn; false when too many wait already. `done` follows every start. What comes
   * behind the last reply of a connection is not looked at (RFC 9112 section 9.6).
   */
  admit(request: HttpRequest, response: HttpResponse, start: Start): boolean {
    if (this.#isEnding) return true;
    const arrivedMs = this.#shared.turns.arrived();
    if (this.#mayStart(request)) this.#start({ request, response, start, arrivedMs });
    else if (this.#isFull()) return false;
    else this.#wait({ request, response, start, arrivedMs });
    return true;
  }

  /** A request for data has come, nothing is before it, and the replica has no room for it; then it is to be refused. */
  hasNoRoom(): boolean {
    if (this.#isEnding || this.#running + this.#owed + this.#waiting.length > 0) return false;
    this.#shared.turns.arrived();
    return !this.#shared.admission.hasRoom;
  }

  /** A started request is answered: its reply was handed to the socket. */
  done(response: HttpResponse): void {
    // What a bug broke off may be done twice; then the connection ends, and nothing waits any more.
    if (this.#running === 0) return;
    this.#answered(response);
    this.#leave();
  }

  /** A started request is done when its response is closed: taken by the client, or given up. */
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

  /** The reply of such a request was given; its client has still to take it. */
  answering(response: HttpResponse): void {
    const slow = this.#slow?.find((each) => each.response === response);
    if (slow !== undefined) this.#end(slow);
  }

  /** The reply that was just given closes the connection. */
  end(): void {
    this.#isEnding = true;
    this.#leaveAll();
  }

  /** The socket is closed: what runs is no longer waited for, and some of it is never answered. */
  close(): void {
    this.#leaveAll();
    while (this.#entered > 0) this.#leave();
  }

  /** Its last reply is given. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  /** Nothing is waited for here but the client. */
  get isIdle(): boolean {
    const answered = this.#slow?.filter(({ isAnswered }) => isAnswered).length ?? 0;
    return this.#running === answered;
  }

  /** More was read than may run: nothing is read now. */
  get isPaused(): boolean {
    return this.#waiting.length > 0;
  }

  /** Nothing runs whose outcome a reply could be mistaken for, or has a reply that is not written: at most a request is arriving. */
  get isAnswerable(): boolean {
    if (this.#owed > 0 || this.#waiting.length > 0) return false;
    if (this.#running === 0) return true;
    return this.#running === 1 && this.#isArriving;
  }

  /** The request whose body is arriving has its answer already: what is wrong with the body gets none of its own. */
  get isAnsweredEarly(): boolean {
    return this.#isArriving && this.#last?.response.headersSent === true;
  }

  get #isArriving(): boolean {
    return this.#last?.request.complete === false;
  }

  #goOn(): void {
    if (this.#running === 0) {
      this.#isWriting = false;
      if (!this.#isArriving) this.#last = undefined;
    }
    // A request may be answered while it is started; that goes on here.
    if (this.#isGoingOn) return;
    this.#isGoingOn = true;
    while (this.#waiting.length > 0) {
      const next = this.#waiting[0] as Waiting;
      if (!this.#mayStart(next.request, true)) break;
      this.#waiting.shift();
      this.#shared.waiting--;
      if (this.#waiting.length === 0) this.#socket.resume();
      // For how long it waited behind its own kind is the client's affair.
      this.#start({ ...next, arrivedMs: this.#shared.turns.arrived() });
    }
    this.#isGoingOn = false;
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

  /** At most once for each that entered; the end of the connection makes up for the rest. */
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

  /** Behind a write fewer may wait than behind reads. */
  #isFull(): boolean {
    const most = this.#isWriting ? this.#pipelinedMax : WAITING_MAX;
    return this.#waiting.length >= most || this.#shared.waiting >= WAITING_ALL_MAX;
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

/** What tells of the replica's state is never turned away. */
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

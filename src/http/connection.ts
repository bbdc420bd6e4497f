// One client connection: who is at the other end, and what is under way. Requests that come ahead of the replies
// (pipelining) may run side by side while all of them only read; one that may write waits until those before it are
// answered, and what comes after it waits for it (RFC 9112 section 9.3.2).

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

type Start = (request: IncomingMessage, response: ServerResponse) => void;

interface Waiting {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly start: Start;
}

export class Connection {
  readonly address: string;
  /** Answered with an error of the parser: whatever else comes is not looked at. */
  hasFailed = false;
  readonly #pipelinedMax: number;
  readonly #waiting: Waiting[] = [];
  #running = 0;
  #isWriting = false;
  #isEnding = false;
  #latest: IncomingMessage | undefined = undefined;

  constructor(address: string, pipelinedMax: number) {
    this.address = address;
    this.#pipelinedMax = pipelinedMax;
  }

  /**
   * Starts the request now or in its turn; false when too many wait already. `done` follows every start. What comes
   * behind the last reply of a connection is not looked at (RFC 9112 section 9.6).
   */
  admit(request: IncomingMessage, response: ServerResponse, start: Start): boolean {
    if (this.#isEnding) return true;
    if (this.#mayStart(request)) this.#start(request, response, start);
    else if (this.#waiting.length >= this.#pipelinedMax) return false;
    else this.#waiting.push({ request, response, start });
    return true;
  }

  /** A started request is answered. */
  done(): void {
    // What a bug broke off may be done twice; then the connection ends, and nothing waits any more.
    if (this.#running > 0) this.#running--;
    if (this.#running > 0) return;
    this.#isWriting = false;
    this.#latest = undefined;
    while (this.#waiting.length > 0) {
      const { request, response, start } = this.#waiting[0] as Waiting;
      if (!this.#mayStart(request, true)) return;
      this.#waiting.shift();
      this.#start(request, response, start);
    }
  }

  /** The reply that was just given closes the connection. */
  end(): void {
    this.#isEnding = true;
    this.#waiting.length = 0;
  }

  /** Its last reply is given. */
  get isEnding(): boolean {
    return this.#isEnding;
  }

  get isIdle(): boolean {
    return this.#running === 0;
  }

  /** Nothing runs whose outcome a reply could be mistaken for: at most a request that is still arriving. */
  get isAnswerable(): boolean {
    if (this.#running === 0) return true;
    return this.#running === 1 && this.#latest !== undefined && !this.#latest.complete;
  }

  #mayStart({ method }: IncomingMessage, isNext = false): boolean {
    if (this.#running === 0) return isNext || this.#waiting.length === 0;
    if (this.#isWriting || (!isNext && this.#waiting.length > 0)) return false;
    return isSafe(method);
  }

  #start(request: IncomingMessage, response: ServerResponse, start: Start): void {
    this.#running++;
    this.#isWriting = !isSafe(request.method);
    this.#latest = request;
    start(request, response);
  }
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

// A request that the fast path has read, in the form that the data path uses. Its body arrives in
// pieces afterwards; pieces that arrive before a listener is set are kept, within the bound on
// bodies.

import type { Socket } from 'node:net';
import { assert } from '../../base/assert.ts';
import type { HttpRequest } from '../message.ts';
import type { HeaderBlock } from './header-block.ts';

type Listener = (chunk: Buffer) => void;

export class FastRequest implements HttpRequest {
  readonly method: string;
  url: string;
  readonly httpVersion = '1.1';
  readonly rawHeaders: readonly string[];
  readonly headers: HeaderBlock['headers'];
  readonly socket: Socket;
  complete: boolean;
  #data: Listener[] | undefined = undefined;
  #end: (() => void)[] | undefined = undefined;
  #close: (() => void)[] | undefined = undefined;
  /** Arrived, but not passed to a listener yet. */
  #kept: Buffer[] | undefined = undefined;
  #isFlowing = false;
  #hasEnded = false;

  constructor(method: string, url: string, block: HeaderBlock, socket: Socket) {
    this.method = method;
    this.url = url;
    this.rawHeaders = block.raw;
    this.headers = block.headers;
    this.socket = socket;
    this.complete = block.length === 0;
  }

  on(event: 'data', listener: Listener): this;
  on(event: 'end' | 'close', listener: () => void): this;
  on(event: 'data' | 'end' | 'close', listener: Listener | (() => void)): this {
    if (event === 'close') (this.#close ??= []).push(listener as () => void);
    else if (event === 'end') (this.#end ??= []).push(listener as () => void);
    else {
      (this.#data ??= []).push(listener);
      this.resume();
    }
    return this;
  }

  /** `end` and `close` are always emitted. */
  once(event: 'end' | 'close', listener: () => void): this {
    return this.on(event, listener);
  }

  resume(): this {
    if (this.#isFlowing) return this;
    this.#isFlowing = true;
    // As with Node's streams, the listener is called later, so that more listeners can be set
    // first.
    if (this.#kept !== undefined || this.complete) process.nextTick(() => this.#flow());
    return this;
  }

  /** A piece of the body has arrived; the last one completes it. */
  arrive(piece: Buffer, isLast: boolean): void {
    assert(!this.complete, 'fast path: more of a body than was announced');
    (this.#kept ??= []).push(piece);
    this.complete = isLast;
    if (this.#isFlowing) this.#flow();
  }

  /** Its connection is closed. */
  close(): void {
    for (const listener of this.#close ?? []) listener();
    this.#close = undefined;
  }

  #flow(): void {
    const kept = this.#kept ?? [];
    this.#kept = undefined;
    for (const piece of kept) for (const listener of this.#data ?? []) listener(piece);
    if (!this.complete || this.#hasEnded) return;
    this.#hasEnded = true;
    for (const listener of this.#end ?? []) listener();
  }
}

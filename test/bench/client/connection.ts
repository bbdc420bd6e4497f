// One keep-alive connection with one outstanding request: send, read until the reply is complete,
// report it to the load, send the next. It reads into a buffer of its own, because streams cost
// more.

import { connect, type Socket } from 'node:net';

import { type Outcome, outcome, type Wire } from './wire.ts';

const readBytes = 64 * 1024;

export interface ConnectionEvents {
  /** A reply is complete; its bytes are data[0, end), valid during the call only. */
  done(connection: Connection, outcome: Outcome, data: Buffer, end: number): void;
  lost(connection: Connection, reason: string): void;
}

export class Connection {
  readonly #wire: Wire;
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #ready: Promise<void>;
  #becomeReady: (() => void) | undefined;
  #held: Buffer | undefined;
  #isClosing = false;
  sentAtMs = 0;
  isRead = false;

  constructor(port: number, wire: Wire, events: ConnectionEvents) {
    this.#wire = wire;
    this.#events = events;
    this.#ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
    const onread = {
      buffer: Buffer.allocUnsafe(readBytes),
      callback: (bytes: number, buffer: Uint8Array) => this.#read(bytes, buffer as Buffer),
    };
    this.#socket = connect({ host: '127.0.0.1', port, noDelay: true, onread });
    this.#socket.on('connect', () => this.#greet());
    this.#socket.on('error', (error) => this.#lose(error.message));
    this.#socket.on('close', () => this.#lose('the server closed the connection'));
  }

  get ready(): Promise<void> {
    return this.#ready;
  }

  send(key: number, isRead: boolean, serial: number, nowMs: number): void {
    this.isRead = isRead;
    this.sentAtMs = nowMs;
    this.#socket.write(isRead ? this.#wire.get(key) : this.#wire.put(key, serial));
  }

  close(): void {
    this.#isClosing = true;
    this.#socket.destroy();
  }

  #greet(): void {
    if (this.#wire.greeting === undefined) this.#settle();
    else this.#socket.write(this.#wire.greeting);
  }

  #settle(): void {
    this.#becomeReady?.();
    this.#becomeReady = undefined;
  }

  #read(bytes: number, buffer: Buffer): boolean {
    const data = this.#held === undefined ? buffer : this.#joined(this.#held, buffer, bytes);
    const end = this.#held === undefined ? bytes : data.length;
    const judged = this.#wire.judge(data, end);
    if (judged === outcome.pending) {
      this.#held = data === buffer ? Buffer.from(buffer.subarray(0, bytes)) : data;
      return true;
    }
    this.#held = undefined;
    if (this.#becomeReady !== undefined) this.#settle();
    else this.#events.done(this, judged, data, end);
    return true;
  }

  #joined(held: Buffer, buffer: Buffer, bytes: number): Buffer {
    return Buffer.concat([held, buffer.subarray(0, bytes)]);
  }

  #lose(reason: string): void {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#settle();
    this.#events.lost(this, reason);
  }
}

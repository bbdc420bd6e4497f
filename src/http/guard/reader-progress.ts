// How long the client of a connection has taken nothing of what was written for it. Node's own
// timer does not show this: while a write is in progress it runs out only after a second period
// without progress.

import type { Socket } from 'node:net';

const HANDLE = '_handle';

/** The counters of libuv for a socket; Node exposes them only on its handle. */
interface Written {
  readonly bytesWritten?: number;
  /** Of the written bytes, those that the kernel has not accepted. */
  readonly writeQueueSize?: number;
}

export type WatchedSocket = Pick<Socket, 'writableLength'> & {
  readonly [HANDLE]?: Written | null;
};

export class ReaderProgress {
  readonly #socket: WatchedSocket;
  #takenBytes = -1;
  #sinceMs = 0;

  constructor(socket: WatchedSocket) {
    this.#socket = socket;
  }

  /** 0 while every byte is taken. Time counts from the first call that sees no progress. */
  stalledMs(nowMs: number): number {
    const takenBytes = this.#socket.writableLength === 0 ? -1 : this.#taken();
    if (takenBytes < 0 || takenBytes !== this.#takenBytes) this.#sinceMs = nowMs;
    this.#takenBytes = takenBytes;
    return nowMs - this.#sinceMs;
  }

  #taken(): number {
    const { bytesWritten = 0, writeQueueSize = 0 } = this.#socket[HANDLE] ?? {};
    return bytesWritten - writeQueueSize;
  }
}

// One live connection to an authenticated peer.
//
//  open -> closing -> closed
//
// Messages are written into the current frame as they are sent; a flush sends it as one WebSocket
// message, which is one write to the socket. Nothing is queued: if the bytes on the way to the
// peer, the current frame included, would exceed the bound, the connection ends, because the log is
// the buffer (trap 64). If nothing arrives for a while, the peer is pinged; if it does not answer,
// the connection ends.

import type { Socket } from 'node:net';
import type { RawData, WebSocket } from 'ws';
import { assert } from '../../base/assert.ts';
import { createRing } from '../../base/ring.ts';
import type { Message } from '../../model/message.ts';
import { messageBytesMax } from './codec.ts';
import { decodeFrame, FrameWriter } from '../frame.ts';

/** Close codes sent to the peer: those of RFC 6455, and own ones from 4000. */
export const CLOSE_CODES = { stopping: 1001, text: 1003, frame: 4001, replaced: 4002 } as const;

/** Counters of one peer, over all its connections. */
export interface PeerTraffic {
  connected: boolean;
  connects: number;
  disconnects: number;
  framesSent: number;
  bytesSent: number;
  framesReceived: number;
  bytesReceived: number;
  /** Bytes that are on the way to the peer now. */
  readonly queueBytes: number;
}

export interface PeerLinkOptions {
  readonly version: number;
  readonly frameBytesMax: number;
  readonly queueBytesMax: number;
  readonly peerTimeoutMs: number;
  /** Delays every frame by this time, without changing their order; 0 for no emulated distance. */
  readonly delayMs: number;
  readonly traffic: PeerTraffic;
  readonly onMessage: (message: Message) => void;
  /** Called once, and never from within `send` or `flush`. */
  readonly onClosed: (reason: string) => void;
}

interface Delayed {
  readonly dueMs: number;
  readonly frame: Uint8Array;
}

/** A frame of this size is sent early: a longer one would delay everything behind it. */
const FRAME_BYTES_TARGET = 256 * 1024;

export class PeerLink {
  readonly closed: Promise<void>;
  readonly #socket: WebSocket;
  readonly #stream: Socket;
  readonly #options: PeerLinkOptions;
  readonly #frame: FrameWriter;
  readonly #targetBytes: number;
  readonly #delayed = createRing<Delayed>();
  #state: 'open' | 'closing' | 'closed' = 'open';
  #reason = '';
  #delayedBytes = 0;
  #delay: NodeJS.Timeout | undefined;
  #bytesRead = 0;
  #heardMs = performance.now();

  constructor(socket: WebSocket, stream: Socket, options: PeerLinkOptions) {
    assert(options.queueBytesMax >= options.frameBytesMax, 'peer link: no frame fits the queue');
    this.#socket = socket;
    this.#stream = stream;
    this.#options = options;
    this.#frame = new FrameWriter(options.version);
    this.#targetBytes = Math.min(FRAME_BYTES_TARGET, options.frameBytesMax);
    socket.on('message', (data, isBinary) => this.#onFrame(data, isBinary));
    socket.on('error', (error) => this.#onError(error));
    this.closed = new Promise((resolve) => {
      socket.on('close', (code) => {
        this.#onClose(code);
        resolve();
      });
    });
  }

  /** Bytes on the way to the peer, those of the current frame included. */
  get queueBytes(): number {
    if (this.#state !== 'open') return 0;
    return this.#socket.bufferedAmount + this.#delayedBytes + this.#frame.size;
  }

  send(message: Message): void {
    if (this.#state !== 'open') return;
    const { size } = this.#frame;
    if (size > 0 && size + messageBytesMax(message) > this.#targetBytes) this.flush();
    this.#frame.add(message);
    if (this.#frame.size > this.#options.frameBytesMax) this.#drop('a message fits no frame');
  }

  flush(): void {
    if (this.#frame.size === 0 || this.#state !== 'open') return;
    if (this.queueBytes > this.#options.queueBytesMax) {
      this.#drop('too many bytes on the way to the peer');
      return;
    }
    const frame = this.#frame.finish();
    if (this.#options.delayMs > 0) this.#hold(frame);
    else this.#transmit(frame);
  }

  /** Checks whether anything arrived since the last check, and pings a silent peer. */
  check(nowMs: number): void {
    const { bytesRead } = this.#stream;
    if (bytesRead !== this.#bytesRead) this.excuse(nowMs);
    this.#bytesRead = bytesRead;
    if (this.#state !== 'open') return;
    const quietMs = nowMs - this.#heardMs;
    if (quietMs >= this.#options.peerTimeoutMs) this.#drop('nothing was received from the peer');
    else if (quietMs >= this.#options.peerTimeoutMs / 3) this.#socket.ping();
  }

  /** Silence counts from now: either the peer sent something, or this process was not running. */
  excuse(nowMs: number): void {
    this.#heardMs = nowMs;
  }

  /** open -> closing, with a close code to the peer. */
  close(code: number, reason: string): void {
    if (this.#state !== 'open') return;
    this.#begin(reason);
    this.#socket.close(code, reason);
  }

  /** * -> closing, without a close code. */
  #drop(reason: string): void {
    this.#begin(reason);
    this.#socket.terminate();
  }

  #begin(reason: string): void {
    this.#state = 'closing';
    this.#reason = reason;
    clearTimeout(this.#delay);
    this.#delayed.clear();
    this.#delayedBytes = 0;
  }

  /** open -> closing: the WebSocket layer found an error and closes by itself. */
  #onError(error: Error): void {
    if (this.#state === 'open') this.#begin(error.message);
  }

  /** closing -> closed, or open -> closed when the peer ends it. */
  #onClose(code: number): void {
    if (this.#state === 'open') this.#begin(`closed by the peer (${code})`);
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    this.#options.onClosed(this.#reason);
  }

  #onFrame(data: RawData, isBinary: boolean): void {
    if (this.#state !== 'open') return;
    if (!isBinary || !(data instanceof Uint8Array)) {
      this.close(CLOSE_CODES.text, 'frames are binary');
      return;
    }
    this.#options.traffic.framesReceived++;
    this.#options.traffic.bytesReceived += data.length;
    const decoded = decodeFrame(data, this.#options.version);
    if (decoded.ok) for (const message of decoded.messages) this.#options.onMessage(message);
    else this.close(CLOSE_CODES.frame, `bad frame: ${decoded.reason}`);
  }

  #transmit(frame: Uint8Array): void {
    this.#options.traffic.framesSent++;
    this.#options.traffic.bytesSent += frame.length;
    this.#socket.send(frame);
  }

  #hold(frame: Uint8Array): void {
    this.#delayed.push({ dueMs: performance.now() + this.#options.delayMs, frame });
    this.#delayedBytes += frame.length;
    this.#delay ??= setTimeout(() => this.#release(), this.#options.delayMs);
  }

  #release(): void {
    this.#delay = undefined;
    const nowMs = performance.now();
    while (this.#delayed.size > 0 && this.#delayed.at(0).dueMs <= nowMs) {
      const { frame } = this.#delayed.shift() as Delayed;
      this.#delayedBytes -= frame.length;
      this.#transmit(frame);
    }
    if (this.#delayed.size === 0) return;
    const waitMs = Math.ceil(this.#delayed.at(0).dueMs - nowMs);
    this.#delay = setTimeout(() => this.#release(), waitMs);
  }
}

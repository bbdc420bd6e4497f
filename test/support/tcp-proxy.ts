// A TCP connection through a proxy: bytes can be held back, slowed down, cut off, changed and
// recorded. Neither the dialer nor the listener notices the proxy.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Seen from the dialer: `up` goes to the listener. */
export type Direction = 'up' | 'down';

/** A long and narrow link. */
export interface CommitAge {
  readonly delayMs: number;
  readonly bytesPerMs: number;
}

export interface TcpProxyOptions {
  /** Whether to keep all that passes; true by default. */
  readonly record?: boolean;
}

interface Flow {
  readonly from: Socket;
  readonly to: Socket;
  /** Bytes on their way, in order. */
  readonly queue: { readonly bytes: Buffer; readonly dueMs: number }[];
  queuedBytes: number;
  /** When the last byte that was taken has left the narrow part. */
  freeAtMs: number;
  timer: NodeJS.Timeout | undefined;
}

/** A slow link buffers this many bytes; then the sender has to wait. */
const QUEUE_BYTES_MAX = 64 * 1024;

export class TcpProxy {
  /** Everything that passed, by direction, over all connections. */
  readonly recorded: Record<Direction, Buffer[]> = { up: [], down: [] };
  /** Changes what passes. */
  rewrite: Partial<Record<Direction, (bytes: Buffer) => Buffer>> = {};
  /** Bytes that a pace has delayed. */
  slowedBytes = 0;
  readonly #isRecording: boolean;
  readonly #server: Server;
  readonly #flows: Record<Direction, Set<Flow>> = { up: new Set(), down: new Set() };
  readonly #stalled: Record<Direction, boolean> = { up: false, down: false };
  readonly #paces: Partial<Record<Direction, CommitAge>> = {};
  #target = 0;
  #port = 0;

  constructor({ record = true }: TcpProxyOptions = {}) {
    this.#isRecording = record;
    this.#server = createServer((dialer) => this.#join(dialer));
  }

  /** The address to dial. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
  }

  get port(): number {
    return this.#port;
  }

  listen(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.listen(0, '127.0.0.1', () => {
        this.#port = (this.#server.address() as AddressInfo).port;
        resolve();
      });
    });
  }

  leadTo(port: number): void {
    this.#target = port;
  }

  /** Nothing is read in this direction any more; the kernels keep what is on its way. */
  stall(direction: Direction): void {
    this.#stalled[direction] = true;
    for (const { from } of this.#flows[direction]) from.pause();
  }

  resume(direction: Direction): void {
    this.#stalled[direction] = false;
    for (const { from } of this.#flows[direction]) from.resume();
  }

  /** Bytes that have arrived and were not passed on, as while it is stalled. */
  heldBytes(direction: Direction): number {
    let bytes = 0;
    for (const { from } of this.#flows[direction]) bytes += from.readableLength;
    return bytes;
  }

  /**
   * Bytes now take this time; without a pace they pass at once again, after those that are still on
   * their way.
   */
  slow(direction: Direction, pace: CommitAge | undefined): void {
    if (pace === undefined) delete this.#paces[direction];
    else this.#paces[direction] = pace;
  }

  /** Breaks every connection; returns how many there were. */
  sever(): number {
    const broken = this.#flows.up.size;
    for (const { from, to } of this.#flows.up) {
      from.resetAndDestroy();
      to.resetAndDestroy();
    }
    return broken;
  }

  /** Changes the last bit of the next bytes that pass. */
  disturb(direction: Direction): void {
    this.rewrite[direction] = (bytes) => {
      delete this.rewrite[direction];
      const changed = Buffer.from(bytes);
      changed[changed.length - 1] = (changed.at(-1) as number) ^ 1;
      return changed;
    };
  }

  close(): Promise<void> {
    this.sever();
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  #join(dialer: Socket): void {
    const listener = connect({ host: '127.0.0.1', port: this.#target, noDelay: true });
    dialer.setNoDelay();
    this.#carry('up', dialer, listener);
    this.#carry('down', listener, dialer);
  }

  #carry(direction: Direction, from: Socket, to: Socket): void {
    const flow: Flow = { from, to, queue: [], queuedBytes: 0, freeAtMs: 0, timer: undefined };
    this.#flows[direction].add(flow);
    from.on('data', (bytes) => {
      const passed = this.rewrite[direction]?.(bytes) ?? bytes;
      if (this.#isRecording) this.recorded[direction].push(passed);
      this.#pass(direction, flow, passed);
    });
    to.on('drain', () => {
      if (!this.#stalled[direction]) from.resume();
    });
    from.on('end', () => {
      drop(flow);
      to.end();
    });
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#flows[direction].delete(flow);
      drop(flow);
      to.destroy();
    });
    if (this.#stalled[direction]) from.pause();
  }

  #pass(direction: Direction, flow: Flow, bytes: Buffer): void {
    const { from, to, queue } = flow;
    const pace = this.#paces[direction];
    if (pace === undefined && queue.length === 0) {
      if (!to.write(bytes)) from.pause();
      return;
    }
    this.slowedBytes += bytes.length;
    const { delayMs, bytesPerMs } = pace ?? { delayMs: 0, bytesPerMs: Number.POSITIVE_INFINITY };
    flow.freeAtMs = Math.max(performance.now(), flow.freeAtMs) + bytes.length / bytesPerMs;
    queue.push({ bytes, dueMs: Math.max(flow.freeAtMs + delayMs, queue.at(-1)?.dueMs ?? 0) });
    flow.queuedBytes += bytes.length;
    if (flow.queuedBytes >= QUEUE_BYTES_MAX) from.pause();
    if (flow.timer === undefined) this.#await(direction, flow);
  }

  #await(direction: Direction, flow: Flow): void {
    const [head] = flow.queue;
    if (head === undefined) return;
    const release = (): void => {
      flow.queue.shift();
      flow.queuedBytes -= head.bytes.length;
      flow.to.write(head.bytes);
      flow.timer = undefined;
      if (!this.#stalled[direction] && flow.queuedBytes < QUEUE_BYTES_MAX) flow.from.resume();
      this.#await(direction, flow);
    };
    flow.timer = setTimeout(release, Math.max(0, head.dueMs - performance.now()));
  }
}

/** The bytes on their way are lost with the connection. */
function drop(flow: Flow): void {
  clearTimeout(flow.timer);
  flow.queue.length = 0;
}

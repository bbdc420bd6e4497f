// A TCP connection with a hand on it: bytes can be held back, broken off, changed, recorded. Stands between a dialer
// and a listener without either of them knowing.

import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** Seen from the dialer: `up` goes to the listener. */
export type Direction = 'up' | 'down';

interface Flow {
  readonly from: Socket;
  readonly to: Socket;
}

export class TcpProxy {
  /** Everything that passed, by direction, over all connections. */
  readonly recorded: Record<Direction, Buffer[]> = { up: [], down: [] };
  /** Changes what passes. */
  rewrite: Partial<Record<Direction, (bytes: Buffer) => Buffer>> = {};
  readonly #server: Server;
  readonly #flows: Record<Direction, Set<Flow>> = { up: new Set(), down: new Set() };
  readonly #stalled: Record<Direction, boolean> = { up: false, down: false };
  #target = 0;
  #port = 0;

  constructor() {
    this.#server = createServer((dialer) => this.#join(dialer));
  }

  /** The address to dial. */
  get address(): string {
    return `127.0.0.1:${this.#port}`;
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

  /** Nothing is read any more in this direction; what is under way stays in the kernels. */
  stall(direction: Direction): void {
    this.#stalled[direction] = true;
    for (const { from } of this.#flows[direction]) from.pause();
  }

  resume(direction: Direction): void {
    this.#stalled[direction] = false;
    for (const { from } of this.#flows[direction]) from.resume();
  }

  /** Breaks every connection. */
  sever(): void {
    for (const { from, to } of this.#flows.up) {
      from.resetAndDestroy();
      to.resetAndDestroy();
    }
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
    this.#carry('up', { from: dialer, to: listener });
    this.#carry('down', { from: listener, to: dialer });
  }

  #carry(direction: Direction, flow: Flow): void {
    const { from, to } = flow;
    this.#flows[direction].add(flow);
    from.on('data', (bytes) => {
      const passed = this.rewrite[direction]?.(bytes) ?? bytes;
      this.recorded[direction].push(passed);
      if (!to.write(passed)) from.pause();
    });
    to.on('drain', () => {
      if (!this.#stalled[direction]) from.resume();
    });
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => {
      this.#flows[direction].delete(flow);
      to.destroy();
    });
    if (this.#stalled[direction]) from.pause();
  }
}

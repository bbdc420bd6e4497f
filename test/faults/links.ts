// The connections between the replicas, each through a proxy of ours: one for every pair, in which
// the replica with the smaller id dials.

import { TcpProxy } from '../support/tcp-proxy.ts';

export interface Link {
  readonly dialer: string;
  readonly listener: string;
  readonly proxy: TcpProxy;
}

export class Links {
  readonly all: readonly Link[];

  private constructor(all: readonly Link[]) {
    this.all = all;
  }

  static async open(ids: readonly string[]): Promise<Links> {
    const pairs = ids.flatMap((dialer) =>
      ids.filter((id) => dialer < id).map((listener) => ({ dialer, listener })),
    );
    const all = pairs.map((pair) => ({ ...pair, proxy: new TcpProxy({ record: false }) }));
    await Promise.all(all.map(({ proxy }) => proxy.listen()));
    return new Links(all);
  }

  /**
   * Where `from` dials `to`, which listens at the port. Only the replica with the smaller id dials.
   */
  route(from: string, to: string, port: number): number {
    const link = this.all.find(({ dialer, listener }) => dialer === from && listener === to);
    if (link === undefined) return port;
    link.proxy.leadTo(port);
    return link.proxy.port;
  }

  /** Those of a replica. */
  of(id: string): readonly Link[] {
    return this.all.filter(({ dialer, listener }) => dialer === id || listener === id);
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ proxy }) => proxy.close()));
  }
}

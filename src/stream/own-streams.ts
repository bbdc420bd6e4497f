// This replica's own logs on their way to the peers, and its acknowledgements of theirs.

import type { Turn } from '../model/effect.ts';
import type { Origin } from '../model/id.ts';
import type { Settings } from '../model/settings.ts';
import type { VectorEntries } from '../model/vector.ts';
import type { Peers } from '../peers/peers.ts';
import type { Lane } from '../store/lane.ts';
import type { Log } from '../store/log.ts';
import type { OwnLanes } from '../store/own-lanes.ts';
import type { Supersessions } from '../store/supersessions.ts';

export interface StreamsOptions {
  readonly log: Log;
  readonly origin: Origin;
  readonly own: OwnLanes;
  readonly peers: Peers;
  readonly settings: Settings;
  readonly supersessions: Supersessions;
}

export class Streams {
  readonly #options: StreamsOptions;

  constructor(options: StreamsOptions) {
    this.#options = options;
  }

  /**
   * A log of an earlier incarnation, which this disk lost, returns from the peers: it is streamed
   * again.
   */
  relearn(lane: Lane): void {
    const { own, peers } = this.#options;
    if (!own.isOwn(lane.origin) || !own.take(lane)) return;
    for (const peer of peers.all()) peer.sender.lookBack();
  }

  /**
   * Newly durable entries are acknowledged to their origin, and sent if they are this replica's
   * own.
   */
  onDurable(moved: VectorEntries, turn: Turn): void {
    const { own, origin, peers, settings } = this.#options;
    for (const [of] of moved)
      if (of !== origin && own.isOwn(of)) for (const peer of peers.all()) peer.sender.lookBack();
    peers.acknowledge(moved, settings.windowBytes, this.#options, turn);
    peers.pump(turn);
  }
}

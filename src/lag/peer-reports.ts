// What each peer says of itself with its heartbeats: how long its own commit has taken, and the
// namespaces that it does not simply serve. The last heartbeat counts; a greeting begins again with
// nothing.

import type { NamespaceName } from '../model/id.ts';
import type { NamespaceLag } from '../model/lag.ts';
import type { Heartbeat } from '../model/message.ts';
import { PerMember } from '../model/per-member.ts';

/** `health`: the lag of each namespace that the peer does not simply serve. */
export type PeerReport = Pick<Heartbeat, 'commitAgeMs' | 'health'>;

const NOTHING: PeerReport = { commitAgeMs: 0, health: [] };

export class PeerReports {
  readonly #byPeer = new PerMember<PeerReport>(() => NOTHING);

  onHello(peer: number): void {
    this.#byPeer.set(peer, NOTHING);
  }

  onHeartbeat(peer: number, { commitAgeMs, health }: PeerReport): void {
    this.#byPeer.set(peer, { commitAgeMs, health });
  }

  of(peer: number): PeerReport {
    return this.#byPeer.of(peer);
  }

  lagOf(peer: number, namespace: NamespaceName): NamespaceLag | undefined {
    return this.of(peer).health.find((told) => told.namespace === namespace);
  }

  /** The peer answers reads of the namespace, unless it says otherwise. */
  answers(peer: number, namespace: NamespaceName): boolean {
    return this.lagOf(peer, namespace)?.answers ?? true;
  }
}

// Whether this replica is fit to answer reads: measures how far it is behind what its connected peers hold, and since
// when it hears no majority, and turns away what a policy does not let it answer.

import type { Command } from '../model/command.ts';
import type { Outbox } from '../model/effect.ts';
import type { Lag } from '../entropy/health.ts';
import type { Origin, Seq } from '../model/id.ts';
import { majority } from '../model/quorum.ts';
import { mergeVector, seqOf, type Vector } from '../model/vector.ts';
import { type Context, refuse } from './context.ts';

export class Fitness {
  readonly #context: Context;
  #majorityAtMs: number | undefined;

  constructor(context: Context) {
    this.#context = context;
  }

  /** With every heartbeat. */
  look(nowMs: number): void {
    const { health } = this.#context;
    if (!health.isIdle) health.look(this.#measure(nowMs), nowMs);
  }

  /** True when the command was answered with a refusal. */
  refuses(command: Command, out: Outbox): boolean {
    if (command.kind !== 'read' && command.kind !== 'list') return false;
    const stale = this.#context.health.of(command.namespace);
    if (stale === undefined) return false;
    const what = stale.rule === 'time' ? 'time' : 'entries';
    const detail = `this replica is behind by more ${what} than the policy allows`;
    const alternates = this.#context.peers.greeted().map((peer) => peer.member.id);
    refuse(command.client, out, 'replica-stale', detail, { alternates, retryAfterMs: 1000 });
    return true;
  }

  #measure(nowMs: number): Lag {
    const { freshness, log, peers, settings } = this.#context;
    const greeted = peers.greeted();
    const hasMajority = greeted.length + 1 >= majority(settings.members.length);
    if (hasMajority) this.#majorityAtMs = nowMs;
    this.#majorityAtMs ??= nowMs;
    let ms = nowMs - this.#majorityAtMs;
    const known: Vector = new Map<Origin, Seq>();
    for (const { member, holds } of greeted) {
      const behindMs = freshness.ofPeer(member.index, nowMs);
      // Nothing was measured yet: what it said that it holds counts until the first echo.
      if (behindMs !== 'unknown') ms = Math.max(ms, behindMs);
      mergeVector(known, holds);
    }
    let entries = 0;
    for (const [origin, seq] of known) entries += Math.max(0, seq - seqOf(log.durable, origin));
    return { ms, entries };
  }
}

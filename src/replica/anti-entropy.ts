// Comparing this replica's records with those of its peers by hash tree, both ways: answers who asks, and walks itself
// with one peer after the other, whether or not clients write meanwhile (entropy/tree-cut.ts). What it confirms that we
// lost is merged by a path of its own (Table.mend), because absence here is no delete then. In `fifo` namespaces as well:
// what a cut covers that both have reached has no predecessor that it could overtake.

import { Comparisons } from '../entropy/comparisons.ts';
import { APART_ENTRIES_MAX, Cut, type CutOptions } from '../entropy/tree-cut.ts';
import { TreeServer } from '../entropy/tree-server.ts';
import { type RoundEnd, TreeWalk } from '../entropy/tree-walk.ts';
import type { ResyncCommand } from '../model/command.ts';
import type { Now, Outbox, RangeResult } from '../model/effect.ts';
import type { TreeMessage } from '../model/message.ts';
import { unreachable } from '../base/assert.ts';
import type { Record } from '../model/record.ts';
import { countMissing, covers } from '../model/vector.ts';
import type { Span } from '../store/layout.ts';
import type { Context, Heal } from './context.ts';
import type { Peer } from './peers.ts';
import type { Standing } from './standing.ts';

export interface AntiEntropyOptions {
  readonly context: Context;
  readonly standing: Standing;
  readonly range: (span: Span, bytesMax: number, out: Outbox) => number;
  readonly heal: Heal;
}

/** A peer that has not answered for so long is given up for this round. */
const TIMEOUT_MS = 5000;
/** A record that came before its entry is followed by it within that time, or the entry is not on its way. */
const AHEAD_MS = 10_000;

export class AntiEntropy {
  readonly comparisons: Comparisons;
  readonly #context: Context;
  readonly #standing: Standing;
  readonly #server: TreeServer;
  readonly #walk: TreeWalk;
  #agedAtMs = 0;

  constructor({ context, standing, range, heal }: AntiEntropyOptions) {
    const { absence, log, metrics, settings, table, tree } = context;
    this.#context = context;
    this.#standing = standing;
    this.comparisons = new Comparisons(settings.compareEveryMs);
    const parts = { absence, log, table, tree, isFit: () => this.#isFit };
    const freeze = (): Cut | undefined => this.#freeze(parts);
    const shared = { table, frameBytes: settings.frameBytes, range, freeze };
    this.#server = new TreeServer({
      ...shared,
      heal,
      onRoot: (peer, isSame) => this.comparisons.onAsked(peer, isSame),
    });
    this.#walk = new TreeWalk({
      ...shared,
      tree,
      metrics,
      roundBytes: settings.compareBytes,
      restMs: settings.heartbeatMs,
      timeoutMs: TIMEOUT_MS + 2 * settings.heartbeatMs,
      heal: ({ namespace, key }, now, out) => heal(namespace, key, now, out),
      mend: (record, now, out) => this.#mend(record, now, out),
      onEnd: (end, now, out) => this.#onEnd(end, now, out),
    });
  }

  /** With every heartbeat of a replica that is open. */
  look(now: Now, out: Outbox): void {
    this.#age(now);
    this.#server.look(now);
    if (this.#walk.isWalking) return this.#walk.look(now, out);
    const due = this.#context.peers
      .greeted()
      .find((peer) => this.comparisons.isDue(peer.member.index, now.monoMs) && this.#isNear(peer));
    if (due !== undefined && this.#isFit) this.#walk.begin(due.member.index, now, out);
  }

  onDurable(now: Now, out: Outbox): void {
    this.#server.onDurable(out);
    this.#walk.onDurable(now, out);
  }

  onCommand({ client }: ResyncCommand, out: Outbox): void {
    for (const { member } of this.#context.peers.greeted())
      this.comparisons.onConnected(member.index);
    out.reply(client, { kind: 'resyncing' }, 0);
  }

  onConnected(peer: number): void {
    this.comparisons.onConnected(peer);
  }

  onDisconnected(peer: number, now: Now, out: Outbox): void {
    this.#server.onDisconnected(peer);
    this.#walk.onDisconnected(peer, now, out);
  }

  onMessage(peer: number, message: TreeMessage, now: Now, out: Outbox): void {
    switch (message.kind) {
      case 'tree-cut-request':
        return this.#server.onCut(peer, message, now, out);
      case 'tree-request':
        return this.#server.onTree(peer, message, now, out);
      case 'tree-keys-request':
        return this.#server.onKeys(peer, message, out);
      case 'tree-records-request':
        return this.#server.onRecords(peer, message, now, out);
      case 'tree-cut':
        return this.#walk.onCut(peer, message, now, out);
      case 'tree-reply':
        return this.#walk.onReply(peer, message, now, out);
      case 'tree-keys':
        return this.#walk.onKeys(peer, message, now, out);
      case 'tree-records':
        if (!this.#context.room.takeCopies(message.records)) return;
        return this.#walk.onRecords(peer, message, now, out);
      default:
        return unreachable(message);
    }
  }

  onRange(id: number, result: RangeResult, now: Now, out: Outbox): boolean {
    return this.#server.onRange(id, result, now, out) || this.#walk.onRange(id, result, now, out);
  }

  /** Our tree says something. */
  get #isFit(): boolean {
    return this.#context.tree.isTrusted && !this.#standing.isReturning;
  }

  #freeze(parts: CutOptions): Cut | undefined {
    return this.#isFit ? new Cut(parts) : undefined;
  }

  /** As far as is known. */
  #isNear({ holds }: Peer): boolean {
    const { durable } = this.#context.log;
    return (
      countMissing(durable, holds) <= APART_ENTRIES_MAX &&
      countMissing(holds, durable) <= APART_ENTRIES_MAX
    );
  }

  #age({ monoMs }: Now): void {
    if (monoMs - this.#agedAtMs < AHEAD_MS) return;
    this.#agedAtMs = monoMs;
    this.#context.absence.age();
  }

  /** Our log covers it, or it is not merged: what has not come by the stream is not brought past it. */
  #mend(record: Record, now: Now, out: Outbox): boolean {
    const { clock, log, metrics, namespaces, table } = this.#context;
    if (namespaces.find(record.namespace) === undefined || !covers(log.durable, record))
      return false;
    if (!clock.witness(record.hlc, now.wallMs)) {
      metrics.clockRefusals++;
      return false;
    }
    const isMended = table.mend(record, out) === 'won';
    if (!isMended) return false;
    metrics.treeRecordsMended++;
    metrics.treeMendedBytes += record.bytes.length;
    return true;
  }

  #onEnd(end: RoundEnd, now: Now, out: Outbox): void {
    const { metrics, settings } = this.#context;
    const { result, keys, mended } = end;
    const peer = settings.members[end.peer]?.id ?? '';
    if (result === 'equal') metrics.treeRoundsEqual++;
    else if (result === 'different') metrics.treeRoundsDifferent++;
    else metrics.treeRoundsUnknown++;
    if (keys > 0) out.note('error', 'divergence', { peer, keys });
    if (mended > 0) {
      metrics.treeResyncs++;
      out.note('warn', 'divergence-mended', { peer, records: mended });
    }
    this.comparisons.onEnd(end, now);
  }
}

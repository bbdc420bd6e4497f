// Compares this replica's records with those of its peers by hash tree, both ways: answers peers
// that ask, and walks itself with one peer after the other, whether or not clients write meanwhile
// (entropy/tree-cut.ts). Records that are confirmed as lost here are merged by a verb of their own
// (Table.recover), because absence here is no delete then. This includes `fifo` namespaces: an
// entry that a cut covers, and that both replicas have reached, has no predecessor that it could
// overtake.

import { Comparisons } from './comparisons.ts';
import { APART_ENTRIES_MAX, Cut, type CutOptions } from './tree-cut.ts';
import { TreeServer } from './tree-server.ts';
import { type RoundEnd, TreeWalk } from './tree-walk.ts';
import type { ResyncCommand } from '../model/command.ts';
import type { Now, Outbox, Turn } from '../model/effect.ts';
import type { TreeMessage } from '../model/message.ts';
import { present, unreachable } from '../base/assert.ts';
import { encodedOf, isCoveredBy, type Record, stampOf } from '../model/record.ts';
import { countMissing } from '../model/vector.ts';
import type { Heal } from '../model/heal.ts';
import type { Peer, Peers } from '../peers/peers.ts';
import type { Absence } from '../store/absence.ts';
import type { HybridClock } from '../model/hlc.ts';
import type { Log } from '../store/log.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Namespaces } from '../model/namespaces.ts';
import type { Room } from '../store/room.ts';
import type { Settings } from '../model/settings.ts';
import type { Table } from '../store/table.ts';
import type { HashTree } from '../store/tree.ts';

export interface AntiEntropyOptions {
  readonly absence: Absence;
  readonly clock: HybridClock;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly namespaces: Namespaces;
  readonly peers: Peers;
  readonly room: Room;
  readonly settings: Settings;
  readonly table: Table;
  readonly tree: HashTree;
  readonly catchUp: { readonly isReturning: boolean };
  readonly heal: Heal;
}

/** A peer that has not answered for this time is given up for this round. */
const TIMEOUT_MS = 5000;
/** The entry of an early record arrives within this time, or is not on its way. */
const AHEAD_MS = 10_000;

export class AntiEntropy {
  readonly comparisons: Comparisons;
  readonly #options: AntiEntropyOptions;
  readonly #catchUp: { readonly isReturning: boolean };
  readonly #server: TreeServer;
  readonly #walk: TreeWalk;
  #agedAtMs = 0;

  constructor(options: AntiEntropyOptions) {
    const { catchUp, heal, absence, log, metrics, settings, table, tree } = options;
    this.#options = options;
    this.#catchUp = catchUp;
    this.comparisons = new Comparisons(settings.compareEveryMs);
    const parts = { absence, log, table, tree, isFit: () => this.#isFit };
    const freeze = (): Cut | undefined => this.#freeze(parts);
    const shared = { table, frameBytes: settings.frameBytes, freeze };
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
      heal: ({ namespace, key }, turn) => heal(namespace, key, turn),
      recover: (record, turn) => this.#recover(record, turn),
      onEnd: (end, turn) => this.#onEnd(end, turn),
    });
  }

  /** Called with every heartbeat of a replica that is open. */
  onBeat(turn: Turn): void {
    this.#age(turn.now);
    this.#server.onBeat(turn.now);
    if (this.#walk.isWalking) return this.#walk.onBeat(turn);
    const due = this.#options.peers
      .greeted()
      .find(
        (peer) => this.comparisons.isDue(peer.member.index, turn.now.monoMs) && this.#isNear(peer),
      );
    if (due !== undefined && this.#isFit) this.#walk.begin(due.member.index, turn);
  }

  onDurable(turn: Turn): void {
    this.#server.onDurable(turn);
    this.#walk.onDurable(turn);
  }

  onCommand({ client }: ResyncCommand, out: Outbox): void {
    for (const { member } of this.#options.peers.greeted())
      this.comparisons.onConnected(member.index);
    out.reply(client, { kind: 'resyncing' }, 0);
  }

  onConnected(peer: number): void {
    this.comparisons.onConnected(peer);
  }

  onDisconnected(peer: number, turn: Turn): void {
    this.#server.onDisconnected(peer, turn);
    this.#walk.onDisconnected(peer, turn);
  }

  onMessage(peer: number, message: TreeMessage, turn: Turn): void {
    switch (message.kind) {
      case 'tree-cut-request':
        return this.#server.onCut(peer, message, turn);
      case 'tree-request':
        return this.#server.onTree(peer, message, turn);
      case 'tree-keys-request':
        return this.#server.onKeys(peer, message, turn);
      case 'tree-records-request':
        return this.#server.onRecords(peer, message, turn);
      case 'tree-cut':
        return this.#walk.onCut(peer, message, turn);
      case 'tree-reply':
        return this.#walk.onReply(peer, message, turn);
      case 'tree-keys':
        return this.#walk.onKeys(peer, message, turn);
      case 'tree-records':
        if (!this.#options.room.takeCopies(message.records)) return;
        return this.#walk.onRecords(peer, message, turn);
      default:
        return unreachable(message);
    }
  }

  /** The local tree is not in doubt. */
  get #isFit(): boolean {
    return this.#options.tree.isTrusted && !this.#catchUp.isReturning;
  }

  #freeze(parts: CutOptions): Cut | undefined {
    return this.#isFit ? new Cut(parts) : undefined;
  }

  /** As far as is known. */
  #isNear({ holds }: Peer): boolean {
    const { durable } = this.#options.log;
    return (
      countMissing(durable, holds) <= APART_ENTRIES_MAX &&
      countMissing(holds, durable) <= APART_ENTRIES_MAX
    );
  }

  #age({ monoMs }: Now): void {
    if (monoMs - this.#agedAtMs < AHEAD_MS) return;
    this.#agedAtMs = monoMs;
    this.#options.absence.age();
  }

  /**
   * True if the local log covers it. Otherwise it is not merged, because the stream must bring it
   * in order.
   */
  #recover(record: Record, turn: Turn): boolean {
    const { clock, log, metrics, namespaces, table } = this.#options;
    if (namespaces.find(record.namespace) === undefined || !isCoveredBy(record, log.durable))
      return false;
    if (!clock.witness(stampOf(record), turn.now.wallMs)) {
      metrics.clockRefusals++;
      return false;
    }
    const isRecovered = table.recover(record, turn) === 'won';
    if (!isRecovered) return false;
    metrics.treeRecordsMended++;
    metrics.treeMendedBytes += encodedOf(record).length;
    return true;
  }

  #onEnd(end: RoundEnd, turn: Turn): void {
    const { metrics, settings } = this.#options;
    const { result, keys, mended } = end;
    const { id: peer } = present(settings.members[end.peer], 'anti-entropy: with a member');
    if (result === 'equal') metrics.treeRoundsEqual++;
    else if (result === 'different') metrics.treeRoundsDifferent++;
    else metrics.treeRoundsUnknown++;
    if (keys > 0) turn.note('error', 'divergence', { peer, keys });
    if (mended > 0) {
      metrics.treeResyncs++;
      turn.note('warn', 'divergence-mended', { peer, records: mended });
    }
    this.comparisons.onEnd(end, turn.now);
  }
}

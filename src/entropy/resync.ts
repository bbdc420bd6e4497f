// Resynchronisation by snapshot, both ways: sends this replica's records to a peer, and copies a
// peer's. While a copy is in progress this replica is out of service: its records are not in order
// yet.

import { assert } from '../base/assert.ts';
import { CopyBudget } from './copy-budget.ts';
import { SnapshotClient, snapshotMark } from './snapshot-client.ts';
import { SnapshotServer } from './snapshot-server.ts';
import type { Turn } from '../model/effect.ts';
import type { Behind, LaneHead, Position, SnapshotMessage } from '../model/message.ts';
import { type Storage, UNREADABLE } from '../model/port.ts';
import { type Record, stampOf } from '../model/record.ts';
import type { Lane } from '../store/lane.ts';
import type { Heal } from '../model/heal.ts';
import { holderOf, type Peer, type Peers } from '../peers/peers.ts';
import type { Absence } from '../store/absence.ts';
import type { HybridClock } from '../model/hlc.ts';
import type { Held } from '../store/held.ts';
import type { IdempotencyTable } from '../store/idempotency.ts';
import type { Checkpoint } from '../store/checkpoint.ts';
import type { Log } from '../store/log.ts';
import type { Metrics } from '../model/metrics.ts';
import type { Namespaces } from '../model/namespaces.ts';
import type { Room } from '../store/room.ts';
import type { Settings } from '../model/settings.ts';
import type { CopyProgress } from '../model/status.ts';
import type { Table } from '../store/table.ts';

export interface ResyncOptions {
  readonly absence: Absence;
  readonly checkpoint: Checkpoint;
  readonly clock: HybridClock;
  readonly get: Storage['get'];
  readonly held: Held;
  readonly idempotency: IdempotencyTable;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly namespaces: Namespaces;
  readonly peers: Peers;
  readonly room: Room;
  readonly settings: Settings;
  readonly table: Table;
  readonly catchUp: { onCopy(isCopying: boolean): void };
  readonly heal: Heal;
  readonly retryMs: number;
  /** An origin's log continues in another lane. */
  readonly onJump: (lane: Lane, turn: Turn) => void;
}

/** The bound of a snapshot part: small, so that requests run between two parts. */
const PART_BYTES = 64 * 1024;

export class Resync {
  readonly #options: ResyncOptions;
  readonly #server: SnapshotServer;
  readonly #client: SnapshotClient;
  readonly #onJump: (lane: Lane, turn: Turn) => void;

  constructor(options: ResyncOptions) {
    const { catchUp, heal, retryMs, onJump } = options;
    const { log, table, absence, checkpoint, metrics, settings, get } = options;
    this.#options = options;
    this.#onJump = onJump;
    this.#server = new SnapshotServer({
      log,
      metrics,
      reads: table.reads,
      frameBytes: settings.frameBytes,
      get,
      heal,
    });
    this.#client = new SnapshotClient({
      log,
      table,
      absence,
      metrics,
      bytesMax: Math.min(settings.frameBytes, PART_BYTES),
      budget: new CopyBudget(settings.copiesPerHour),
      checkpoint,
      retryMs,
      onCopy: (isCopying) => {
        catchUp.onCopy(isCopying);
        table.onCopy(isCopying);
      },
      admit: (record, turn) => this.#admit(record, turn),
      remember: (named, out) => options.idempotency.learn(named, out),
      jump: (cover, turn) => this.#jump(cover, turn),
      isAhead: ({ hlc }, now) => options.clock.isAhead(hlc, now.wallMs),
    });
  }

  /** The copy under way, if there is one. */
  get progress(): CopyProgress | undefined {
    const { made } = this.#client;
    if (made === undefined) return undefined;
    const { parts, records, after } = made;
    return { parts, records, share: shareOf(after, this.#options.namespaces.names) };
  }

  get isCopying(): boolean {
    return this.#client.isCopying;
  }

  /** Storage is read: an unfinished copy continues. */
  begin(): void {
    assert(!this.isCopying, 'resync: storage is read once');
    const mark = this.#options.get(snapshotMark());
    this.#client.restore(mark === UNREADABLE ? undefined : mark);
  }

  onMessage(peer: Peer, message: Behind | SnapshotMessage, turn: Turn): void {
    const { index } = peer.member;
    if (message.kind === 'behind') this.#client.onBehind(index, message);
    else if (message.kind === 'snapshot-request') this.#server.onRequest(index, message, turn);
    else if (message.kind === 'snapshot-credit') this.#server.onCredit(index, message, turn);
    else if (this.#takesPart()) this.#client.onChunk(holderOf(peer), message, turn);
  }

  /** A part for which the disk has no room counts as lost: it is requested again. */
  #takesPart(): boolean {
    const { room } = this.#options;
    if (!room.takesFromPeer(PART_BYTES)) return false;
    room.spend(PART_BYTES);
    return true;
  }

  onDisconnected(index: number): void {
    this.#server.onDisconnected(index);
    this.#client.onDisconnected(index);
  }

  onDurable(turn: Turn): void {
    this.#client.onDurable(turn);
  }

  /** With every heartbeat. */
  onBeat(turn: Turn): void {
    this.#client.onBeat(this.#options.peers.greeted().map(holderOf), turn);
  }

  #admit(record: Record, turn: Turn): void {
    const { clock, metrics, absence } = this.#options;
    // The peer has accepted the stamp. Local stamps follow it only within the drift bound.
    if (!clock.witness(stampOf(record), turn.now.wallMs)) metrics.clockRefusals++;
    absence.admit(record, turn);
  }

  #jump(cover: LaneHead, turn: Turn): void {
    const lane = this.#options.log.jump(cover, turn);
    if (lane === undefined) return;
    assert(lane.received === cover.seq, 'resync: a log goes on behind what is covered');
    this.#options.held.onTaken(lane.id);
    // As after a restart: local stamps are newer than everything that is held here, and everything
    // that was dropped.
    this.#options.clock.raise(lane.hlc);
    this.#onJump(lane, turn);
  }
}

/**
 * Records arrive in the order of their positions, so the position shows the progress: whole
 * namespaces, and in the present one the share of the key space by its first four bytes. How full
 * that space is, is unknown.
 */
function shareOf(after: Position, namespaces: readonly string[]): number {
  if (after === '' || namespaces.length === 0) return 0;
  const zero = after.indexOf('\0');
  const name = zero < 0 ? after : after.slice(0, zero);
  const done = namespaces.filter((other) => other < name).length;
  let within = 0;
  for (let at = 4; at >= 1; at--) within = (within + byteAt(after, zero + at)) / 256;
  return Math.min((done + within) / namespaces.length, 1);
}

function byteAt(position: Position, at: number): number {
  return at > 0 && at < position.length ? position.charCodeAt(at) & 0xff : 0;
}

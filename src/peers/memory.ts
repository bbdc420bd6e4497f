// The vector that each peer has reported as durable, so that a peer that returns with less can be
// told. An old copy of a directory lacks writes that its replica acknowledged later, and cannot
// know it; the peers that received the acknowledgements can.
//
// Of each replica's logs only that of its latest incarnation is remembered: everything written
// after a copy was taken ended up in such a log, grown or begun since, so the copy lacks a part of
// it. The memory only grows, is sent with the greeting, and is written with the heartbeat, at most
// once a second. So a restart of both, or of all, forgets at most the last second; stopping,
// restoring and starting a replica takes longer.

import { assert } from '../base/assert.ts';
import type { Turn } from '../model/effect.ts';
import {
  type Incarnation,
  incarnationOf,
  type LaneId,
  parseOrigin,
  type ReplicaId,
  replicaOf,
  type Seq,
} from '../model/id.ts';
import { type Storage, UNREADABLE } from '../model/port.ts';
import type { Member } from '../model/quorum.ts';
import { seal, unseal } from '../store/envelope.ts';
import { metaKey } from '../store/layout.ts';
import type { Settings } from '../model/settings.ts';
import type { VectorEntries } from '../model/vector.ts';

const WRITE_MS = 1000;
const NAME_BYTES_MAX = 80;

interface Held {
  readonly life: Incarnation;
  readonly origin: LaneId;
  seq: Seq;
}

class PeerMemory {
  readonly member: Member;
  isDirty = false;
  readonly #byOrigin = new Map<LaneId, Held>();
  readonly #byReplica = new Map<ReplicaId, Held>();

  constructor(member: Member) {
    this.member = member;
  }

  learn(vector: VectorEntries): void {
    for (const [origin, seq] of vector) {
      const held = this.#byOrigin.get(origin);
      if (held === undefined) this.#begin(origin, seq);
      else if (seq > held.seq) {
        held.seq = seq;
        this.isDirty = true;
      }
    }
  }

  told(): VectorEntries {
    assert(this.#byOrigin.size === this.#byReplica.size, 'memory: one log of each replica');
    return [...this.#byReplica.values()].map(({ origin, seq }) => [origin, seq]);
  }

  #begin(origin: LaneId, seq: Seq): void {
    const replica = replicaOf(origin);
    const life = incarnationOf(origin);
    const before = this.#byReplica.get(replica);
    if (seq === 0 || (before !== undefined && before.life > life)) return;
    if (before !== undefined) this.#byOrigin.delete(before.origin);
    const held = { life, origin, seq };
    this.#byReplica.set(replica, held);
    this.#byOrigin.set(origin, held);
    this.isDirty = true;
  }
}

export interface MemoryOptions {
  readonly get: Storage['get'];
  readonly commitAge: { readonly isDiskLow: boolean };
  readonly settings: Settings;
}

export class Memory {
  readonly #options: MemoryOptions;
  readonly #peers = new Map<number, PeerMemory>();
  #writtenAtMs = Number.NEGATIVE_INFINITY;

  constructor(options: MemoryOptions) {
    this.#options = options;
    for (const member of options.settings.members)
      if (member.id !== options.settings.self)
        this.#peers.set(member.index, new PeerMemory(member));
  }

  /** Storage is read. Unreadable memories are learned again. */
  begin(): void {
    for (const peer of this.#peers.values()) {
      const bytes = this.#options.get(heldKey(peer.member.id));
      if (bytes !== undefined && bytes !== UNREADABLE) peer.learn(decode(bytes));
      peer.isDirty = false;
    }
  }

  learn(peer: number, vector: VectorEntries): void {
    this.#peers.get(peer)?.learn(vector);
  }

  /** The remembered vector for the greeting of a peer. */
  of(peer: number): VectorEntries {
    return this.#peers.get(peer)?.told() ?? [];
  }

  /** With every heartbeat. While the disk is almost full nothing is written. */
  onBeat(turn: Turn): void {
    if (turn.now.monoMs - this.#writtenAtMs < WRITE_MS || this.#options.commitAge.isDiskLow) return;
    this.#writtenAtMs = turn.now.monoMs;
    for (const peer of this.#peers.values()) {
      if (!peer.isDirty) continue;
      peer.isDirty = false;
      turn.put(heldKey(peer.member.id), encode(peer.told()));
    }
  }
}

export function heldKey(id: ReplicaId): Uint8Array {
  return metaKey(`held.${id}`);
}

export function encode(vector: VectorEntries): Uint8Array {
  return seal((writer) => {
    writer.varint(vector.length);
    for (const [origin, seq] of vector) {
      writer.text(origin);
      writer.varint(seq);
    }
  });
}

export function decode(bytes: Uint8Array): VectorEntries {
  const reader = unseal(bytes);
  if (reader === undefined) return [];
  const vector: [LaneId, Seq][] = [];
  for (let left = reader.varint(); left > 0; left--) {
    const origin = parseOrigin(reader.text(NAME_BYTES_MAX));
    const seq = reader.varint();
    if (origin === undefined) return [];
    vector.push([origin, seq]);
  }
  return reader.finished ? vector : [];
}

// Session tokens (header Conit-Session): a session as text that only this cluster can write, and
// that clients return without looking into it.
//
//   token    = base64url(body | code)
//   body     = version u8 (1) | count | (replica | incarnation and mark | number? | seq)*
//   replica  = hash u32, or 0 and the id
//   code     = SipHash-2-4 of the body, 16 bytes
//
// The mark, the lowest bit beside the incarnation, says that the number of a further lane follows.
// A replica has a short name, the hash of its id, so that the token of a large cluster fits into a
// header; where two known replicas have the same, its id is written.

import { SIPHASH_BYTES, SipHash } from '../../base/siphash.ts';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { hashText, mix32 } from '../../base/mix.ts';
import {
  INCARNATION_MAX,
  laneIdOf,
  type LaneId,
  laneOf,
  incarnationOf,
  originOf,
  parseReplicaId,
  replicaOf,
  type ReplicaId,
} from '../../model/id.ts';
import type { SessionFacts } from '../../model/port.ts';
import { NEW_SESSION, type Session } from '../../model/session.ts';
import type { Vector } from '../../model/vector.ts';
import { type Refusal, refusal } from '../problem.ts';

/** A longer token would not pass the proxies on its way. */
export const TOKEN_LENGTH_MAX = 2048;
const TOKEN = /^[A-Za-z0-9_-]{24,2048}$/;
const VERSION = 1;
const ID_BYTES_MAX = 63;
/** A lane in a token, at most: id, incarnation, number and sequence number. */
const ENTRY_BYTES_MAX = 5 + ID_BYTES_MAX + 3 * 8;
const NUMBER_MAX = 65_535;
const NONE: readonly ReplicaId[] = [];

const INVALID = refusal(
  'invalid-session',
  'the token in Conit-Session is damaged, or of another cluster or secret; nothing was done. Begin a ' +
    'new session, without the token',
);
const UNKNOWN_REPLICA = refusal(
  'session-behind',
  'the session has seen a write of a replica that this one does not know yet; nothing was done',
  { retryAfterMs: 1000 },
);

export class SessionTokens {
  readonly facts: SessionFacts;
  readonly #hash: SipHash;
  readonly #writer = new ByteWriter(256);
  readonly #code = new Uint8Array(SIPHASH_BYTES);
  readonly #fresh: string;
  /** The known replicas by their short names, and the list that they were taken from. */
  #names: ReadonlyMap<number, readonly ReplicaId[]> = new Map();
  #replicas: readonly ReplicaId[] | undefined;

  /** `key` has 16 secret bytes. */
  constructor(key: Uint8Array, facts: SessionFacts) {
    this.#hash = new SipHash(key);
    this.facts = facts;
    this.#fresh = this.#write(NEW_SESSION);
  }

  /** `undefined`: the client begins a session. */
  read(token: string | undefined): Session | Refusal {
    if (token === undefined || token === this.#fresh) return NEW_SESSION;
    if (!TOKEN.test(token)) return INVALID;
    const bytes = Buffer.from(token, 'base64url');
    const end = bytes.length - SIPHASH_BYTES;
    // Decoding passes over letters that stand for no whole byte.
    if (end <= 0 || bytes.toString('base64url') !== token) return INVALID;
    if (!this.#isOurs(bytes, end)) return INVALID;
    const reader = new ByteReader(bytes.subarray(0, end));
    return this.#readBody(reader);
  }

  /** `undefined`: the token would be too long. */
  write(session: Session): string | undefined {
    if (session.size === 0) return this.#fresh;
    const token = this.#write(session);
    return token.length <= TOKEN_LENGTH_MAX ? token : undefined;
  }

  /** One more entry would still fit. */
  hasRoom(session: Session): boolean {
    if (session.size === 0) return true;
    const more = Math.ceil((4 * ENTRY_BYTES_MAX) / 3);
    return this.#write(session).length + more <= TOKEN_LENGTH_MAX;
  }

  #write(session: Session): string {
    const writer = this.#writer;
    writer.reset();
    writer.u8(VERSION);
    writer.varint(session.size);
    for (const [lane, seq] of session) this.#writeEntry(lane, seq);
    writer.reserve(SIPHASH_BYTES);
    const { at } = writer;
    this.#hash.write(writer.bytes, 0, at, writer.bytes, at);
    return Buffer.from(writer.bytes.buffer, 0, at + SIPHASH_BYTES).toString('base64url');
  }

  #writeEntry(lane: LaneId, seq: number): void {
    const writer = this.#writer;
    const { number } = laneOf(lane);
    const replica = replicaOf(lane);
    const name = nameOf(replica);
    const [id, ...others] = this.#named(name);
    const isShort = id === replica && others.length === 0;
    writer.u32(isShort ? name : 0);
    if (!isShort) writer.text(replica);
    writer.varint(2 * incarnationOf(lane) + (number === 0 ? 0 : 1));
    if (number !== 0) writer.varint(number);
    writer.varint(seq);
  }

  #isOurs(bytes: Uint8Array, end: number): boolean {
    this.#hash.write(bytes, 0, end, this.#code, 0);
    let difference = 0;
    for (let i = 0; i < SIPHASH_BYTES; i++)
      difference |= (bytes[end + i] as number) ^ (this.#code[i] as number);
    return difference === 0;
  }

  #readBody(reader: ByteReader): Session | Refusal {
    if (reader.u8() !== VERSION) return INVALID;
    const count = reader.varint();
    const session: Vector = new Map();
    for (let entry = 0; entry < count && !reader.failed; entry++) {
      const name = reader.u32();
      const ids = name === 0 ? idIn(reader) : this.#named(name);
      const mark = reader.varint();
      const number = mark % 2 === 0 ? 0 : reader.varint();
      const incarnation = Math.floor(mark / 2);
      const seq = reader.varint();
      const [id, ...others] = ids;
      if (id === undefined || others.length > 0) return UNKNOWN_REPLICA;
      if (incarnation > INCARNATION_MAX || number > NUMBER_MAX) return INVALID;
      session.set(laneIdOf(originOf(id, incarnation), number), seq);
    }
    return reader.finished ? session : INVALID;
  }

  #named(name: number): readonly ReplicaId[] {
    const replicas = this.facts.replicas();
    if (replicas !== this.#replicas) {
      this.#names = byName(replicas);
      this.#replicas = replicas;
    }
    return this.#names.get(name) ?? NONE;
  }
}

function idIn(reader: ByteReader): ReplicaId[] {
  const id = parseReplicaId(reader.text(ID_BYTES_MAX));
  return id === undefined ? [] : [id];
}

function byName(replicas: readonly ReplicaId[]): Map<number, ReplicaId[]> {
  const names = new Map<number, ReplicaId[]>();
  for (const id of replicas) names.set(nameOf(id), [...(names.get(nameOf(id)) ?? []), id]);
  // 0 announces an id.
  names.delete(0);
  return names;
}

function nameOf(id: ReplicaId): number {
  return mix32(hashText(id));
}

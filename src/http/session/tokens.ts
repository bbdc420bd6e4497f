// Session tokens (header Conit-Session): a session as text that only this cluster can write, and
// that clients return without looking into it.
//
//   token    = base64url(body | code)
//   body     = version u8 (1) | count | (lane | seq)*
//   code     = SipHash-2-4 of the body, 16 bytes
//
// A client mostly returns the token that it got last, and mostly to the replica that wrote it. So
// recent tokens are remembered with their sessions, and are neither decoded nor written again.

import { present } from '../../base/assert.ts';
import { SIPHASH_BYTES, SipHash } from '../../base/siphash.ts';
import { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { NEW_SESSION, type Session, type SessionFacts } from '../../model/session.ts';
import type { Vector } from '../../model/vector.ts';
import { type Refusal, refusal } from '../problem.ts';
import { LANE_BYTES_MAX, LaneNames } from './lane-names.ts';
import { type Opened, RecentTokens, type KnownToken } from './recent-tokens.ts';

/** A longer token would not pass the proxies on its way. */
export const TOKEN_LENGTH_MAX = 2048;
const TOKEN = /^[A-Za-z0-9_-]{24,2048}$/;
const VERSION = 1;
/** An entry in a token, at most: lane and sequence number. */
const ENTRY_BYTES_MAX = LANE_BYTES_MAX + 8;
/** Version, number of entries and code, at most. */
const FRAME_BYTES_MAX = 1 + 8 + SIPHASH_BYTES;

const CODE = new Uint8Array(SIPHASH_BYTES);

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
  /** Under the other keys that are accepted. */
  readonly #others: readonly SipHash[];
  readonly #lanes: LaneNames;
  readonly #writer = new ByteWriter(256);
  readonly #recent = new RecentTokens();
  readonly #fresh: KnownToken;

  /** Keys have 16 secret bytes. Tokens are written with the first, and accepted of all. */
  constructor(keys: readonly Uint8Array[], facts: SessionFacts) {
    const [hash, ...others] = keys.map((key) => new SipHash(key));
    this.#hash = present(hash, 'tokens: there is a key');
    this.#others = others;
    this.#lanes = new LaneNames(facts);
    this.facts = facts;
    this.#fresh = { session: NEW_SESSION, token: this.#encode(NEW_SESSION) };
  }

  /** `undefined`: the client begins a session. */
  read(token: string | undefined): Opened | Refusal {
    if (token === undefined || token === this.#fresh.token) return this.#fresh;
    if (!TOKEN.test(token)) return INVALID;
    return this.#recent.get(token) ?? this.#decode(token);
  }

  /** `undefined`: the token would be too long. */
  write(session: Session): string | undefined {
    if (session.size === 0) return this.#fresh.token;
    const token = this.#encode(session);
    if (token.length > TOKEN_LENGTH_MAX) return undefined;
    this.#recent.add({ session, token });
    return token;
  }

  /** One more entry would still fit. */
  hasRoom(session: Session): boolean {
    const bytesMax = FRAME_BYTES_MAX + (session.size + 1) * ENTRY_BYTES_MAX;
    if (lengthOf(bytesMax) <= TOKEN_LENGTH_MAX) return true;
    return this.#encode(session).length + lengthOf(ENTRY_BYTES_MAX) <= TOKEN_LENGTH_MAX;
  }

  #encode(session: Session): string {
    const writer = this.#writer;
    writer.reset();
    writer.u8(VERSION);
    writer.varint(session.size);
    for (const [lane, seq] of session) {
      this.#lanes.write(lane, writer);
      writer.varint(seq);
    }
    writer.reserve(SIPHASH_BYTES);
    const { at } = writer;
    this.#hash.write(writer.bytes, 0, at, writer.bytes, at);
    return Buffer.from(writer.bytes.buffer, 0, at + SIPHASH_BYTES).toString('base64url');
  }

  #decode(token: string): Opened | Refusal {
    const bytes = Buffer.from(token, 'base64url');
    const end = bytes.length - SIPHASH_BYTES;
    // Decoding passes over letters that stand for no whole byte.
    if (end <= 0 || bytes.toString('base64url') !== token) return INVALID;
    const isPresent = isCodeOf(this.#hash, bytes, end);
    if (!isPresent && !this.#others.some((hash) => isCodeOf(hash, bytes, end))) return INVALID;
    const session = this.#readBody(new ByteReader(bytes, 0, end));
    if (!(session instanceof Map)) return session;
    return isPresent ? this.#recent.add({ session, token }) : { session, token: undefined };
  }

  #readBody(reader: ByteReader): Vector | Refusal {
    if (reader.u8() !== VERSION) return INVALID;
    const count = reader.varint();
    const session: Vector = new Map();
    for (let entry = 0; entry < count; entry++) {
      const lane = this.#lanes.read(reader);
      if (lane === undefined) return reader.failed ? INVALID : UNKNOWN_REPLICA;
      session.set(lane, reader.varint());
    }
    return reader.finished ? session : INVALID;
  }
}

/** The code behind `bytes[0, end)` is the right one; compares in constant time. */
function isCodeOf(hash: SipHash, bytes: Uint8Array, end: number): boolean {
  hash.write(bytes, 0, end, CODE, 0);
  let difference = 0;
  for (let i = 0; i < SIPHASH_BYTES; i++)
    difference |= (bytes[end + i] as number) ^ (CODE[i] as number);
  return difference === 0;
}

/** The largest number of letters for this many bytes in base64url. */
function lengthOf(bytes: number): number {
  return Math.ceil((4 * bytes) / 3);
}

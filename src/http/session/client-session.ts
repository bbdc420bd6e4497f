// The session of one request: what it must find at the replica, and the token of its reply.

import type { Reply } from '../../model/reply.ts';
import { neededBy, type Session, sessionAfter, withoutEverywhere } from '../../model/session.ts';
import type { Guarantees } from '../../model/guarantees.ts';
import type { HeaderList } from '../form/reply-head.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import type { Opened } from './recent-tokens.ts';
import type { SessionTokens } from './tokens.ts';

/** The part of fastify's request that has the token. */
interface WithHeaders {
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
}

export const SESSION_HEADER = 'Conit-Session';
const UNMET_HEADER = 'Conit-Unmet';
const OF_READS = ['ryw', 'mr'] as const;

const TOO_WIDE = refusal(
  'session-too-wide',
  'the token of the session would be too long, because it has seen writes of many incarnations that some ' +
    'replica still lacks; nothing was written. Wait until all replicas are up, or begin a new session, without the token',
  { retryAfterMs: 5000 },
);

export class ClientSession {
  readonly #tokens: SessionTokens;
  readonly #guarantees: Guarantees;
  #opened: Opened;
  #isWaived = false;

  private constructor(tokens: SessionTokens, opened: Opened, guarantees: Guarantees) {
    this.#tokens = tokens;
    this.#guarantees = guarantees;
    this.#opened = opened;
  }

  /** `token`: the header of the request. */
  static open(
    tokens: SessionTokens,
    token: string | undefined,
    guarantees: Guarantees,
  ): ClientSession | Refusal {
    const opened = tokens.read(token);
    return isFault(opened) ? opened : new ClientSession(tokens, opened, guarantees);
  }

  get forRead(): Session | undefined {
    return this.#isWaived ? undefined : neededBy('read', this.#opened.session, this.#guarantees);
  }

  get forWrite(): Session | undefined {
    return neededBy('write', this.#opened.session, this.#guarantees);
  }

  /** Why the session takes no further write; `undefined`: it does. */
  get fullness(): Refusal | undefined {
    const { session } = this.#opened;
    const tokens = this.#tokens;
    if (tokens.hasRoom(session)) return undefined;
    // What has come to every member since leaves the token with this write.
    return tokens.hasRoom(withoutEverywhere(session, tokens.facts)) ? undefined : TOO_WIDE;
  }

  /** True once, if the replica is behind the session: the read is then asked without it. */
  waive({ code }: Refusal): boolean {
    if (code !== 'session-behind' || this.#isWaived) return false;
    this.#isWaived = true;
    return true;
  }

  /** The header of a reply that was read without the session. */
  get unmetHead(): HeaderList {
    if (!this.#isWaived) return [];
    const unmet = OF_READS.filter((each) => this.#guarantees.has(each));
    return [UNMET_HEADER, unmet.join(', ')];
  }

  /** The session continues after this reply. */
  follow(reply: Reply): void {
    const { session } = this.#opened;
    const next = sessionAfter(session, reply, this.#guarantees, this.#tokens.facts);
    if (next !== session) this.#opened = { session: next, token: undefined };
  }

  /** The token of the reply. */
  get token(): string | Refusal {
    const { session, token } = this.#opened;
    return token ?? this.#tokens.write(session) ?? TOO_WIDE;
  }

  /** The token, if the refusal says what a key holds, or which write may have been made. */
  headOf({ seen, dot }: Refusal): HeaderList {
    const { token } = this;
    const isAbout = seen !== undefined || dot !== undefined;
    return isAbout && !isFault(token) ? [SESSION_HEADER, token] : [];
  }
}

/** The session of a request that fastify has read. */
export function openSession(
  { sessions }: { readonly sessions: SessionTokens },
  { headers }: WithHeaders,
  guarantees: Guarantees,
): ClientSession | Refusal {
  const [token] = [headers['conit-session']].flat();
  return ClientSession.open(sessions, token, guarantees);
}

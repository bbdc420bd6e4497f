// The session of one request: what it must find at the replica, and the token of its reply.

import type { Reply } from '../../model/command.ts';
import {
  ALL_GUARANTEES,
  type Guarantees,
  neededBy,
  type Session,
  sessionAfter,
} from '../../model/session.ts';
import { isFault, type Refusal, refusal } from '../problem.ts';
import type { SessionTokens } from './tokens.ts';

/** The part of fastify's request that has the token. */
interface WithHeaders {
  readonly headers: { readonly [name: string]: string | readonly string[] | undefined };
}

export const SESSION_HEADER = 'Conit-Session';

const TOO_WIDE = refusal(
  'session-too-wide',
  'the session has seen writes of so many incarnations that some replica still lacks that its token would ' +
    'be too long; nothing was written. Wait until all replicas are up, or begin a new session, without the token',
  { retryAfterMs: 5000 },
);

export class ClientSession {
  readonly #tokens: SessionTokens;
  readonly #guarantees: Guarantees;
  #session: Session;

  private constructor(tokens: SessionTokens, session: Session, guarantees: Guarantees) {
    this.#tokens = tokens;
    this.#guarantees = guarantees;
    this.#session = session;
  }

  /** `token`: the header of the request. */
  static open(
    tokens: SessionTokens,
    token: string | undefined,
    guarantees: Guarantees = ALL_GUARANTEES,
  ): ClientSession | Refusal {
    const session = tokens.read(token);
    return isFault(session) ? session : new ClientSession(tokens, session, guarantees);
  }

  get forRead(): Session | undefined {
    return neededBy('read', this.#session, this.#guarantees);
  }

  get forWrite(): Session | undefined {
    return neededBy('write', this.#session, this.#guarantees);
  }

  /** Why the session takes no further write; `undefined`: it does. */
  get fullness(): Refusal | undefined {
    return this.#tokens.hasRoom(this.#session) ? undefined : TOO_WIDE;
  }

  /** The session goes on behind this reply. */
  follow(reply: Reply): void {
    this.#session = sessionAfter(this.#session, reply, this.#guarantees, this.#tokens.facts);
  }

  /** The token of the reply. */
  get token(): string | Refusal {
    return this.#tokens.write(this.#session) ?? TOO_WIDE;
  }
}

/** The session of a request that fastify has read. */
export function openSession(
  { sessions }: { readonly sessions: SessionTokens },
  { headers }: WithHeaders,
  guarantees: Guarantees | undefined,
): ClientSession | Refusal {
  const [token] = [headers['conit-session']].flat();
  return ClientSession.open(sessions, token, guarantees);
}

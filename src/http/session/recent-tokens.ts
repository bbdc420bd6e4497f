// The tokens that were written or decoded last, with their sessions: a direct-mapped table, in
// which a token replaces another one of the same place. Only tokens whose code was right get into
// it.

import type { Session } from '../../model/session.ts';

/** A session as its client knows it. */
export interface Opened {
  readonly session: Session;
  /** `undefined`: it is to be written. */
  readonly token: string | undefined;
}

export interface KnownToken extends Opened {
  readonly token: string;
}

const PLACES = 512;
/** Larger sessions are not remembered, so the table stays below a megabyte. */
const ENTRIES_MAX = 8;

export class RecentTokens {
  readonly #places: (KnownToken | undefined)[] = Array.from({ length: PLACES }, () => undefined);

  get(token: string): KnownToken | undefined {
    const found = this.#places[placeOf(token)];
    return found?.token === token ? found : undefined;
  }

  add(opened: KnownToken): KnownToken {
    if (opened.session.size <= ENTRIES_MAX) this.#places[placeOf(opened.token)] = opened;
    return opened;
  }
}

/** The last letters are of the code, so they spread evenly. */
function placeOf(token: string): number {
  const end = token.length;
  const mixed = (token.charCodeAt(end - 2) << 6) ^ (token.charCodeAt(end - 3) << 3);
  return (mixed ^ token.charCodeAt(end - 4)) % PLACES;
}

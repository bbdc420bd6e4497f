import { describe, expect, it } from 'vitest';
import { laneIdOf, originOf, type ReplicaId } from '../../../../src/model/id.ts';
import { NEW_SESSION, type Session } from '../../../../src/model/session.ts';
import { isFault } from '../../../../src/http/problem.ts';
import { SessionTokens, TOKEN_LENGTH_MAX } from '../../../../src/http/session/tokens.ts';

const KEY = new Uint8Array(16).fill(3);
const SIXTEEN = Array.from({ length: 16 }, (_, n) => `region-of-the-world-${n}` as ReplicaId);
/** Seconds since 2025 in the year 2028. */
const INCARNATION = 110_000_000;

function tokensOf(
  replicas: readonly ReplicaId[] = SIXTEEN,
  ...keys: readonly Uint8Array[]
): SessionTokens {
  return new SessionTokens(keys.length === 0 ? [KEY] : keys, {
    isEverywhere: () => false,
    replicas: () => replicas,
  });
}

/** One entry of each replica. */
function wide(incarnations = 1): Session {
  const lanes = SIXTEEN.flatMap((id) =>
    Array.from({ length: incarnations }, (_, n) => originOf(id, INCARNATION + n)),
  );
  return new Map(lanes.map((lane) => [lane, 200_000_000]));
}

function written(tokens: SessionTokens, session: Session): string {
  const token = tokens.write(session);
  if (token === undefined) throw new Error('the token is too long');
  return token;
}

function read(tokens: SessionTokens, token: string | undefined): unknown {
  const opened = tokens.read(token);
  return isFault(opened) ? opened.code : [...opened.session];
}

describe('a session token', () => {
  it('is read as it was written, by every replica of the cluster', () => {
    const session: Session = new Map([
      [originOf('eu-1' as ReplicaId, 59_788_300), 1042],
      [laneIdOf(originOf('us-1' as ReplicaId, 7), 2), 1],
    ]);
    const ids = ['ap-1', 'eu-1', 'us-1'] as ReplicaId[];
    const token = written(tokensOf(ids), session);
    expect(read(tokensOf(ids), token)).toEqual([...session]);
  });

  it('has at most 300 characters for an entry of each of sixteen replicas', () => {
    const token = written(tokensOf(), wide());
    expect(token.length).toBeLessThanOrEqual(300);
    expect(read(tokensOf(), token)).toEqual([...wide()]);
  });

  it('is not written where it would be too long for a header, and no entry of it is dropped', () => {
    expect(tokensOf().write(wide(50))).toBeUndefined();
  });

  it('has room for a further write as long as its token cannot become too long by it', () => {
    expect(tokensOf().hasRoom(NEW_SESSION)).toBe(true);
    expect(tokensOf().hasRoom(wide())).toBe(true);
    const most = Array.from({ length: 20 }, (_, n) => n + 1)
      .map((count) => wide(count))
      .filter((session) => tokensOf().hasRoom(session))
      .at(-1) as Session;
    expect(written(tokensOf(), most).length).toBeGreaterThan(TOKEN_LENGTH_MAX / 2);
    const more = new Map(most).set(originOf('unknown-here' as ReplicaId, 1), 2 ** 50);
    expect(tokensOf().write(more)).toBeDefined();
  });

  it('is refused where a letter of it is changed', () => {
    const token = written(tokensOf(), wide());
    for (let at = 0; at < token.length; at++) {
      const other = token[at] === 'A' ? 'B' : 'A';
      const changed = `${token.slice(0, at)}${other}${token.slice(at + 1)}`;
      expect([at, read(tokensOf(), changed)]).toEqual([at, 'invalid-session']);
    }
  });

  it.each([
    ['of another secret', written(tokensOf(SIXTEEN, new Uint8Array(16).fill(4)), wide())],
    ['that is empty', ''],
    ['that is too short', 'AAAA'],
    ['that is too long', 'A'.repeat(TOKEN_LENGTH_MAX + 1)],
    ['with other letters', `${'A'.repeat(30)}=`],
    ['with a letter more', `${written(tokensOf(), wide())}A`],
    ['that is cut', written(tokensOf(), wide()).slice(0, -4)],
  ])('is refused if it is one %s', (_, token) => {
    expect(read(tokensOf(), token)).toBe('invalid-session');
  });

  it('waits where it names a replica that is not known yet', () => {
    const token = written(tokensOf(), wide());
    expect(read(tokensOf(['eu-1' as ReplicaId]), token)).toBe('session-behind');
  });

  it('names a replica by its id where the short name does not suffice', () => {
    const session: Session = new Map([[originOf('left-long-ago' as ReplicaId, 3), 9]]);
    const token = written(tokensOf(), session);
    expect(read(tokensOf(), token)).toEqual([...session]);
  });
});

describe('a token that was seen before', () => {
  it('has the same session, which is not decoded again', () => {
    const tokens = tokensOf();
    const token = written(tokens, new Map([[originOf(SIXTEEN[0] as ReplicaId, 3), 9]]));
    expect(tokens.read(token)).toBe(tokens.read(token));
    const elsewhere = tokensOf();
    expect(elsewhere.read(token)).toEqual(tokens.read(token));
    expect(elsewhere.read(token)).toBe(elsewhere.read(token));
  });

  it('is not taken for another one of the same place in the table', () => {
    const tokens = tokensOf();
    const lane = originOf(SIXTEEN[0] as ReplicaId, 3);
    const all = Array.from({ length: 2000 }, (_, n) => written(tokens, new Map([[lane, n + 1]])));
    expect(all.map((token) => read(tokens, token))).toEqual(all.map((_, n) => [[lane, n + 1]]));
  });
});

describe('while the secret is being changed', () => {
  const next = new Uint8Array(16).fill(9);
  const session = new Map([[originOf(SIXTEEN[0] as ReplicaId, 3), 9]]);

  it('a token of either key is accepted, and written again with the first', () => {
    const before = written(tokensOf(), session);
    const changing = tokensOf(SIXTEEN, next, KEY);
    expect(changing.read(before)).toEqual({ session, token: undefined });
    const after = written(changing, session);
    expect(after).not.toBe(before);
    expect(changing.read(after)).toEqual({ session, token: after });
    expect(read(tokensOf(SIXTEEN, next), after)).toEqual([...session]);
    expect(read(tokensOf(SIXTEEN, KEY, next), after)).toEqual([...session]);
  });

  it('a token of a third key is not, nor of the old one once the change is over', () => {
    const third = written(tokensOf(SIXTEEN, new Uint8Array(16).fill(5)), session);
    expect(read(tokensOf(SIXTEEN, next, KEY), third)).toBe('invalid-session');
    expect(read(tokensOf(SIXTEEN, next), written(tokensOf(), session))).toBe('invalid-session');
  });
});

describe('a new session', () => {
  it('begins without a token, and with that of an empty one', () => {
    expect(read(tokensOf(), undefined)).toEqual([]);
    const token = written(tokensOf(), NEW_SESSION);
    expect(read(tokensOf(), token)).toEqual([]);
    expect(token.length).toBeLessThan(32);
  });
});

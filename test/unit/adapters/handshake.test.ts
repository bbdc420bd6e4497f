import { describe, expect, it } from 'vitest';
import {
  challengeHeaders,
  chooseVersion,
  freshNonce,
  type Greeting,
  greetingHeaders,
  type Headers,
  isProof,
  proofOf,
  readChallenge,
  readGreeting,
  type Transcript,
} from '../../../src/adapters/handshake.ts';
import type { ReplicaId } from '../../../src/model/id.ts';

const SECRET = Buffer.from('0123456789abcdef');
const said: Transcript = {
  clusterId: 'conit',
  offered: '2,1',
  version: 2,
  dialer: { id: 'eu-1' as ReplicaId, incarnation: 3, nonce: freshNonce() },
  listener: { id: 'us-1' as ReplicaId, incarnation: 4, nonce: freshNonce() },
};

/** As Node shows headers to a server. */
const lowered = (headers: { readonly [name: string]: string }): Headers =>
  Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));

describe('a proof', () => {
  const proof = proofOf(SECRET, 'dialer', said);

  it('is valid for what was said, and for the replica that said it', () => {
    expect(isProof(proof, proofOf(Buffer.from(SECRET), 'dialer', { ...said }))).toBe(true);
  });

  it.each<[string, Transcript]>([
    ['the cluster', { ...said, clusterId: 'conit2' }],
    ['the versions offered', { ...said, offered: '1' }],
    ['the version chosen', { ...said, version: 1 }],
    ['the dialer', { ...said, dialer: { ...said.dialer, id: 'eu-2' as ReplicaId } }],
    ['its incarnation', { ...said, dialer: { ...said.dialer, incarnation: 4 } }],
    ['its nonce', { ...said, dialer: { ...said.dialer, nonce: freshNonce() } }],
    ['the listener', { ...said, listener: { ...said.listener, id: 'us-2' as ReplicaId } }],
    ['its incarnation', { ...said, listener: { ...said.listener, incarnation: 3 } }],
    ['its nonce', { ...said, listener: { ...said.listener, nonce: freshNonce() } }],
    ['who is who', { ...said, dialer: said.listener, listener: said.dialer }],
  ])('is invalid if %s is another', (_, other) => {
    expect(isProof(proof, proofOf(SECRET, 'dialer', other))).toBe(false);
  });

  it('is invalid for the other role or under another secret', () => {
    expect(isProof(proof, proofOf(SECRET, 'listener', said))).toBe(false);
    expect(isProof(proof, proofOf(Buffer.from('0123456789abcdeg'), 'dialer', said))).toBe(false);
  });

  it.each([undefined, '', proof.slice(1), `${proof}A`, `${proof}, ${proof}`, [proof]])(
    'is refused in another form: %s',
    (given) => {
      expect(isProof(given, proof)).toBe(false);
    },
  );
});

describe('the version', () => {
  it.each<[string, readonly number[], number | undefined]>([
    ['1', [1], 1],
    ['3,2,1', [2, 1], 2],
    ['1,2,3', [3, 1], 3],
    ['9', [1], undefined],
    ['', [1], undefined],
    ['1,', [1], undefined],
    ['01', [1], undefined],
    ['1 ', [1], undefined],
    [Array.from({ length: 17 }, () => '1').join(','), [1], undefined],
  ])('of "%s" and %j is %s', (offered, spoken, chosen) => {
    expect(chooseVersion(offered, spoken)).toBe(chosen);
  });
});

describe('a greeting', () => {
  const { clusterId, offered, dialer } = said;
  const greeting: Greeting = { clusterId, offered, dialer, listenerId: 'us-1' as ReplicaId };
  const headers = lowered(greetingHeaders(greeting));

  it('is parsed as it was written', () => {
    expect(readGreeting(headers)).toEqual(greeting);
  });

  it.each(Object.keys(headers))('without %s, or with two of it, is refused', (name) => {
    const { [name]: value, ...rest } = headers;
    expect(readGreeting(rest)).toBeUndefined();
    expect(readGreeting({ ...rest, [name]: `${String(value)}, ${String(value)}` })).toBeUndefined();
  });

  it('and its challenge are smaller than the bound, together with what HTTP adds', () => {
    const longest = 'a'.repeat(63) as ReplicaId;
    const most: Greeting = {
      clusterId: longest,
      offered: Array.from({ length: 16 }, () => '999').join(','),
      dialer: { ...dialer, id: longest, incarnation: 2 ** 32 - 1 },
      listenerId: longest,
    };
    expect(JSON.stringify(greetingHeaders(most)).length).toBeLessThan(700);
  });
});

describe('a challenge', () => {
  it('is parsed as it was written', () => {
    const challenge = { version: 2, incarnation: 4, nonce: freshNonce() };
    expect(readChallenge(lowered(challengeHeaders(challenge)))).toEqual(challenge);
  });
});

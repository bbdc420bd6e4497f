import { afterEach, describe, expect, it } from 'vitest';
import { PeerAddresses } from '../../../../src/adapters/peer/addresses.ts';
import { membersOf } from '../../../support/build.ts';

let addresses: PeerAddresses | undefined;
afterEach(() => addresses?.stop());

const at = (...peerAddresses: string[]): PeerAddresses => {
  const [first] = membersOf(['eu']);
  if (first === undefined) throw new Error('no member');
  addresses = new PeerAddresses(peerAddresses.map((peerAddress) => ({ ...first, peerAddress })));
  return addresses;
};

describe('an address counts as known', () => {
  it('if a member is configured there, in any form in which the socket names it', () => {
    const known = at('10.0.0.1:7071', '[2001:db8::1]:7071');
    expect(['10.0.0.1', '::ffff:10.0.0.1', '2001:db8::1'].every((one) => known.isKnown(one))).toBe(
      true,
    );
    expect(['10.0.0.2', '::1', ''].some((one) => known.isKnown(one))).toBe(false);
  });

  it('if the name of a member resolves to it', async () => {
    const known = at('localhost:7071');
    known.start();
    while (!known.isKnown('127.0.0.1') && !known.isKnown('::1')) await new Promise(setImmediate);
    expect(known.isKnown('10.0.0.1')).toBe(false);
  });

  it('if one of the last four members that proved themselves from it did so from there', () => {
    const known = at('nobody.invalid:7071');
    for (let i = 1; i <= 5; i++) known.proved('eu-1', `10.0.0.${i}`);
    expect(known.isKnown('10.0.0.1')).toBe(false);
    expect([2, 3, 4, 5].every((i) => known.isKnown(`::ffff:10.0.0.${i}`))).toBe(true);
  });
});

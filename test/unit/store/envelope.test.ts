import { describe, expect, it } from 'vitest';
import { ByteWriter } from '../../../src/base/bytes.ts';
import { crc32c } from '../../../src/base/crc32c.ts';
import { UNREADABLE } from '../../../src/model/port.ts';
import {
  seal,
  sealNothing,
  sealStamp,
  sealWords,
  unseal,
  unsealStamp,
} from '../../../src/store/envelope.ts';

describe('an envelope', () => {
  const sealed = seal((into) => {
    into.text('something');
    into.varint(7);
  });

  it('gives back its content, and no more', () => {
    const reader = unseal(sealed);
    expect([reader?.text(100), reader?.varint(), reader?.finished]).toEqual(['something', 7, true]);
    expect(unseal(sealNothing())?.finished).toBe(true);
  });

  it('is independent: a later one does not change it', () => {
    const before = sealed.slice();
    seal((into) => into.text('another'));
    expect(sealed).toEqual(before);
  });

  it('does not open if one bit is changed', () => {
    for (let at = 0; at < sealed.length; at++)
      for (let bit = 0; bit < 8; bit++) {
        const changed = sealed.slice();
        changed[at] = (changed[at] as number) ^ (1 << bit);
        expect(unseal(changed)).toBeUndefined();
      }
  });

  it('does not open if a byte is missing or added', () => {
    for (let length = 0; length < sealed.length; length++)
      expect(unseal(sealed.subarray(0, length))).toBeUndefined();
    expect(unseal(new Uint8Array([...sealed, 0]))).toBeUndefined();
  });

  it('of an unknown format does not open', () => {
    const writer = new ByteWriter(16);
    writer.u8(2);
    writer.varint(7);
    writer.u32(crc32c(writer.bytes, 0, writer.at));
    expect(unseal(writer.take())).toBeUndefined();
  });

  it('of two words opens as any other', () => {
    const reader = unseal(sealWords(0xffffffff, 1));
    expect([reader?.u32(), reader?.u32(), reader?.finished]).toEqual([0xffffffff, 1, true]);
  });

  it('of a stamp gives the stamp, or reports that it cannot be read', () => {
    const stamp = sealStamp(2 ** 52 + 2);
    expect(unsealStamp(stamp)).toBe(2 ** 52 + 2);
    expect([unsealStamp(UNREADABLE), unsealStamp(stamp.subarray(1))]).toEqual([
      undefined,
      undefined,
    ]);
  });
});

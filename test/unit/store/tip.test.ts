import { describe, expect, it } from 'vitest';
import { UNREADABLE } from '../../../src/model/port.ts';
import { encodeLaneState, LANE_EMPTY } from '../../../src/store/lane.ts';
import { originKey } from '../../../src/store/layout.ts';
import { decodeTip, encodeTip, storedHeads, tipKey } from '../../../src/store/tip.ts';
import { origin } from '../../support/build.ts';
import { KeyMap } from '../../support/key-map.ts';

const [A, B, C] = [origin('a.1'), origin('b.1'), origin('c.1')];
const of = (id: typeof A, received: number) => ({ id, received, chain: 2 ** 50 + received });

describe('the heads of the logs behind the mark', () => {
  const bytes = encodeTip([of(A, 9), of(C, 1)]);

  it('name each lane that continues behind it', () => {
    expect([...(decodeTip(bytes) ?? [])]).toEqual([
      [A, { received: 9, chain: 2 ** 50 + 9 }],
      [C, { received: 1, chain: 2 ** 50 + 1 }],
    ]);
    expect(decodeTip(encodeTip([]))?.size).toBe(0);
  });

  it('are unknown if a byte is changed, or some are missing', () => {
    for (let i = 0; i < bytes.length; i++) {
      const changed = bytes.slice();
      changed[i] = (changed[i] as number) ^ 0x20;
      expect(decodeTip(changed)).toBeUndefined();
      expect(decodeTip(bytes.slice(0, i))).toBeUndefined();
    }
  });

  it('and the mark together say how far storage holds a lane', () => {
    const storage = new KeyMap();
    expect(storedHeads(storage.get)(A)).toBe(0);
    const state = { ...LANE_EMPTY, received: 5 };
    storage.apply({ keys: [originKey(A)], values: [encodeLaneState(state)] });
    expect(storedHeads(storage.get)(A)).toBe(5);
    storage.apply({ keys: [tipKey()], values: [bytes] });
    expect([A, B, C].map((id) => storedHeads(storage.get)(id))).toEqual([9, 0, 1]);
    storage.damage(originKey(A), 2);
    expect(storedHeads(storage.get)(A)).toBeUndefined();
    storage.hide(tipKey());
    expect(storage.get(tipKey())).toBe(UNREADABLE);
    expect(storedHeads(storage.get)(B)).toBeUndefined();
  });
});

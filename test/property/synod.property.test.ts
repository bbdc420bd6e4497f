// No epoch ever has two memberships, whatever messages are lost, late or repeated, and whichever
// members die; and one is chosen in the end if everything works.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SynodRoom } from '../support/synod-room.ts';

type Step =
  | { readonly kind: 'ask' | 'commit' | 'crash' | 'begin' | 'wipe'; readonly seat: number }
  | { readonly kind: 'deliver' | 'lose' | 'repeat'; readonly at: number }
  | { readonly kind: 'commit-all' }
  | { readonly kind: 'pass'; readonly ms: number };

const seat = fc.nat(4);
const at = fc.nat(1000);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('ask' as const), seat }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('commit' as const), seat }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), seat }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('begin' as const), seat }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('wipe' as const), seat }) },
  { weight: 10, arbitrary: fc.constant({ kind: 'commit-all' as const }) },
  { weight: 30, arbitrary: fc.record({ kind: fc.constant('deliver' as const), at }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('lose' as const), at }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('repeat' as const), at }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('pass' as const),
      ms: fc.constantFrom(200, 1000, 3100),
    }),
  },
);

/** Only one disk is ever lost, and the member votes again only after it has heard all others. */
const FORGETFUL = 1;

function take(room: SynodRoom, one: Step): void {
  const { letters } = room;
  const size = room.seats.length;
  switch (one.kind) {
    case 'ask':
      return room.seat(one.seat % size).ask(room.joined(`z${one.seat}`));
    case 'commit':
      return room.seat(one.seat % size).commit();
    case 'commit-all':
      for (const each of room.seats) each.commit();
      return;
    case 'crash':
      return room.seat(one.seat % size).crash();
    case 'begin':
      return begin(room, one.seat % size);
    case 'wipe':
      if (room.seat(FORGETFUL).chosen === undefined) room.seat(FORGETFUL).wipe();
      return;
    case 'deliver':
      if (letters.length > 0) room.deliver(one.at % letters.length);
      return;
    case 'lose':
      if (letters.length > 0) letters.splice(one.at % letters.length, 1);
      return;
    case 'repeat': {
      const letter = letters[one.at % Math.max(1, letters.length)];
      if (letter !== undefined) letters.push(letter);
      return;
    }
    case 'pass':
      return room.pass(one.ms);
  }
}

function begin(room: SynodRoom, n: number): void {
  const one = room.seat(n);
  if (one.synod !== undefined) return;
  // Messages to or from an incarnation end with its connections.
  room.letters.splice(
    0,
    room.letters.length,
    ...room.letters.filter(({ from, to }) => from !== n && to !== n),
  );
  one.begin();
  const isAloneAway = room.seats.every(({ synod }, index) => index === n || synod !== undefined);
  if (isAloneAway) one.greetAll();
}

function valuesOf(room: SynodRoom): string[] {
  return [...new Set(room.chosen.map((value) => JSON.stringify(value)))];
}

describe('the next membership', () => {
  it('is decided once, whatever happens, and is found when all faults have ended', () => {
    let isChosen = 0;
    fc.assert(
      fc.property(
        fc.constantFrom(2, 3, 5),
        fc.array(step, { minLength: 20, maxLength: 250, size: 'max' }),
        (size, steps) => {
          const room = new SynodRoom(size);
          for (const one of steps) take(room, one);
          expect(valuesOf(room).length).toBeLessThanOrEqual(1);
          isChosen += valuesOf(room).length;
          for (let n = 0; n < size; n++) begin(room, n);
          for (const each of room.seats) each.greetAll();
          for (let i = 0; i < 200 && room.chosen.length === 0; i++) {
            room.seat(0).ask(room.joined('zend'));
            room.quiet();
            room.pass(200);
          }
          room.quiet();
          expect(valuesOf(room)).toHaveLength(1);
        },
      ),
      { numRuns: 2000 },
    );
    // A run in which nothing was ever chosen proves nothing.
    expect(isChosen).toBeGreaterThan(100);
  });
});

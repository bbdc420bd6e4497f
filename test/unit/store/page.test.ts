import { expect, it } from 'vitest';
import { recordKey } from '../../../src/store/layout.ts';
import { recordsIn } from '../../../src/store/page.ts';
import { key, mutation, namespace } from '../../support/build.ts';
import { MachineRoom } from '../../support/machine-room.ts';

const NS = namespace('ns');
const entryOf = (name: string, value = mutation({ key: key(name) }).bytes) => {
  return { key: recordKey(NS, key(name)), value };
};

function read(...entries: ReturnType<typeof entryOf>[]) {
  const healed: string[] = [];
  const records = recordsIn(entries, (_, name) => void healed.push(name), new MachineRoom().turn);
  return { keys: records?.map((record) => record.key), healed };
}

it('gives the records of a page in their order', () => {
  expect(read(entryOf('a'), entryOf('b'))).toEqual({ keys: ['a', 'b'], healed: [] });
});

it('gives none of a page with a damaged record, which is healed', () => {
  const damaged = entryOf('b', new Uint8Array(3));
  expect(read(entryOf('a'), damaged)).toEqual({ keys: undefined, healed: ['b'] });
});

import { readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { MESSAGE_KINDS } from '../../../../src/adapters/peer/codec.ts';

test('the number of a kind of message on the wire never changes', () => {
  expect(MESSAGE_KINDS.map((kind, number) => `${number} ${kind}`)).toEqual([
    '0 hello',
    '1 entries',
    '2 ack',
    '3 pull',
    '4 read-request',
    '5 read-reply',
    '6 repair',
    '7 heartbeat',
    '8 behind',
    '9 snapshot-request',
    '10 snapshot-credit',
    '11 snapshot-chunk',
    '12 tree-cut-request',
    '13 tree-cut',
    '14 tree-request',
    '15 tree-reply',
    '16 tree-keys-request',
    '17 tree-keys',
    '18 tree-records-request',
    '19 tree-records',
    '20 synod',
    '21 forward-request',
    '22 forward-reply',
    '23 survey-request',
    '24 survey-reply',
    '25 claim',
    '26 claim-reply',
  ]);
});

test('each kind has a file of its own, named after it', () => {
  const folder = new URL('../../../../src/adapters/peer/messages/', import.meta.url);
  const names = readdirSync(folder).map((name) => name.replace(/\.ts$/, ''));
  expect(names.toSorted()).toEqual([...MESSAGE_KINDS].toSorted());
});

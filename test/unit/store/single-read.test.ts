import { beforeEach, describe, expect, it } from 'vitest';
import { SingleRead } from '../../../src/store/single-read.ts';
import { bytes } from '../../support/build.ts';
import { MachineRoom } from '../../support/machine-room.ts';

const SPAN = { from: bytes('a'), to: bytes('z') };
const LIMITS = { bytesMax: 1000 };

let room: MachineRoom;
let reading: SingleRead<string>;
/** The results: what each read was for, and whether another one was in progress then. */
let came: [about: string, isUnderWay: boolean][];

beforeEach(() => {
  room = new MachineRoom();
  came = [];
  reading = new SingleRead((_, about) => void came.push([about, reading.isUnderWay]));
});

const begin = (about: string): void => reading.begin(SPAN, LIMITS, about, room.turn);

describe('a read', () => {
  it('returns once, with what it was for', () => {
    expect([reading.isUnderWay, reading.about]).toEqual([false, undefined]);
    begin('one');
    expect([reading.isUnderWay, reading.about]).toEqual([true, 'one']);
    const [asked] = room.turn.reads;
    room.read();
    asked?.owner.onRead({ ok: true, entries: [], more: false }, room.turn);
    expect([came, reading.isUnderWay]).toEqual([[['one', false]], false]);
  });

  it('that another one has replaced returns nothing', () => {
    begin('one');
    begin('two');
    room.read();
    expect(came).toEqual([['two', false]]);
  });

  it('that was cancelled returns nothing, and the next one does', () => {
    begin('one');
    reading.cancel();
    expect(reading.isUnderWay).toBe(false);
    room.read();
    begin('two');
    room.read();
    expect(came).toEqual([['two', false]]);
  });
});

import type { ServerResponse } from 'node:http';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ReplyMemory } from '../../../src/http/guard/memory.ts';

const MIB = 1024 * 1024;

/** A reply that its client has not taken, with the members that the memory reads. */
function untaken(): { readonly response: ServerResponse; readonly isClosed: () => boolean } {
  let isClosed = false;
  const socket = { destroy: () => (isClosed = true) };
  const response = Object.assign(new EventEmitter(), { req: { socket } });
  return { response: response as unknown as ServerResponse, isClosed: () => isClosed };
}

describe('the memory of replies', () => {
  it('keeps half for begun replies, however many answers are in preparation', () => {
    const memory = new ReplyMemory(128 * MIB);
    for (let n = 0; n < 1000; n++) void memory.open(16 * MIB).take(16 * MIB, 0);
    expect(memory.heldBytes).toBeLessThanOrEqual(64 * MIB);
    const replies = Array.from({ length: 64 }, untaken);
    for (const { response } of replies) memory.owe(response, MIB);
    expect(replies.filter(({ isClosed }) => isClosed())).toEqual([]);
  });

  it('lets an answer wait for room, and the oldest ends in any case', async () => {
    const memory = new ReplyMemory(8 * MIB);
    const rooms = Array.from({ length: 5 }, () => memory.open(3 * MIB));
    const ended: number[] = [];
    // Each needs all that an answer may have, one value at a time, and returns nothing before.
    const all = rooms.map(async (room, index) => {
      for (let n = 0; n < 3; n++) expect(await room.take(MIB, 3_600_000)).toBe(true);
      expect(memory.heldBytes).toBeLessThanOrEqual(4 * MIB);
      ended.push(index);
      room.end();
    });
    await Promise.all(all);
    expect(ended).toEqual([0, 1, 2, 3, 4]);
    expect(memory.heldBytes).toBe(0);
  });

  it('ends the wait of an answer at its limit', async () => {
    const memory = new ReplyMemory(8 * MIB);
    const [first, second] = [memory.open(4 * MIB), memory.open(4 * MIB)];
    expect(first.take(4 * MIB, 1)).toBe(true);
    expect(await second.take(1, 1)).toBe(false);
    first.end();
    expect(second.take(1, 1)).toBe(true);
    second.end();
  });

  it('closes the reply that has been unread for the longest when the oldest answer needs the room', () => {
    const memory = new ReplyMemory(8 * MIB);
    const [first, second] = [untaken(), untaken()];
    memory.owe(first.response, 4 * MIB);
    memory.owe(second.response, 4 * MIB);
    const [oldest, other] = [memory.open(2 * MIB), memory.open(2 * MIB)];
    expect(other.take(MIB, 0)).toBe(false);
    expect([first, second].map(({ isClosed }) => isClosed())).toEqual([false, false]);
    expect(oldest.take(MIB, 0)).toBe(true);
    expect([first, second].map(({ isClosed }) => isClosed())).toEqual([true, false]);
  });

  it('closes the connection whose reply has stood still for the longest, and never the only one', () => {
    const memory = new ReplyMemory(4 * MIB);
    const [first, second, huge] = [untaken(), untaken(), untaken()];
    memory.owe(first.response, 2 * MIB);
    memory.owe(second.response, 2 * MIB);
    expect(first.isClosed()).toBe(false);
    memory.owe(huge.response, 5 * MIB);
    expect([first, second, huge].map(({ isClosed }) => isClosed())).toEqual([true, true, false]);
    huge.response.emit('close');
    expect(memory.heldBytes).toBe(0);
  });
});

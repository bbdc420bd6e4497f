import type { ServerResponse } from 'node:http';
import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { ReplyMemory } from '../../../src/http/memory.ts';

const MIB = 1024 * 1024;

/** A reply that its client has not taken, as far as the memory looks at one. */
function untaken(): { readonly response: ServerResponse; readonly isClosed: () => boolean } {
  let isClosed = false;
  const socket = { destroy: () => (isClosed = true) };
  const response = Object.assign(new EventEmitter(), { req: { socket } });
  return { response: response as unknown as ServerResponse, isClosed: () => isClosed };
}

describe('the memory of replies', () => {
  it('leaves half of it to what is owed, however many answers are put together', () => {
    const memory = new ReplyMemory(128 * MIB);
    for (let n = 0; n < 1000; n++) memory.reserve(16 * MIB);
    expect(memory.heldBytes).toBeLessThanOrEqual(64 * MIB);
    const replies = Array.from({ length: 64 }, untaken);
    for (const { response } of replies) memory.owe(response, MIB);
    expect(replies.filter(({ isClosed }) => isClosed())).toEqual([]);
  });

  it('closes the connection whose reply has stood for the longest, and never that of the last one', () => {
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

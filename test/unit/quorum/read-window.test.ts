// The keys that lists read at one time: bounded in number, and by their expected bytes.

import { beforeEach, describe, expect, it } from 'vitest';
import { type Expected, ReadWindow } from '../../../src/quorum/read-window.ts';

const MIB = 1024 * 1024;

let window: ReadWindow;
let open: Expected[];
beforeEach(() => {
  window = new ReadWindow();
  open = [];
  // Small records before.
  for (let n = 0; n < 10; n++) window.end(window.begin(1, 0), 100);
});

/** Begins as many reads as there is room for. */
function fill(copies = 2, ownBytes = 0): number {
  while (window.hasRoom(copies, ownBytes)) open.push(window.begin(copies, ownBytes));
  return open.length;
}

function end(count: number, recordBytes: number): void {
  for (const expected of open.splice(0, count)) window.end(expected, recordBytes);
}

describe('the window of a list', () => {
  it('expects records of the largest size before it has seen one', () => {
    window = new ReadWindow();
    expect(fill()).toBe(16);
  });

  it('has 64 reads if records are small', () => {
    expect(fill()).toBe(64);
    end(64, 100);
    expect(fill(3)).toBe(64);
  });

  it('has as many reads of large records as bring 32 MiB', () => {
    fill();
    end(1, MIB);
    end(63, MIB);
    expect(fill()).toBe(16);
    end(16, MIB);
    expect(fill(3)).toBe(10);
  });

  it('estimates the size of other records from the local one', () => {
    expect(fill(2, MIB)).toBe(16);
  });

  it('opens again if records are small', () => {
    fill();
    end(64, 4 * MIB);
    expect(fill()).toBe(4);
    for (let n = 0; n < 8; n++) end(1, 100);
    end(open.length, 100);
    expect(fill()).toBe(64);
  });

  it('allows one read, however large', () => {
    fill();
    end(64, 64 * MIB);
    expect(fill(3)).toBe(1);
    end(1, 64 * MIB);
    expect(fill(3)).toBe(1);
  });
});

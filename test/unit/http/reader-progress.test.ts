// When a reply counts as stalled: from the last byte that the client took, and once.

import { beforeEach, describe, expect, it } from 'vitest';
import { ReaderProgress } from '../../../src/http/guard/reader-progress.ts';

let handle: { bytesWritten: number; writeQueueSize: number };
let socket: { writableLength: number; readonly _handle: typeof handle };
let progress: ReaderProgress;
beforeEach(() => {
  handle = { bytesWritten: 0, writeQueueSize: 0 };
  socket = { writableLength: 0, _handle: handle };
  progress = new ReaderProgress(socket);
});

function write(bytes: number, takenBytes: number): void {
  socket.writableLength += bytes;
  handle.bytesWritten += bytes;
  handle.writeQueueSize += bytes - takenBytes;
}

describe('a reply that its client does not read', () => {
  it('counts from the check that saw the last progress, even if some of it was taken at once', () => {
    expect(progress.stalledMs(0)).toBe(0);
    write(1000, 400);
    expect(progress.stalledMs(100)).toBe(0);
    expect(progress.stalledMs(200)).toBe(100);
    expect(progress.stalledMs(300)).toBe(200);
  });

  it('keeps counting while more is written behind it', () => {
    write(1000, 400);
    progress.stalledMs(100);
    write(500, 0);
    expect(progress.stalledMs(200)).toBe(100);
  });

  it('begins to count again with each byte that is taken, and ends when all is taken', () => {
    write(1000, 400);
    progress.stalledMs(100);
    progress.stalledMs(200);
    handle.writeQueueSize -= 1;
    expect(progress.stalledMs(300)).toBe(0);
    expect(progress.stalledMs(400)).toBe(100);
    handle.writeQueueSize = 0;
    socket.writableLength = 0;
    expect(progress.stalledMs(500)).toBe(0);
    expect(progress.stalledMs(900)).toBe(0);
  });
});

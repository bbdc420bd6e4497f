// How bytes leave through a file descriptor of this process without holding up the event loop.
//
//   direct   pipes, terminals, devices: opened once more through /proc with O_NONBLOCK, so that the flag stays ours (the
//            description that was inherited is shared with other writers). A write takes what there is room
//            for, and nothing when there is none.
//   pool     files, sockets, and what cannot be opened once more: written in libuv's pool, one write at a time. A disk or
//            a stuck reader keeps one of its threads, and the caller looks how long.

import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';

/** Gets how many bytes were taken, or why none was. */
type Taken = (error: NodeJS.ErrnoException | undefined, bytes: number) => void;

export interface LogDevice {
  /** Calls `taken` once, before it returns or later; 0 bytes: no room now. One write at a time. */
  write(bytes: Uint8Array, taken: Taken): void;
  /** Writes at once and may wait for the device; for a process that ends. Throws what the system says. */
  writeNow(bytes: Uint8Array): number;
}

export function openLogDevice(fd: number): LogDevice {
  const own = openOnceMore(fd);
  return own === undefined ? throughPool(fd) : direct(own);
}

/** A file would lose its place and its append mode, and a socket cannot be opened. */
function openOnceMore(fd: number): number | undefined {
  try {
    const stat = fstatSync(fd);
    if (stat.isFile() || stat.isSocket()) return undefined;
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return openSync(`/proc/self/fd/${fd}`, flags);
  } catch {
    return undefined;
  }
}

function direct(fd: number): LogDevice {
  const writeNow = (bytes: Uint8Array): number => {
    try {
      return writeSync(fd, bytes);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return 0;
      throw error;
    }
  };
  return {
    writeNow,
    write(bytes, taken) {
      let count = 0;
      try {
        count = writeNow(bytes);
      } catch (error) {
        return taken(error as NodeJS.ErrnoException, 0);
      }
      taken(undefined, count);
    },
  };
}

function throughPool(fd: number): LogDevice {
  return {
    writeNow: (bytes) => writeSync(fd, bytes),
    write(bytes, taken) {
      write(fd, bytes, 0, bytes.length, null, (error, count) => {
        if (error?.code === 'EAGAIN') taken(undefined, 0);
        else taken(error ?? undefined, count);
      });
    },
  };
}

// How bytes leave through a file descriptor of this process without blocking the event loop.
//
//  direct   pipes, terminals, devices: opened a second time through /proc with O_NONBLOCK, so that
//           the flag applies to this process only (the inherited description is shared with other
//           writers). A write takes as many bytes as there is room for, possibly none.
//  pool     files, sockets, and what cannot be opened a second time: written in libuv's pool, one
//           write at a time. A stuck disk or reader blocks one of its threads, and the caller
//           limits for how long.

import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';

/** Called with the number of bytes that were written, or the reason why there were none. */
type Taken = (error: NodeJS.ErrnoException | undefined, bytes: number) => void;

export interface LogDevice {
  /**
   * Calls `taken` once, before it returns or later; 0 bytes: there was no room. One write at a
   * time.
   */
  write(bytes: Uint8Array, taken: Taken): void;
  /** Writes now, and may block: for a process that ends. Throws the system's error. */
  writeNow(bytes: Uint8Array): number;
}

export function openLogDevice(fd: number): LogDevice {
  const own = openOnceMore(fd);
  return own === undefined ? throughPool(fd) : direct(own);
}

/** A file would lose its position and its append mode, and a socket cannot be opened again. */
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

// Accepts more than one connection in a turn of the event loop. libuv accepts one per turn and handle (since 1.45). When turns
// are long, because there is much to do, clients that connect wait for many of them, and those that open a connection where
// none is free open ever more: a replica that is asked for twice of what it can do got no further with accepting.
//
// So further handles listen on the same socket. Node makes no duplicate of a handle, but the kernel does when a handle is sent
// to another process: a child returns what it gets, and ends. It is started when there are many connections for the first
// time, with an empty environment and no streams. Where it cannot be started, there is one handle as before.
//
//   one -> asking -> many       the child has returned the handles
//   one | asking | many -> closed

import { type ChildProcess, spawn } from 'node:child_process';
import type { Server } from 'node:http';
import { createServer, Server as NetServer, type Socket } from 'node:net';
import { assert } from '../../base/assert.ts';

export interface Acceptors {
  /** There are so many connections now. */
  onConnections(count: number): void;
  /** Accepts nothing any more, and calls back when every connection is closed. */
  close(onClosed: () => void): void;
}

/** Fewer connections come to be accepted with one handle, too. */
const MANY = 64;
/** A machine may be busy just then. */
const CHILD_MS_MAX = 30_000;
const RETURN =
  "process.on('message', (count, handle) => { for (let n = 0; n < count; n++) process.send(n, handle) })";

/** What Node has no type for: handles, and what a server listens with. */
interface Closable {
  close(): void;
}
interface Listening {
  readonly _handle: unknown;
}

/** `handles` in all; `backlog` is that of the socket. */
export function createAcceptors(server: Server, handles: number, backlog: number): Acceptors {
  const further = new Set<NetServer>();
  let state: 'one' | 'asking' | 'many' | 'closed' = 'one';
  let child: ChildProcess | undefined;

  /** one -> asking */
  const ask = (): void => {
    assert(state === 'one', 'acceptors: asked for once');
    state = 'asking';
    child = spawn(process.execPath, ['-e', RETURN], {
      env: {},
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      timeout: CHILD_MS_MAX,
    });
    // Where it cannot be started, it ends with this.
    child.on('error', () => undefined);
    child.on('message', (_count, handle) => take(handle));
    child.unref();
    const { _handle: handle } = server as unknown as Listening;
    child.send(handles - 1, handle as Socket, () => undefined);
    child.channel?.unref();
  };

  const take = (handle: unknown): void => {
    if (state === 'closed') return (handle as Closable).close();
    const acceptor = createServer({ allowHalfOpen: true, noDelay: true });
    acceptor.on('connection', (socket) => server.emit('connection', socket));
    acceptor.on('error', () => further.delete(acceptor));
    further.add(acceptor);
    acceptor.listen(handle, backlog);
    if (further.size < handles - 1) return;
    // asking -> many
    state = 'many';
    child?.disconnect();
  };

  return {
    onConnections(count) {
      if (state === 'one' && handles > 1 && count >= MANY) ask();
    },
    close(onClosed) {
      state = 'closed';
      let open = 1 + further.size;
      const closed = (): void => {
        if (--open === 0) onClosed();
      };
      if (child !== undefined && child.exitCode === null && child.signalCode === null) {
        // The socket listens for as long as it lives.
        open++;
        child.once('exit', () => {
          if (child?.connected === true) child.disconnect();
          closed();
        });
        child.ref();
        child.kill('SIGKILL');
      }
      for (const acceptor of further) acceptor.close(closed);
      // The listener alone: that of HTTP would end idle connections before it has read what lies in them.
      NetServer.prototype.close.call(server, closed);
    },
  };
}

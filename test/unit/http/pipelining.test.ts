// So many requests wait for earlier ones on their connections that there is no room for another:
// the accepted ones are answered in order, and then the connection ends, with either front end.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { Command } from '../../../src/model/command.ts';
import { type Harness, repliesIn, startHarness } from './harness.ts';

/** The number that may wait over all connections. */
const WAITING_ALL_MAX = 32_768;
/** The number that is read at once. */
const EACH = 1000;
const get = 'GET /v1/kv/bench/k HTTP/1.1\r\nHost: a\r\n\r\n';
const put = 'PUT /v1/kv/bench/k HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx';

let harness: Harness;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await harness.stop();
});

async function opened(): Promise<{ socket: Socket; text: () => string; closed: Promise<unknown> }> {
  const socket = connect({ port: harness.port, host: '127.0.0.1' });
  sockets.push(socket);
  let text = '';
  socket.on('error', () => undefined).on('data', (data) => (text += data.toString('latin1')));
  const closed = once(socket, 'close');
  await once(socket, 'connect');
  return { socket, text: () => text, closed };
}

it.each([true, false])(
  'a request beyond the bound of waiting ones is answered in its turn, and is the last (fast path: %s)',
  async (fastPath) => {
    harness = await startHarness({ limits: { fastPath } });
    const held: Command[] = [];
    harness.service.hold = (command) => held.push(command);
    const full = Math.ceil(WAITING_ALL_MAX / EACH);
    for (let n = 0; n < full; n++) {
      const { socket } = await opened();
      socket.write(put + get.repeat(EACH));
      while (held.length <= n) await new Promise((resolve) => setImmediate(resolve));
    }
    const last = await opened();
    last.socket.write(put + get + get);
    while (held.length <= full) await new Promise((resolve) => setImmediate(resolve));
    harness.service.hold = undefined;
    harness.service.submit(held.at(-1) as Command);
    await last.closed;
    expect(repliesIn(last.text())).toEqual([
      { status: 201, code: undefined },
      { status: 503, code: 'overloaded' },
    ]);
    expect(last.text()).toContain('Connection: close');
    expect(harness.errors).toEqual([]);
    // The others are answered to the last one.
    for (const command of held.slice(0, -1)) harness.service.submit(command);
    expect((await harness.ask('/v1/kv/bench/k')).status).toBe(200);
  },
  60_000,
);

// More handles on the listening socket: what they accept belongs to the same server, with its limits and its end.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { createAcceptors } from '../../../src/http/guard/acceptors.ts';
import { type Harness, startHarness } from './harness.ts';

const sockets: Socket[] = [];
let harness: Harness | undefined;
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await harness?.stop();
  harness = undefined;
});

async function open(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1' });
  sockets.push(socket);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

const isClosed = async (socket: Socket): Promise<boolean> => {
  socket.write('GET /v1/kv/bench/k HTTP/1.1\r\nHost: a\r\n\r\n');
  const [answer] = (await Promise.race([once(socket, 'data'), once(socket, 'close')])) as unknown[];
  return !Buffer.isBuffer(answer);
};

it('further handles accept connections of the server once there are many, and close with it', async () => {
  const server = createServer((_request, response) => response.end('x'));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const acceptors = createAcceptors(server, 4, 64);
  let accepted = 0;
  server.on('connection', () => acceptors.onConnections(++accepted < 10 ? accepted : 64));
  const own = (): Promise<number> =>
    new Promise((resolve) => server.getConnections((_error, count) => resolve(count)));
  do {
    const socket = await open(port);
    socket.write('GET / HTTP/1.1\r\nHost: a\r\n\r\n');
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(data.toString()).toContain('200 OK');
  } while ((await own()) === accepted);
  for (const socket of sockets) socket.destroy();
  await new Promise<void>((resolve) => acceptors.close(resolve));
  const late = connect({ port, host: '127.0.0.1' });
  const [error] = (await once(late, 'error')) as [NodeJS.ErrnoException];
  expect(error.code).toBe('ECONNREFUSED');
});

it('the limit on connections counts those of all handles', async () => {
  harness = await startHarness({ limits: { acceptHandles: 4, connectionsMax: 80 } });
  for (let n = 0; n < 80; n++) expect(await isClosed(await open(harness.port))).toBe(false);
  for (let n = 0; n < 20; n++) expect(await isClosed(await open(harness.port))).toBe(true);
  sockets[0]?.destroy();
  while (await isClosed(await open(harness.port)));
});

it('a server that closes while it asks for handles ends as it should', async () => {
  harness = await startHarness({ limits: { acceptHandles: 4 } });
  for (let n = 0; n < 70; n++) await open(harness.port);
  await harness.stop();
  await expect(harness.ask('/livez')).rejects.toThrow('ECONNREFUSED');
  harness = undefined;
});

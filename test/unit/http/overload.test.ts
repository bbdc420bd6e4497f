// What clients see of a replica that gets more requests than it can serve.

import { connect, type Socket } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import type { Command } from '../../../src/model/command.ts';
import { type Harness, problemOf, startHarness } from './harness.ts';
import { masked } from './twin.ts';

let harness: Harness;
const sockets: Socket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await harness.stop();
});

/** A connection that the server has accepted, and what arrived on it. */
async function opened(): Promise<{
  socket: Socket;
  text: () => string;
  until: (part: string) => Promise<void>;
}> {
  const socket = connect(harness.port, '127.0.0.1');
  sockets.push(socket);
  let text = '';
  socket.on('error', () => undefined).on('data', (data) => (text += data.toString('latin1')));
  const until = async (part: string): Promise<void> => {
    while (!text.includes(part)) await new Promise((resolve) => socket.once('data', resolve));
  };
  socket.write('GET /livez HTTP/1.1\r\nHost: a\r\n\r\n');
  await until('200 OK');
  text = '';
  return { socket, text: () => text, until };
}

const get = (query: string): string => `GET /v1/kv/bench/a${query} HTTP/1.1\r\nHost: a\r\n\r\n`;

function work(ms: number): void {
  const endMs = performance.now() + ms;
  while (performance.now() < endMs);
}

it('a pause of the thread is seen before the next request is judged, however busy it was before', async () => {
  const spent = { activeMs: 100, idleMs: 0 };
  harness = await startHarness({ work: () => spent });
  const { service } = harness;
  const held: Command[] = [];
  service.hold = (command) => held.push(command);
  // They wait for long, like slow bodies: as many as are admitted while the thread has no idle
  // time.
  while (held.length < 320) {
    const { socket } = await opened();
    const before = held.length;
    socket.write(get('').repeat(16));
    while (held.length < before + 16) await new Promise((resolve) => setImmediate(resolve));
  }
  expect((await harness.ask('/v1/kv/bench/a')).status).toBe(503);
  service.hold = undefined;
  spent.activeMs = 0;
  spent.idleMs = 100;
  // Longer than the interval of the measurement.
  const sinceMs = performance.now();
  while (performance.now() < sinceMs + 100) await new Promise((resolve) => setTimeout(resolve, 5));
  expect((await harness.ask('/v1/kv/bench/a')).status).toBe(404);
});

const batch = (query: string): string => {
  const body = '{"ops":[{"op":"get","key":"a"}]}';
  const head = `Host: a\r\nContent-Type: application/json\r\nContent-Length: ${body.length}`;
  return `POST /v1/batch/bench${query} HTTP/1.1\r\n${head}\r\n\r\n${body}`;
};
const of = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: a\r\n\r\n`;

it.each([
  ['value', get('?timeout=50ms')],
  ['list', of('/v1/kv/bench?timeout=50ms')],
  ['explanation', of('/v1/explain/bench/a?timeout=50ms')],
  ['batch', batch('?timeout=50ms')],
])('a timeout counts from the arrival: a %s that waited longer is refused', async (_, late) => {
  harness = await startHarness();
  const { service } = harness;
  const first = await opened();
  const second = await opened();
  service.hold = (command: Command) => {
    service.hold = undefined;
    // The second request has arrived meanwhile, and its time is over when it is read.
    work(60);
    service.submit(command);
  };
  service.commands.length = 0;
  first.socket.write(get(''));
  second.socket.write(late);
  await second.until('\r\n\r\n');
  await first.until('\r\n\r\n');
  expect(second.text()).toContain('503 Service Unavailable');
  expect(second.text().toLowerCase()).toContain('retry-after: 1\r\n');
  // The answer to the first request, which was submitted twice.
  expect(service.commands.map(({ kind }) => kind)).toEqual(['read', 'read']);
});

it('a request without room is refused at once, and one about the replica is not', async () => {
  // A thread without idle time that answers nothing: the bound stays at its minimum.
  harness = await startHarness({ work: () => ({ activeMs: 100, idleMs: 0 }) });
  const { service } = harness;
  const held: Command[] = [];
  const hold = (command: Command): void => {
    if (command.kind === 'read') return void held.push(command);
    service.hold = undefined;
    service.submit(command);
    service.hold = hold;
  };
  service.hold = hold;
  const full: Awaited<ReturnType<typeof opened>>[] = [];
  while (held.length < 320) {
    const connection = await opened();
    full.push(connection);
    const before = held.length;
    connection.socket.write(get('').repeat(16));
    while (held.length < before + 16) await new Promise((resolve) => setImmediate(resolve));
  }
  const last = await opened();
  last.socket.write(get(''));
  await last.until('problem:overloaded');
  expect(last.text()).toContain('Retry-After: 1');
  const answer = await harness.ask('/v1/kv/bench/a');
  expect([answer.status, problemOf(answer)]).toEqual([503, 'overloaded']);
  // Refused on the fast path, and by Node's server, which reads the request because of a tab: the
  // same to the byte.
  const bodies = [
    get(''),
    get('').replace('GET', 'HEAD'),
    'PUT /v1/kv/bench/a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc',
  ];
  for (const bytes of bodies) {
    const refused = masked(await harness.raw(bytes + bytes));
    expect(refused.split('503 Service Unavailable')).toHaveLength(3);
    const byNode = bytes.replace('Host:', 'X:\ty\r\nHost:');
    expect(refused).toBe(masked(await harness.raw(byNode + byNode)));
  }
  const { meter } = harness;
  expect(meter.refusals().get('overloaded')).toBe(2 + 4 * bodies.length);
  expect((await harness.ask('/readyz')).status).toBe(200);
  expect((await harness.ask('/metrics')).status).toBe(200);
  expect(held).toHaveLength(320);

  // A client that leaves, with or without an answer, makes room.
  service.hold = undefined;
  for (const command of held.slice(0, 16)) service.submit(command);
  expect((await harness.ask('/v1/kv/bench/a')).status).toBe(404);
  for (const { socket } of full) socket.destroy();
  expect((await harness.ask('/v1/kv/bench/a')).status).toBe(404);
});

// What one client, or all of them, can make a replica hold at one time.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Command } from '../../../src/model/command.ts';
import { type Harness, json, startHarness } from './harness.ts';

// How long it takes depends on the machine.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const MIB = 1024 * 1024;
const VALUE = Buffer.alloc(MIB, 97);
const get = (key: string) => `GET /v1/kv/bench/${key} HTTP/1.1\r\nHost: a\r\n\r\n`;

let harness: Harness;
beforeAll(async () => {
  harness = await startHarness({ limits: { replyBytesMax: 24 * 1024 * 1024 } });
  await harness.ask('/v1/kv/bench/large', { method: 'PUT', body: VALUE });
});
afterAll(() => harness.stop());

/** Reads that were begun since `from`. */
const readsSince = (from: number) =>
  harness.service.commands.slice(from).filter(({ kind }) => kind === 'read').length;

async function open(text: string): Promise<Socket> {
  const socket = connect(harness.port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.pause();
  socket.write(text);
  return socket;
}

/** Waits until it holds; the test's own time is the bound. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** A turn of the event loop and of the kernel, for everything that may still arrive. */
async function settled(): Promise<void> {
  for (let before = -1; before !== harness.service.commands.length; ) {
    before = harness.service.commands.length;
    for (let n = 0; n < 20; n++) await harness.ask('/livez');
  }
}

describe('a connection that sends and does not read', () => {
  it('has a few requests under way, and all of them once it reads', async () => {
    const from = harness.service.commands.length;
    const socket = await open(get('large').repeat(60));
    await until(() => readsSince(from) > 0);
    await settled();
    expect(readsSince(from)).toBeLessThanOrEqual(40);
    let bytes = 0;
    socket.on('data', (data) => (bytes += data.length));
    socket.resume();
    await until(() => bytes > 60 * VALUE.length);
    expect(readsSince(from)).toBe(60);
    socket.destroy();
  });

  it('is answered in order, however many requests came at once', async () => {
    const count = 2000;
    const socket = await open(get('none').repeat(count));
    let text = '';
    socket.on('data', (data) => (text += data.toString('latin1')));
    socket.resume();
    await until(() => text.split('HTTP/1.1 404').length > count);
    expect(text.split('HTTP/1.1').length - 1).toBe(count);
    socket.destroy();
  });

  it('is closed if all of them together hold too much, the oldest first', async () => {
    const closed: number[] = [];
    const sockets: Socket[] = [];
    for (let n = 0; n < 4; n++) {
      const from = harness.service.commands.length;
      const socket = await open(get('large').repeat(40));
      socket.once('close', () => closed.push(n));
      sockets.push(socket);
      await until(() => readsSince(from) > 0);
      await settled();
    }
    // A socket that does not read notices its end only when it reads.
    for (const socket of sockets.slice(0, 1)) socket.resume();
    await until(() => closed.length > 0);
    expect(closed[0]).toBe(0);
    for (const socket of sockets) socket.destroy();
  });
});

describe('bodies that have begun and not ended', () => {
  const CONTENT = 256 * 1024;
  const limits = { valueBytesMax: MIB, batchBytesMax: MIB, arrivingBytesMax: MIB };
  let own: Harness;
  beforeAll(async () => (own = await startHarness({ limits })));
  afterAll(() => own.stop());

  it.each([
    ['values', 'PUT /v1/kv/bench/slow HTTP/1.1', `Content-Length: ${CONTENT + 1}`, ''],
    ['chunked values', 'PUT /v1/kv/bench/slow HTTP/1.1', 'Transfer-Encoding: chunked', '40000\r\n'],
    ['batches', 'POST /v1/batch/bench HTTP/1.1', `Content-Length: ${CONTENT + 1}`, ''],
  ])('share a bound: of %s the oldest is answered 503', async (_what, line, length, size) => {
    const type = 'Content-Type: application/json';
    const first = `${line}\r\nHost: a\r\n${type}\r\n${length}\r\n\r\n${size}`;
    const answers: string[] = [];
    const sockets: Socket[] = [];
    for (let n = 0; n < 6; n++) {
      const socket = connect(own.port, '127.0.0.1');
      sockets.push(socket);
      answers.push('');
      socket.on('error', () => undefined);
      socket.on('data', (data: Buffer) => (answers[n] += data.toString('latin1')));
      socket.write(first);
      await new Promise((resolve) => socket.write(Buffer.alloc(CONTENT, 97), resolve));
      // The next one is sent when this one has arrived.
      await own.ask('/livez');
    }
    await until(() => answers.filter((text) => text.includes('503')).length >= 2);
    for (const text of answers.slice(0, 2)) {
      expect(text).toContain('urn:conit:problem:overloaded');
      expect(text).toContain('"indeterminate":false');
    }
    expect(own.service.commands.filter(({ kind }) => kind === 'write')).toEqual([]);
    for (const socket of sockets) socket.destroy();
    expect((await own.ask('/v1/kv/bench/k', { method: 'PUT', body: VALUE })).status).toBeLessThan(
      300,
    );
    own.service.commands.length = 0;
  });
});

describe('a batch of reads', () => {
  beforeAll(async () => {
    await harness.stop();
    const limits = { valueBytesMax: 64 * 1024, batchBytesMax: 512 * 1024 };
    harness = await startHarness({ limits });
    await harness.ask('/v1/kv/bench/large', { method: 'PUT', body: VALUE.subarray(0, 60_000) });
  });

  const batch = (ops: unknown[]) =>
    harness.ask('/v1/batch/bench', {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({ ops }),
    });

  it('reads no more values than its answer has room for', async () => {
    const from = harness.service.commands.length;
    const answer = await batch(Array.from({ length: 1000 }, () => ({ op: 'get', key: 'large' })));
    const results = json(answer)['results'] as { status: number }[];
    const found = results.filter(({ status }) => status === 200).length;
    expect(found).toBeGreaterThan(4);
    expect(found).toBeLessThanOrEqual(8);
    expect(results.slice(found).every(({ status }) => status === 413)).toBe(true);
    expect(readsSince(from)).toBeLessThan(found + 17);
  });

  it('has a few of them under way at a time', async () => {
    let running = 0;
    let most = 0;
    harness.service.hold = (command: Command) => {
      running++;
      most = Math.max(most, running);
      const { hold } = harness.service;
      setImmediate(() => {
        running--;
        harness.service.hold = undefined;
        harness.service.submit(command);
        harness.service.hold = hold;
      });
    };
    const answer = await batch(Array.from({ length: 200 }, () => ({ op: 'get', key: 'none' })));
    harness.service.hold = undefined;
    expect((json(answer)['results'] as unknown[]).length).toBe(200);
    expect(most).toBeLessThanOrEqual(16);
  });

  it('waits for room that other batches have, and none of a hundred is refused', async () => {
    await harness.stop();
    const limits = { valueBytesMax: MIB, batchBytesMax: 2 * MIB, replyBytesMax: 8 * MIB };
    harness = await startHarness({ limits });
    await harness.ask('/v1/kv/bench/small', { method: 'PUT', body: Buffer.from('a') });
    const held: Command[] = [];
    harness.service.hold = (command) => held.push(command);
    const all = Array.from({ length: 100 }, () => batch([{ op: 'get', key: 'small' }]));
    // The others have arrived meanwhile, and wait.
    await until(() => held.length > 0);
    for (let n = 0; n < 100; n++) await harness.ask('/livez');
    const most = held.length;
    harness.service.hold = undefined;
    for (const command of held) harness.service.submit(command);
    const answers = await Promise.all(all);
    const statuses = answers.map((answer) => (json(answer)['results'] as { status: number }[])[0]);
    expect(statuses.filter((result) => result?.status !== 200)).toEqual([]);
    expect(most).toBeLessThanOrEqual(4);
  });
});

// The limit: one process reads a range of a database and sends it over a TCP connection of
// loopback; another one writes the received entries to a database of its own, in synced batches. It
// writes each entry once as it was received and, for log entries, a second time under another key,
// as a replica writes an entry and its record. It does no checks, ordering or answers.

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { Level } from 'level';

export interface Span {
  /** First byte of the keys (store/layout.ts). */
  readonly kind: string;
  /** How often each value is written. */
  readonly writes: number;
}

const LENGTHS_BYTES = 8;
const BATCH_ENTRIES = 1000;
const options = { keyEncoding: 'view', valueEncoding: 'view' } as const;
type Store = Level<Uint8Array, Uint8Array>;

/** Milliseconds from the first read to the last synced write, and how many entries there were. */
export async function moveRaw(
  source: string,
  target: string,
  { kind, writes }: Span,
): Promise<{ readonly ms: number; readonly entries: number }> {
  const child = fork(join(import.meta.dirname, 'raw.ts'), [target, String(writes)], {
    execArgv: process.execArgv,
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.once('message', (message) => resolve(Number(message)));
    child.once('exit', (code) => reject(new Error(`the other process ended with ${code}`)));
  });
  const store: Store = new Level(source, options);
  await store.open();
  const socket = connect({ port, host: '127.0.0.1', noDelay: true });
  const done = new Promise<number>((resolve) => child.once('message', (at) => resolve(Number(at))));
  const begun = Date.now();
  const from = Buffer.from(kind);
  const iterator = store.iterator({ gte: from, lt: Buffer.from([(from[0] as number) + 1]) });
  let entries = 0;
  for (;;) {
    const read = await iterator.nextv(BATCH_ENTRIES);
    if (read.length === 0) break;
    entries += read.length;
    const frame = Buffer.concat(read.flatMap(([key, value]) => [lengths(key, value), key, value]));
    if (!socket.write(frame)) await new Promise((resolve) => socket.once('drain', resolve));
  }
  await iterator.close();
  socket.end();
  const ms = (await done) - begun;
  await store.close();
  return { ms, entries };
}

function lengths(key: Uint8Array, value: Uint8Array): Buffer {
  const head = Buffer.alloc(LENGTHS_BYTES);
  head.writeUInt32LE(key.length, 0);
  head.writeUInt32LE(value.length, 4);
  return head;
}

/** The other process: takes one connection, and ends with it. */
async function sink(target: string, writes: number): Promise<void> {
  const store: Store = new Level(target, options);
  await store.open();
  const server = createServer();
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
  const [socket] = (await once(server, 'connection')) as [Socket];
  let rest: Buffer = Buffer.alloc(0);
  for await (const chunk of socket) {
    rest = rest.length === 0 ? (chunk as Buffer) : Buffer.concat([rest, chunk as Buffer]);
    rest = await writeWhole(store, rest, writes);
  }
  process.send?.(Date.now());
  server.close();
  await store.close();
  process.disconnect();
}

/** Returns the bytes of the last, incomplete entry. */
async function writeWhole(store: Store, bytes: Buffer, writes: number): Promise<Buffer> {
  const batch = store.batch();
  let at = 0;
  while (bytes.length - at >= LENGTHS_BYTES) {
    const keyEnd = at + LENGTHS_BYTES + bytes.readUInt32LE(at);
    const end = keyEnd + bytes.readUInt32LE(at + 4);
    if (bytes.length < end) break;
    const key = bytes.subarray(at + LENGTHS_BYTES, keyEnd);
    const value = bytes.subarray(keyEnd, end);
    for (let n = 0; n < writes; n++) batch.put(n === 0 ? key : Buffer.concat([key, key]), value);
    at = end;
  }
  await batch.write({ sync: true });
  return bytes.subarray(at);
}

if (process.argv[1] === import.meta.filename && process.send !== undefined) {
  await sink(process.argv[2] as string, Number(process.argv[3]));
}

// The peer link compared with the least that a WebSocket can do with the same log entries. Both
// ends run in this process, and a rate is per second of its CPU time, so it counts the work of the
// sender and of the receiver. `bytes` moves finished frames and reads none of them; `bare` writes
// the entries one after the other and decodes them in place, without a frame checksum, a copy, a
// bound or a count; `link` is the peer channel as replicas use it.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket, WebSocketServer } from 'ws';
import { WsNetwork } from '../../../src/adapters/peer/ws-network.ts';
import { ByteReader, ByteWriter } from '../../../src/base/bytes.ts';
import { decodeMutation, encodeMutation } from '../../../src/model/encoding.ts';
import {
  type Key,
  type NamespaceName,
  type Origin,
  type Region,
  type ReplicaId,
} from '../../../src/model/id.ts';
import type { Member } from '../../../src/model/quorum.ts';
import type { Mutation } from '../../../src/model/record.ts';

export interface PeerLinkRates {
  /** Millions of entries a second of CPU time, one figure a turn. */
  readonly bytes: readonly number[];
  readonly bare: readonly number[];
  readonly link: readonly number[];
}

const turns = 9;
const entriesPerTurn = 100_000;
/** Frames on the way at once. */
const window = 64;
const origin = 'eu-1.1' as Origin;

/** Carries a frame of entries, and reports when one has arrived. */
interface Carrier {
  send(): void;
  onArrived: () => void;
  close(): Promise<void>;
}

export async function measurePeerLink(entriesPerFrame: number): Promise<PeerLinkRates> {
  const entries = logOf(entriesPerFrame);
  const carriers = {
    bytes: await bareCarrier(entries, false),
    bare: await bareCarrier(entries, true),
    link: await linkCarrier(entries),
  };
  const rates: Record<keyof typeof carriers, number[]> = { bytes: [], bare: [], link: [] };
  for (let turn = 0; turn <= turns; turn += 1) {
    for (const name of ['bytes', 'bare', 'link'] as const) {
      const rate = await carry(carriers[name], Math.round(entriesPerTurn / entriesPerFrame));
      // The first turn only warms up.
      if (turn > 0) rates[name].push((rate * entriesPerFrame) / 1e6);
    }
  }
  await Promise.all(Object.values(carriers).map((carrier) => carrier.close()));
  return rates;
}

/**
 * Frames a second of CPU time. They are sent in groups, as turns do, so the socket is not woken for
 * each.
 */
async function carry(carrier: Carrier, frames: number): Promise<number> {
  const begun = process.cpuUsage();
  let sent = 0;
  let arrived = 0;
  const fill = (): void => {
    const room = Math.min(window - (sent - arrived), frames - sent);
    for (let count = 0; count < room; count += 1) carrier.send();
    sent += room;
  };
  await new Promise<void>((resolve) => {
    carrier.onArrived = () => {
      arrived += 1;
      if (sent - arrived <= window / 2) fill();
      if (arrived === frames) resolve();
    };
    fill();
  });
  const { user, system } = process.cpuUsage(begun);
  return (frames * 1e6) / (user + system);
}

async function bareCarrier(entries: readonly Mutation[], decodes: boolean): Promise<Carrier> {
  const options = { perMessageDeflate: false, generateMask: (mask: Buffer) => void mask.fill(0) };
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', ...options });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const client = new WebSocket(`ws://127.0.0.1:${port}`, options);
  const ready = join(entries);
  const carrier: Carrier = {
    send: () => client.send(decodes ? join(entries) : ready),
    onArrived: () => {},
    async close() {
      client.terminate();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on('connection', (socket) =>
    socket.on('message', (data: Buffer) => {
      if (decodes) decodeAll(data);
      carrier.onArrived();
    }),
  );
  await once(client, 'open');
  return carrier;
}

function join(entries: readonly Mutation[]): Uint8Array {
  const writer = new ByteWriter(entries.reduce((sum, { bytes }) => sum + bytes.length + 4, 0));
  for (const { bytes } of entries) writer.blob(bytes);
  return writer.cut();
}

function decodeAll(data: Buffer): void {
  const reader = new ByteReader(new Uint8Array(data.buffer, data.byteOffset, data.length));
  while (reader.left > 0)
    if (decodeMutation(reader.blob()) === undefined) throw new Error('the entries were damaged');
}

async function linkCarrier(entries: readonly Mutation[]): Promise<Carrier> {
  const listener = network(1, ['', '']);
  const { port } = await listener.listen();
  const dialer = network(0, ['', `127.0.0.1:${port}`]);
  const carrier: Carrier = {
    send() {
      dialer.send(1, { kind: 'entries', origin, entries });
      dialer.flush();
    },
    onArrived: () => {},
    async close() {
      await Promise.all([dialer.close(), listener.close()]);
    },
  };
  const ignore = (): void => {};
  listener.start({
    onConnected: ignore,
    onDisconnected: ignore,
    onMessage: () => carrier.onArrived(),
  });
  await new Promise<void>((resolve) =>
    dialer.start({ onConnected: () => resolve(), onDisconnected: ignore, onMessage: ignore }),
  );
  return carrier;
}

function network(index: number, addresses: readonly string[]): WsNetwork {
  const members = addresses.map((peerAddress, at) => memberAt(at, peerAddress));
  return new WsNetwork({
    self: members[index] as Member,
    members,
    clusterId: 'bench',
    secret: Buffer.alloc(32, 'bench'),
    incarnation: () => 1,
    host: '127.0.0.1',
    port: 0,
    peerTimeoutMs: 3000,
  });
}

function memberAt(index: number, peerAddress: string): Member {
  const id = `r-${index}` as ReplicaId;
  return { index, id, region: 'bench' as Region, peerAddress, httpUrl: undefined };
}

/** Entries as a durable put of 100 bytes leaves them in the log. */
function logOf(count: number): readonly Mutation[] {
  const entries: Mutation[] = [];
  for (let seq = 1; seq <= count; seq += 1) {
    const draft = {
      origin,
      seq,
      hlc: 1.8e15 + seq,
      lane: 0,
      group: '',
      namespace: 'bench' as NamespaceName,
      key: `small-${String(seq).padStart(10, '0')}` as Key,
      operation: 'put' as const,
      created: false,
      dependencies: [],
      expiresAtMs: 0,
      tags: [],
      weight: 0,
      idempotency: undefined,
      contentType: 'application/octet-stream',
      value: new Uint8Array(100).fill(seq),
    };
    entries.push(encodeMutation(draft, entries.at(-1)?.chain ?? 0));
  }
  return entries;
}

// Which connections the peer port refuses, and what accepted peers cannot do (docs/protocol.md).
// The attacker is a bare socket or a program between two replicas; the listener and the dialer are
// the real ones.

import { createServer, type Server, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { encodeFrame } from '../../src/adapters/frame.ts';
import {
  freshNonce,
  type Greeting,
  greetingHeaders,
  proofOf,
  type Refusal,
} from '../../src/adapters/handshake.ts';
import { WsNetwork, type WsNetworkOptions } from '../../src/adapters/peer/ws-network.ts';
import type { ReplicaId } from '../../src/model/id.ts';
import type { Message } from '../../src/model/message.ts';
import type { NetworkHandler } from '../../src/model/port.ts';
import type { Member } from '../../src/model/quorum.ts';
import { membersOf } from '../support/build.ts';
import { RawPeer, requestText, upgradeText, websocketFrame } from '../support/raw-peer.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { GUARD_MS } from '../support/wait.ts';

const SECRET = Buffer.from('d41d8cd98f00b204e9800998ecf8427e');
const OTHER_SECRET = Buffer.from('900150983cd24fb0d6963f7d28e17f72');
const CLUSTER = 'seven-seas';
const ACK: Message = { kind: 'ack', vector: [], windowBytes: 1 };
const BINARY = 0x82;

class Ear implements NetworkHandler {
  connects = 0;
  disconnects = 0;
  readonly heard: Message[] = [];

  onConnected(): void {
    this.connects++;
  }

  onMessage(_peer: number, message: Message): void {
    this.heard.push(message);
  }

  onDisconnected(): void {
    this.disconnects++;
  }
}

const ends: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end();
});

/** ap-1 < eu-1 < us-1: so ap-1 and eu-1 dial us-1. */
const members = membersOf(['eu', 'us', 'ap']);
const EU = 1;
const US = 2;

function network(
  index: number,
  peerAddress: string,
  changes: Partial<WsNetworkOptions> = {},
): WsNetwork {
  const reachable = members.map((member) => ({ ...member, peerAddress }));
  const made = new WsNetwork({
    self: reachable[index] as Member,
    members: reachable,
    clusterId: CLUSTER,
    secret: SECRET,
    incarnation: () => 1,
    host: '127.0.0.1',
    port: 0,
    peerTimeoutMs: 3000,
    ...changes,
    limits: { reconnectMinMs: 5, reconnectMaxMs: 20, ...changes.limits },
  });
  ends.push(() => made.close());
  return made;
}

interface Listening {
  readonly ear: Ear;
  readonly port: number;
  refused(reason: Refusal): number;
}

/** us-1, which all others dial. */
async function listening(changes: Partial<WsNetworkOptions> = {}): Promise<Listening> {
  const listener = network(US, 'nobody.invalid:1', changes);
  const { port } = await listener.listen();
  const ear = new Ear();
  listener.start(ear);
  return { ear, port, refused: (reason) => listener.traffic.refused[reason] };
}

/** Dials the given port, and only that. */
async function dialing(port: number, changes: Partial<WsNetworkOptions> = {}): Promise<Ear> {
  const pair = network(EU, `127.0.0.1:${port}`, changes);
  await pair.listen();
  const ear = new Ear();
  pair.start(ear);
  return ear;
}

/** What eu-1 learns when it probes a port. */
function probing(port: number, id = 'us-1', changes: Partial<WsNetworkOptions> = {}) {
  const place = { id: id as ReplicaId, peerAddress: `127.0.0.1:${port}` };
  return network(EU, 'nobody.invalid:1', changes).probe(place, 59_999.5);
}

async function proxyTo(port: number): Promise<TcpProxy> {
  const proxy = new TcpProxy();
  await proxy.listen();
  proxy.leadTo(port);
  ends.push(() => proxy.close());
  return proxy;
}

function raw(port: number, from?: string): RawPeer {
  const peer = new RawPeer(port, from);
  ends.push(() => peer.end());
  return peer;
}

function greeting(changes: Partial<Greeting> = {}, id = 'eu-1', incarnation = 1): Greeting {
  return {
    clusterId: CLUSTER,
    offered: '1',
    dialer: { id: id as ReplicaId, incarnation, nonce: freshNonce() },
    listenerId: 'us-1' as ReplicaId,
    ...changes,
  };
}

async function until(done: () => boolean): Promise<void> {
  const endMs = performance.now() + GUARD_MS;
  while (!done()) {
    if (performance.now() > endMs) throw new Error('waited in vain');
    await sleep(1);
  }
}

const portOf = (address: string) => Number(address.split(':')[1]);

describe('a probe of a replica', () => {
  it('is answered with its region and epoch, also when the replica is no member', async () => {
    const { port, ear } = await listening({ epoch: () => 7 });
    const there = { kind: 'there', region: 'us', epoch: 7 };
    expect(await probing(port)).toEqual(there);
    const foreign = membersOf(['eu', 'zz']);
    const changes = { members: foreign, self: foreign[0] as Member };
    expect(await probing(port, 'us-1', changes)).toEqual(there);
    expect(ear.connects).toBe(0);
  });

  it.each<[string, string, Partial<WsNetworkOptions>]>([
    ['refused: recipient', 'sa-9', {}],
    ['refused: cluster', 'us-1', { clusterId: 'eight-seas' }],
    ['refused: proof', 'us-1', { secret: OTHER_SECRET }],
    ['refused: version', 'us-1', { protocols: [9] }],
  ])('reports a replica that is not the intended one: %s', async (reason, id, changes) => {
    const { port } = await listening();
    expect(await probing(port, id, changes)).toEqual({ kind: 'other', reason });
  });

  it('reports an address where no process listens, and a replica that has not begun', async () => {
    const starting = network(US, 'nobody.invalid:1');
    const { port } = await starting.listen();
    expect(await probing(port)).toEqual({
      kind: 'unreachable',
      reason: 'refused: starting',
      mayBegin: true,
    });
    await starting.close();
    expect(await probing(port)).toEqual({
      kind: 'unreachable',
      reason: 'ECONNREFUSED',
      mayBegin: true,
    });
  });

  it('does not trust a replica without a proof, and reveals nothing to a caller without one', async () => {
    const { port } = await listening();
    // A program in between changes the region.
    const proxy = await proxyTo(port);
    proxy.rewrite.down = (bytes) =>
      Buffer.from(
        bytes.toString('latin1').replace('Conit-Region: us', 'Conit-Region: eu'),
        'latin1',
      );
    expect(await probing(proxy.port)).toEqual({
      kind: 'other',
      reason: 'it does not have the cluster secret',
    });
    const peer = raw(port);
    peer.send(requestText({ 'Conit-Proof': 'a'.repeat(43) }, '/probe'));
    const answer = await peer.answer();
    expect(answer).toMatchObject({ status: 400, headers: { 'conit-refusal': 'challenge' } });
    expect(answer?.headers).not.toHaveProperty('conit-region');
  });

  it('cannot be used to connect: its proof has another role', async () => {
    const { port, ear } = await listening();
    const asked = raw(port);
    asked.send(requestText(greetingHeaders(greeting()), '/probe'));
    expect(await asked.answer()).toMatchObject({ status: 401 });
    asked.send(upgradeText('a'.repeat(43)));
    expect(await asked.answer()).toMatchObject({ headers: { 'conit-refusal': 'challenge' } });
    expect(ear.connects).toBe(0);
  });
});

describe('a secret', () => {
  it.each(['', 'short', 'fifteen bytes..'])('of too few bytes is refused: "%s"', (text) => {
    expect(() => network(EU, 'x:1', { secret: Buffer.from(text) })).toThrow('secret');
    ends.pop();
  });

  it('that the dialer does not share is refused', async () => {
    const us = await listening();
    const ear = await dialing(us.port, { secret: OTHER_SECRET });
    await until(() => us.refused('proof') >= 2);
    expect([us.ear.connects, ear.connects]).toEqual([0, 0]);
  });

  it('never travels on the wire, not even in part', async () => {
    const us = await listening();
    const proxy = await proxyTo(us.port);
    const ear = await dialing(portOf(proxy.address));
    await until(() => ear.connects === 1);
    const traffic = Buffer.concat([...proxy.recorded.up, ...proxy.recorded.down]);
    expect(traffic.includes('Conit-Proof')).toBe(true);
    for (const part of [SECRET, SECRET.subarray(0, 16), SECRET.subarray(16)])
      for (const form of [
        part.toString('latin1'),
        part.toString('hex'),
        part.toString('base64url'),
      ])
        expect(traffic.includes(form)).toBe(false);
  });
});

describe('a dialer', () => {
  it.each<[Refusal, number, Greeting]>([
    ['cluster', 403, greeting({ clusterId: 'another' })],
    ['self', 403, greeting({}, 'us-1')],
    ['stranger', 403, greeting({}, 'mars-1')],
    ['recipient', 421, greeting({ listenerId: 'ap-1' as ReplicaId })],
    ['version', 426, greeting({ offered: '9,8' })],
    ['malformed', 400, greeting({ offered: '1,,2' })],
    ['malformed', 400, greeting({ clusterId: 'a b' })],
    ['malformed', 400, greeting({}, 'eu-1', 2 ** 40)],
  ])('is refused with the reason %s', async (reason, status, said) => {
    const us = await listening();
    const peer = raw(us.port);
    const answer = await peer.greet(said);
    expect(answer).toMatchObject({ status, headers: { 'conit-refusal': reason } });
    await peer.closed;
    expect(us.refused(reason)).toBe(1);
  });

  it('with a larger id is refused: the other side has to dial', async () => {
    const eu = network(EU, 'nobody.invalid:1');
    const { port } = await eu.listen();
    eu.start(new Ear());
    const answer = await raw(port).greet(greeting({ listenerId: 'eu-1' as ReplicaId }, 'us-1'));
    expect(answer?.headers['conit-refusal']).toBe('direction');
  });

  it('without a common version gets the list of versions that the listener speaks', async () => {
    const us = await listening();
    const answer = await raw(us.port).greet(greeting({ offered: '7' }));
    expect(answer?.headers['conit-protocols']).toBe('1');
  });

  it('is refused while the replica starts', async () => {
    const us = network(US, 'nobody.invalid:1');
    const { port } = await us.listen();
    expect((await raw(port).greet(greeting()))?.headers['conit-refusal']).toBe('starting');
  });

  it('that repeats a recorded handshake is refused', async () => {
    const us = await listening();
    const proxy = await proxyTo(us.port);
    const ear = await dialing(portOf(proxy.address));
    await until(() => ear.connects === 1);
    const [first, second] = proxy.recorded.up as [Buffer, Buffer];
    expect([first, second].map((bytes) => bytes.includes('GET /peer'))).toEqual([true, true]);
    const peer = raw(us.port);
    peer.send(first);
    expect((await peer.answer())?.status).toBe(401);
    peer.send(second);
    expect((await peer.answer())?.headers['conit-refusal']).toBe('proof');
    await peer.closed;
    expect(us.ear.connects).toBe(1);
  });

  it('that shows a proof without having been challenged is refused', async () => {
    const us = await listening();
    const peer = raw(us.port);
    peer.send(upgradeText(freshNonce()));
    expect((await peer.answer())?.headers['conit-refusal']).toBe('challenge');
  });

  it('gets one challenge for each connection, and one try', async () => {
    const us = await listening();
    const peer = raw(us.port);
    expect((await peer.greet(greeting()))?.status).toBe(401);
    expect((await peer.greet(greeting()))?.headers['conit-refusal']).toBe('malformed');
    await peer.closed;
    const other = raw(us.port);
    expect((await other.shake(greeting(), OTHER_SECRET))?.status).toBe(403);
    await other.closed;
    expect(us.refused('proof')).toBe(1);
  });

  it('that speaks before the listener has proved itself is refused', async () => {
    const us = await listening();
    const peer = raw(us.port);
    await peer.greet(greeting());
    peer.send(
      Buffer.concat([
        Buffer.from(upgradeText(freshNonce())),
        websocketFrame(BINARY, encodeFrame([ACK])),
      ]),
    );
    expect((await peer.answer())?.headers['conit-refusal']).toBe('malformed');
    expect(us.ear.heard).toEqual([]);
  });
});

describe('a listener', () => {
  /** Answers the two legs of a handshake with these texts. */
  async function impostor(answers: (requests: string[]) => string): Promise<number> {
    const sockets = new Set<Socket>();
    const server: Server = createServer((socket) => {
      sockets.add(socket);
      const requests: string[] = [];
      socket.on('error', () => {});
      socket.on('data', (bytes) => {
        requests.push(bytes.toString('latin1'));
        socket.write(answers(requests));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    ends.push(() => {
      for (const socket of sockets) socket.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    });
    return (server.address() as { readonly port: number }).port;
  }

  const header = (request: string | undefined, name: string) =>
    new RegExp(`^${name}: (.*)\r$`, 'mi').exec(request ?? '')?.[1] ?? '';
  const challengeText = (nonce: string) =>
    `HTTP/1.1 401 X\r\nConit-Protocols: 1\r\nConit-Incarnation: 1\r\nConit-Nonce: ${nonce}\r\nContent-Length: 0\r\n\r\n`;
  const GUESSED_KEY = 'never checked before the proof';
  const upgradedText = (proof: string) =>
    `HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${GUESSED_KEY}\r\nConit-Proof: ${proof}\r\n\r\n`;

  it.each([
    ['no proof', () => ''],
    ['a made-up proof', () => freshNonce()],
    [
      'the proof of the dialer sent back',
      (requests: string[]) => header(requests[1], 'Conit-Proof'),
    ],
  ])('that answers with %s is not trusted: the dialer ends the connection', async (_, proof) => {
    let greetings = 0;
    const port = await impostor((requests) => {
      if (requests.length > 1) return upgradedText(proof(requests));
      greetings++;
      // The nonce that was received, as a mirror would send it back.
      return challengeText(header(requests[0], 'Conit-Nonce'));
    });
    const ear = await dialing(port);
    await until(() => greetings >= 3);
    expect(ear.connects).toBe(0);
  });

  it('that answers without end is not trusted: the dialer ends the connection', async () => {
    let greetings = 0;
    const port = await impostor((requests) => {
      if (requests.length === 1) greetings++;
      return `HTTP/1.1 401 X\r\nX: ${'x'.repeat(4096)}\r\n\r\n`;
    });
    const ear = await dialing(port);
    await until(() => greetings >= 2);
    expect(ear.connects).toBe(0);
  });

  it('that never answers is given up after the time-out', async () => {
    let greetings = 0;
    const port = await impostor((requests) => {
      if (requests.length === 1) greetings++;
      return '';
    });
    const ear = await dialing(port, { limits: { handshakeTimeoutMs: 50 } });
    await until(() => greetings >= 2);
    expect(ear.connects).toBe(0);
  });
});

describe('the version', () => {
  it('is the highest that both sides speak', async () => {
    const us = await listening({ protocols: [1] });
    const ear = await dialing(us.port, { protocols: [3, 2, 1] });
    await until(() => ear.connects === 1 && us.ear.connects === 1);
    expect(us.refused('version')).toBe(0);
  });

  it('cannot be lowered on the way', async () => {
    const us = await listening({ protocols: [2, 1] });
    const proxy = await proxyTo(us.port);
    proxy.rewrite.up = (bytes) =>
      Buffer.from(
        bytes.toString('latin1').replace('Conit-Protocols: 2,1', 'Conit-Protocols: 1'),
        'latin1',
      );
    const ear = await dialing(portOf(proxy.address), { protocols: [2, 1] });
    await until(() => us.refused('proof') >= 2);
    expect([us.ear.connects, ear.connects]).toEqual([0, 0]);
  });
});

describe('a browser', () => {
  it.each(['Origin', 'Sec-WebSocket-Origin'])('is refused by its %s header', async (name) => {
    const us = await listening();
    const headers = { [name]: 'https://conit.example' };
    expect(await raw(us.port).greet(greeting(), { headers })).toMatchObject({
      status: 403,
      headers: { 'conit-refusal': 'origin' },
    });
    const peer = raw(us.port);
    const answer = await peer.shake(greeting(), SECRET, { headers });
    expect(answer).toMatchObject({ status: 403, headers: { 'conit-refusal': 'origin' } });
    await peer.closed;
    expect(us.ear.connects).toBe(0);
  });
});

describe('a stranger', () => {
  it.each(['/', '/peer/', '/peer?x', '/PEER', '//peer', '/peer%00'])(
    'gets no answer at %s',
    async (path) => {
      const us = await listening();
      const peer = raw(us.port);
      expect((await peer.greet(greeting(), { path }))?.status).toBe(404);
      await peer.closed;
      expect(us.refused('path')).toBe(1);
    },
  );

  it('may not send more than one kilobyte of headers', async () => {
    const us = await listening();
    const peer = raw(us.port);
    expect((await peer.greet(greeting(), { headers: { X: 'x'.repeat(1024) } }))?.status).toBe(431);
    await peer.closed;
    expect(us.refused('oversized')).toBe(1);
  });

  it('may not send a body', async () => {
    const us = await listening();
    const peer = raw(us.port);
    const headers = { 'Content-Length': '1000000' };
    expect((await peer.greet(greeting(), { headers }))?.status).toBe(400);
    await peer.closed;
  });

  it('has its frames ignored', async () => {
    const us = await listening();
    const peer = raw(us.port);
    peer.send(websocketFrame(BINARY, encodeFrame([ACK])));
    expect((await peer.answer())?.status).toBe(400);
    await peer.closed;
    expect([us.ear.connects, us.ear.heard.length]).toEqual([0, 0]);
  });

  it('has 150,000 tiny fragments ignored', async () => {
    const us = await listening();
    const peer = raw(us.port);
    const fragment = websocketFrame(0, Uint8Array.of(1));
    peer.send(Buffer.concat(Array.from({ length: 150_000 }, () => fragment)));
    await peer.closed;
    expect(us.refused('malformed')).toBe(1);
  });

  it.each(['', 'GET /peer HTTP/1.1\r\nHo'])(
    'that stops after "%s" is disconnected',
    async (said) => {
      const us = await listening({ limits: { handshakeTimeoutMs: 50 } });
      const peer = raw(us.port);
      peer.send(said);
      await peer.closed;
      expect(us.refused('timeout')).toBe(1);
    },
  );

  it('that sends its handshake byte by byte is disconnected at the same time', async () => {
    const us = await listening({ limits: { handshakeTimeoutMs: 100 } });
    const peer = raw(us.port);
    expect((await peer.greet(greeting()))?.status).toBe(401);
    const letters = requestText(greetingHeaders(greeting())).split('');
    const drip = setInterval(() => peer.send(letters.shift() ?? ''), 5);
    await peer.closed;
    clearInterval(drip);
    expect(us.refused('timeout')).toBe(1);
  });

  it('among many is disconnected to make room, and a peer still connects', async () => {
    const us = await listening({ limits: { strangersMax: 4 } });
    const idle = Array.from({ length: 20 }, () => raw(us.port));
    await until(() => us.refused('crowded') >= 16);
    const ear = await dialing(us.port);
    await until(() => ear.connects === 1);
    await idle[0]?.closed;
    expect(us.ear.connects).toBe(1);
  });

  it('that opens many silent connections takes no place of a connection that has greeted', async () => {
    const us = await listening({ limits: { strangersMax: 16 } });
    const greeted: RawPeer[] = [];
    for (let i = 0; i < 2; i++) {
      const peer = raw(us.port);
      expect((await peer.greet(greeting()))?.status).toBe(401);
      greeted.push(peer);
    }
    const before = us.refused('crowded');
    for (let i = 0; i < 30; i++) raw(us.port);
    await until(() => us.refused('crowded') >= before + 28);
    expect(greeted.every(({ socket }) => !socket.destroyed)).toBe(true);
  });

  it('that greets from one address displaces others of that address, and no member at a known address', async () => {
    const us = await listening({ limits: { strangersMax: 8 } });
    const proved = raw(us.port);
    expect((await proved.shake(greeting(), SECRET))?.status).toBe(101);
    // From now on 127.0.0.1 is a known address of eu-1.
    const peer = raw(us.port);
    expect((await peer.greet(greeting()))?.status).toBe(401);
    for (let i = 0; i < 12; i++) {
      const stranger = raw(us.port, '127.0.0.9');
      expect((await stranger.greet(greeting()))?.status).toBe(401);
    }
    expect(us.refused('crowded')).toBeGreaterThanOrEqual(10);
    expect(peer.socket.destroyed).toBe(false);
  });
});

describe('a peer', () => {
  async function admitted(us: Listening, incarnation = 1): Promise<RawPeer> {
    const peer = raw(us.port);
    const answer = await peer.shake(greeting({}, 'eu-1', incarnation), SECRET);
    if (answer?.status !== 101) throw new Error(`not admitted: ${answer?.status}`);
    return peer;
  }

  /** The code of the close frame from the listener, which may follow other frames. */
  async function closeCode(peer: RawPeer): Promise<number> {
    await until(() => peer.received.length >= 4);
    expect(peer.received[0]).toBe(0x88);
    return peer.received.readUInt16BE(2);
  }

  it('has its messages read once it has proved itself', async () => {
    const us = await listening();
    const peer = await admitted(us);
    peer.send(websocketFrame(BINARY, encodeFrame([ACK, ACK])));
    await until(() => us.ear.heard.length === 2);
    expect(us.ear.heard).toEqual([ACK, ACK]);
  });

  it('gets the proof of the listener', async () => {
    const us = await listening();
    const said = greeting();
    const peer = raw(us.port);
    const challenge = await peer.greet(said);
    const nonce = challenge?.headers['conit-nonce'] ?? '';
    const transcript = {
      clusterId: CLUSTER,
      offered: '1',
      version: 1,
      dialer: said.dialer,
      listener: { id: 'us-1' as ReplicaId, incarnation: 1, nonce },
    };
    peer.send(upgradeText(proofOf(SECRET, 'dialer', transcript)));
    const answer = await peer.answer();
    expect(answer?.headers['conit-proof']).toBe(proofOf(SECRET, 'listener', transcript));
  });

  it('that connects again replaces its earlier connection', async () => {
    const us = await listening();
    const former = await admitted(us);
    const present = await admitted(us);
    expect(await closeCode(former)).toBe(4002);
    expect([us.ear.connects, us.ear.disconnects]).toEqual([2, 1]);
    former.send(websocketFrame(BINARY, encodeFrame([ACK])));
    present.send(websocketFrame(BINARY, encodeFrame([ACK, ACK])));
    await until(() => us.ear.heard.length > 0);
    expect(us.ear.heard).toHaveLength(2);
  });

  it('of an older incarnation does not replace the connection of the present one', async () => {
    const us = await listening();
    await admitted(us, 5);
    const answer = await raw(us.port).shake(greeting({}, 'eu-1', 4), SECRET);
    expect(answer).toMatchObject({ status: 409, headers: { 'conit-refusal': 'incarnation' } });
    expect([us.ear.connects, us.ear.disconnects]).toEqual([1, 0]);
  });

  it.each([
    ['a text', 0x81, Buffer.from('hello'), 1003],
    ['random bytes', BINARY, Buffer.from('not a frame at all'), 4001],
    ['nothing', BINARY, Buffer.alloc(0), 4001],
    ['a frame of another version', BINARY, Buffer.from(encodeFrame([ACK], 2)), 4001],
    ['a fragment that is not the last', 0x02, Buffer.from('x'), 1008],
    ['reserved bits', 0xf2, Buffer.from('x'), 1002],
  ])('that sends %s gets a close code', async (_, first, payload, code) => {
    const us = await listening();
    const peer = await admitted(us);
    peer.send(websocketFrame(first, payload));
    if (code === 1008) peer.send(websocketFrame(0x00, payload));
    expect(await closeCode(peer)).toBe(code);
    peer.end();
    await until(() => us.ear.disconnects === 1);
    expect(us.ear.heard).toEqual([]);
  });

  it('that announces a frame beyond the bound is disconnected before it sends the frame', async () => {
    const us = await listening({ limits: { frameBytesMax: 100_000 } });
    const peer = await admitted(us);
    peer.send(websocketFrame(BINARY, new Uint8Array(0), 100_001));
    expect(await closeCode(peer)).toBe(1009);
  });

  it('that sends 150,000 tiny fragments is disconnected, and memory does not grow', async () => {
    const us = await listening();
    const peer = await admitted(us);
    const before = process.memoryUsage().rss;
    const fragment = websocketFrame(0, Uint8Array.of(1));
    const flood = [websocketFrame(0x02, Uint8Array.of(1))];
    for (let at = 0; at < 150_000; at++) flood.push(fragment);
    peer.send(Buffer.concat(flood));
    expect(await closeCode(peer)).toBe(1008);
    await until(() => us.ear.disconnects === 1);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 1024 * 1024);
  });

  it('that floods with pings is disconnected or answered, and memory stays bounded', async () => {
    const us = await listening();
    const peer = await admitted(us);
    const ping = websocketFrame(0x89, new Uint8Array(0));
    ping[1] = 0x80;
    const short = Buffer.concat([ping.subarray(0, 2), Buffer.alloc(4)]);
    peer.send(Buffer.concat(Array.from({ length: 50_000 }, () => short)));
    peer.send(websocketFrame(BINARY, encodeFrame([ACK])));
    await until(() => us.ear.heard.length === 1 || us.ear.disconnects === 1);
    expect(us.ear.connects).toBe(1);
  });
});

describe('two requests at once', () => {
  it('cannot bypass the challenge', async () => {
    const us = await listening();
    const peer = raw(us.port);
    peer.send(requestText({}) + upgradeText(freshNonce()));
    expect((await peer.answer())?.status).toBe(400);
    await peer.closed;
    expect(us.ear.connects).toBe(0);
  });
});

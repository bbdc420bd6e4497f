// Every protocol's reply parser gets a reply as a whole and cut at every byte, as TCP may deliver
// it. After the end of the reply, the read buffer has the stale bytes of an older one.

import { describe, expect, test } from 'vitest';

import { HttpWire } from '../../bench/client/http.ts';
import { KeyTable } from '../../bench/client/keys.ts';
import { NatsWire } from '../../bench/client/nats.ts';
import { RespWire } from '../../bench/client/resp.ts';
import { type Outcome, outcome, type Wire } from '../../bench/client/wire.ts';
import { keyValueTemplates } from '../../bench/systems/key-value.ts';

const keys = new KeyTable({ prefix: 'small-', keys: 20, valueBytes: 10 });
const value = 'abcdefghij';

interface Case {
  readonly name: string;
  readonly wire: () => Wire;
  readonly isRead: boolean;
  readonly reply: string;
  readonly says: Outcome;
}

const http = (): Wire => {
  const { put, get } = keyValueTemplates(keys, value, '/v1/kv/bench/', '?w=2', '?r=1');
  return new HttpWire(put, get);
};
const resp = (): Wire => new RespWire(keys, value);
const nats = (): Wire => new NatsWire(keys, value, 'bench', 3);
const head = 'HTTP/1.1 200 OK\r\nServer: x\r\n';

const cases: readonly Case[] = [
  {
    name: 'http with a length',
    wire: http,
    isRead: true,
    reply: `${head}Content-Length: 10\r\n\r\n${value}`,
    says: outcome.ok,
  },
  {
    name: 'http in chunks',
    wire: http,
    isRead: true,
    reply: `${head}transfer-encoding: chunked\r\n\r\na\r\n${value}\r\n3\r\n\r\nx\r\n0\r\n\r\n`,
    says: outcome.ok,
  },
  {
    name: 'http without a body',
    wire: http,
    isRead: false,
    reply: 'HTTP/1.1 204 No Content\r\nETag: "1"\r\n\r\n',
    says: outcome.ok,
  },
  {
    name: 'http 404',
    wire: http,
    isRead: true,
    reply: 'HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\n{}',
    says: outcome.miss,
  },
  {
    name: 'http 503',
    wire: http,
    isRead: false,
    reply: 'HTTP/1.1 503 Service Unavailable\r\ncontent-length: 2\r\n\r\n{}',
    says: outcome.failed,
  },
  { name: 'redis put', wire: resp, isRead: false, reply: '+OK\r\n:1\r\n', says: outcome.ok },
  {
    name: 'redis put that no replica took',
    wire: resp,
    isRead: false,
    reply: '+OK\r\n:0\r\n',
    says: outcome.failed,
  },
  {
    name: 'redis put that was refused',
    wire: resp,
    isRead: false,
    reply: '-READONLY replica\r\n:0\r\n',
    says: outcome.failed,
  },
  { name: 'redis get', wire: resp, isRead: true, reply: `$10\r\n${value}\r\n`, says: outcome.ok },
  { name: 'redis get of nothing', wire: resp, isRead: true, reply: '$-1\r\n', says: outcome.miss },
  {
    name: 'nats acknowledgement behind a ping',
    wire: nats,
    isRead: false,
    reply: 'PING\r\nMSG _INBOX.bench.3 1 27\r\n{"stream":"KV_b", "seq":12}\r\n',
    says: outcome.ok,
  },
  {
    name: 'nats refusal',
    wire: nats,
    isRead: false,
    reply: 'MSG _INBOX.bench.3 1 28\r\n{"error":{"code":503,"a":1}}\r\n',
    says: outcome.failed,
  },
  {
    name: 'nats stored message',
    wire: nats,
    isRead: true,
    reply: `HMSG _INBOX.bench.3 1 23 33\r\nNATS/1.0\r\nNats-S: a\r\n\r\n${value}\r\n`,
    says: outcome.ok,
  },
  {
    name: 'nats without a message',
    wire: nats,
    isRead: true,
    reply: 'HMSG _INBOX.bench.3 1 34 34\r\nNATS/1.0 404 Message Not Found\r\n\r\n\r\n',
    says: outcome.miss,
  },
];

describe.each(cases)('$name', ({ wire, isRead, reply, says }) => {
  test('is judged once it is whole', () => {
    expect(judged(wire(), isRead, reply, reply.length)).toBe(says);
  });

  test('is pending at every cut before its end', () => {
    for (let end = 0; end < reply.length; end += 1) {
      expect(judged(wire(), isRead, reply, end)).toBe(outcome.pending);
    }
  });
});

test('a request carries its key, and each put has another value of the same length', () => {
  const wire = http();
  const first = wire.put(7, 1).toString();
  const second = wire.put(7, 2).toString();
  expect(first).toContain('PUT /v1/kv/bench/small-0000000007?w=2 HTTP/1.1\r\n');
  expect(first.endsWith('\r\n\r\n00000001ij')).toBe(true);
  expect(second.endsWith('\r\n\r\n00000002ij')).toBe(true);
  expect(wire.get(19).toString()).toContain('GET /v1/kv/bench/small-0000000019?r=1 HTTP/1.1\r\n');
});

test('nats answers a ping before its next request', () => {
  const wire = nats();
  wire.get(1);
  expect(wire.judge(Buffer.from('PING\r\n'), 6)).toBe(outcome.pending);
  expect(wire.get(1).toString().startsWith('PONG\r\nPUB ')).toBe(true);
  expect(wire.get(1).toString().startsWith('PUB ')).toBe(true);
});

// A whole older reply follows the end, as it may in a reused buffer.
function judged(wire: Wire, isRead: boolean, reply: string, end: number): Outcome {
  if (isRead) wire.get(1);
  else wire.put(1, 1);
  return wire.judge(Buffer.from(reply + reply), end);
}

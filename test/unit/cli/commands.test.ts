// The client commands with a small test server: what they send, what they print, how they end.

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runProgram } from '../../../src/cli/program.ts';
import type { Terminal } from '../../../src/cli/terminal.ts';
import { fakeTerminal } from './fake-terminal.ts';

interface Canned {
  readonly status: number;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
}

interface Seen {
  readonly line: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

let server: Server;
let folder: string;
let url: string;
let answer: Canned | 'hang-up';
let seen: Seen[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'conit-cli-'));
  seen = [];
  answer = { status: 204 };
  server = createServer((request, response) => {
    const chunks: Uint8Array[] = [];
    request.on('data', (chunk: Uint8Array) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      seen.push({ line: `${request.method} ${request.url}`, headers: request.headers, body });
      if (answer === 'hang-up') request.socket.destroy();
      else response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterEach(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true });
});

async function conit(args: readonly string[], traits: Partial<Terminal> & { stdin?: string } = {}) {
  const terminal = fakeTerminal(traits);
  const exit = await runProgram([...args, '--url', url], terminal);
  return { exit, out: terminal.written(), said: terminal.said() };
}

function problem(status: number, type: string, more: object = {}): Canned {
  const body = JSON.stringify({ type, title: `Title of ${type}`, detail: 'why', status, ...more });
  return { status, headers: { 'content-type': 'application/problem+json' }, body };
}

describe('a URL', () => {
  it.each([
    'http://127.0.0.1:291\n72',
    'http://a b',
    'http://h\\x',
    'http://h/p',
    'ftp://h',
    'http://h:99999',
  ])('of a replica that joins is refused before it is sent: %j', async (http) => {
    const { exit, said } = await conit(['join', 'sa-1', 'sa', '10.0.0.9:7071', '--http', http]);
    expect([exit, seen]).toEqual([2, []]);
    expect(said).toContain('--http');
  });

  it.each(['http://127.0.0.1:70\t70', 'http://a b', 'http://h\\x'])(
    'of the replica to ask is used as it is written, or refused: %j',
    async (odd) => {
      const terminal = fakeTerminal({});
      expect(await runProgram(['status', '--url', odd], terminal)).toBe(2);
    },
  );
});

describe('get', () => {
  it('writes the bytes of the value and nothing else', async () => {
    const bytes = Uint8Array.of(0, 255, 10, 13, 200);
    answer = { status: 200, body: bytes };
    const { exit, out, said } = await conit(['get', 'demo', 'a/b c', '-r', 'majority']);
    expect(seen[0]?.line).toBe('GET /v1/kv/demo/a/b%20c?r=majority');
    expect([...Buffer.from(out, 'latin1')]).toEqual([...bytes]);
    expect([exit, said]).toEqual([0, '']);
  });

  it('ends the line on a terminal', async () => {
    answer = { status: 200, body: 'x' };
    expect((await conit(['get', 'demo', 'k'], { isOutTty: true })).out).toBe('x\n');
    expect((await conit(['get', 'demo', 'k'])).out).toBe('x');
  });

  it('shows the metadata of the value as JSON, or beside it', async () => {
    const headers = {
      'conit-version': 'eu-1.1.2',
      'conit-staleness': '120',
      'content-type': 'text/plain',
    };
    answer = { status: 200, headers, body: 'x' };
    const { out } = await conit(['get', 'demo', 'k', '-o', 'json']);
    const shown = {
      namespace: 'demo',
      key: 'k',
      value: 'x',
      version: 'eu-1.1.2',
      stalenessMs: 120,
    };
    expect(JSON.parse(out)).toMatchObject(shown);
    answer = { status: 200, body: Uint8Array.of(0xff) };
    const binary = await conit(['get', 'demo', 'k', '-o', 'json']);
    expect(JSON.parse(binary.out)).toMatchObject({ valueBase64: '/w==' });
    answer = { status: 200, headers, body: 'x' };
    expect((await conit(['get', 'demo', 'k', '-v'])).said).toContain('conit-version: eu-1.1.2');
  });
});

describe('put', () => {
  const created = { status: 201, headers: { 'conit-version': 'eu-1.1.2', 'conit-acks': '2/3' } };

  it('sends the value, its type and its conditions, and reports the result', async () => {
    answer = created;
    const flags = ['-w', 'majority', '--ttl', '10m', '--timeout', '2s', '--create'];
    const { exit, out } = await conit(['put', 'demo', 'k', 'Grüße', ...flags]);
    expect(seen[0]?.line).toBe('PUT /v1/kv/demo/k?w=majority&timeout=2s&ttl=10m');
    expect(seen[0]?.body).toBe('Grüße');
    expect(seen[0]?.headers).toMatchObject({
      'content-type': 'text/plain; charset=utf-8',
      'if-none-match': '*',
    });
    expect([exit, out]).toEqual([0, 'created eu-1.1.2, 2 of 3 copies\n']);
  });

  it('reads the value from a file or from standard input', async () => {
    const file = join(folder, 'value.bin');
    writeFileSync(file, Uint8Array.of(0xff, 0));
    await conit(['put', 'demo', 'k', `@${file}`]);
    expect(seen[0]?.headers['content-type']).toBe('application/octet-stream');
    await conit(['put', 'demo', 'k', '-', '-t', 'text/csv'], { stdin: 'a,b' });
    expect(seen[1]).toMatchObject({ body: 'a,b', headers: { 'content-type': 'text/csv' } });
    expect((await conit(['put', 'demo', 'k', '@/no/file'])).exit).toBe(2);
  });

  it('quotes a version, and sends an idempotency key', async () => {
    await conit(['put', 'demo', 'k', 'v', '--if-match', 'eu-1.1.2', '--idempotency-key', 'a1']);
    const expected = { 'if-match': '"eu-1.1.2"', 'idempotency-key': 'a1' };
    expect(seen[0]?.headers).toMatchObject(expected);
  });

  it('sends the token of a file, and no output shows it', async () => {
    const file = join(folder, 'token');
    writeFileSync(file, 'canary-token-4711\n');
    answer = problem(403, 'forbidden');
    const { exit, out, said } = await conit(['put', 'demo', 'k', 'v', '--token-file', file]);
    expect(seen[0]?.headers.authorization).toBe('Bearer canary-token-4711');
    expect(exit).toBe(5);
    expect(out + said).not.toContain('canary');
  });
});

describe('--session', () => {
  const file = (): string => join(folder, 'session');

  it('keeps the token of the last reply, and sends it with the next request', async () => {
    answer = { status: 204, headers: { 'Conit-Session': 'first' } };
    await conit(['put', 'demo', 'k', 'v', '--session', file()]);
    answer = { status: 200, headers: { 'Conit-Session': 'second' }, body: 'v' };
    await conit(['get', 'demo', 'k', '--session', file()]);
    expect(seen.map(({ headers }) => headers['conit-session'])).toEqual([undefined, 'first']);
    expect(readFileSync(file(), 'utf8')).toBe('second\n');
  });

  it('goes on behind a key that is not there, and keeps its token behind a failure', async () => {
    const { headers, ...rest } = problem(404, 'not-found');
    answer = { ...rest, headers: { ...headers, 'Conit-Session': 'absent' } };
    expect((await conit(['get', 'demo', 'k', '--session', file()])).exit).toBe(1);
    answer = problem(503, 'session-behind');
    await conit(['ls', 'demo', '--session', file()]);
    expect(readFileSync(file(), 'utf8')).toBe('absent\n');
  });

  it('says which file cannot be used', async () => {
    const { exit, said } = await conit(['get', 'demo', 'k', '--session', folder]);
    expect(exit).toBe(2);
    expect(said).toContain(`--session: ${folder} cannot be read (EISDIR)`);
    expect(seen).toEqual([]);
  });
});

describe('del of a range', () => {
  it('continues to the end of the range, and counts', async () => {
    const pages = [
      { deleted: 1000, cursor: 'c1' },
      { deleted: 0, cursor: 'c2' },
      { deleted: 7, cursor: null },
    ];
    answer = {
      status: 200,
      get body() {
        return JSON.stringify(pages.shift());
      },
    };
    const range = ['--prefix', 'a/', '-w', 'all', '-r', '2', '--idempotency-key', 'i'];
    const { exit, out } = await conit(['del', 'demo', ...range]);
    expect([exit, out]).toEqual([0, 'deleted 1007 keys\n']);
    expect(seen.map(({ line }) => line)).toEqual([
      'DELETE /v1/kv/demo?prefix=a%2F&w=all&r=2',
      'DELETE /v1/kv/demo?prefix=a%2F&w=all&r=2&cursor=c1',
      'DELETE /v1/kv/demo?prefix=a%2F&w=all&r=2&cursor=c2',
    ]);
    expect(seen[0]?.headers['idempotency-key']).toBe('i');
  });

  it('accepts bounds, or the whole namespace', async () => {
    answer = { status: 200, body: '{"deleted":1,"cursor":null}' };
    const { out } = await conit(['del', 'demo', '--start', 'a', '--end', 'b', '-o', 'json']);
    expect(JSON.parse(out)).toEqual({ outcome: 'deleted', deleted: 1 });
    expect((await conit(['del', 'demo', '--all'])).out).toBe('deleted 1 key\n');
    expect(seen.map(({ line }) => line)).toEqual([
      'DELETE /v1/kv/demo?start=a&end=b',
      'DELETE /v1/kv/demo?all=true',
    ]);
  });

  it.each([
    [['del', 'demo']],
    [['del', 'demo', 'k', '--prefix', 'a']],
    [['del', 'demo', '--prefix', '']],
    [['del', 'demo', '--prefix', 'a', '--end', '']],
    [['del', 'demo', '--prefix', 'a', '--if-match', '*']],
  ])('%j is refused before anything is sent', async (args) => {
    expect((await conit(args)).exit).toBe(2);
    expect(seen).toEqual([]);
  });

  it('that fails on its way reports what was deleted before', async () => {
    answer = {
      get status() {
        return seen.length > 1 ? 503 : 200;
      },
      body: '{"deleted":5,"cursor":"c1"}',
    };
    const { exit, said } = await conit(['del', 'demo', '--all']);
    expect(exit).toBe(3);
    expect(said).toContain('5 keys were deleted before');
  });
});

describe('del', () => {
  it('names the write that deleted', async () => {
    answer = { status: 204, headers: { 'conit-version': 'eu-1.1.3', 'conit-acks': '1/3' } };
    const { exit, out } = await conit(['del', 'demo', 'k', '-w', '1', '-o', 'json']);
    expect(seen[0]?.line).toBe('DELETE /v1/kv/demo/k?w=1');
    expect(exit).toBe(0);
    expect(JSON.parse(out)).toEqual({ outcome: 'deleted', version: 'eu-1.1.3', acks: '1/3' });
  });
});

describe('ls', () => {
  const item = (key: string) => ({
    key,
    version: 'eu-1.1.2',
    contentType: 'text/plain',
    size: 5,
    modified: '2026-11-22T10:00:00.000Z',
  });
  const page = (
    items: readonly object[],
    cursor: string | null,
    prefixes: readonly string[] = [],
  ) => ({
    status: 200,
    body: JSON.stringify({ items, prefixes, cursor }),
  });

  it('prints a table with prefixes at their place in the order', async () => {
    answer = page([item('a'), item('c\u001b[2J')], null, ['b/']);
    const { out } = await conit(['ls', 'demo', 'x', '--delimiter', '/', '--reverse']);
    expect(seen[0]?.line).toBe('GET /v1/kv/demo?prefix=x&delimiter=%2F&reverse=true&limit=1000');
    const lines = out.trimEnd().split('\n');
    expect(lines[0]).toMatch(/^KEY +SIZE +MODIFIED +VERSION +TYPE$/);
    expect(lines.slice(1).map((line) => line.trim().split(/ +/)[0])).toEqual([
      'c\\x1b[2J',
      'b/',
      'a',
    ]);
  });

  it('reports that more keys follow, and lists all on request', async () => {
    answer = page([item('a')], 'next');
    const some = await conit(['ls', 'demo', '-n', '1', '-o', 'keys']);
    expect([some.out, some.said]).toEqual([
      'a\n',
      'there are more than 1 keys; -n all lists them all\n',
    ]);
    const all = conit(['ls', 'demo', '-n', 'all', '-o', 'json']);
    server.once('request', () => (answer = page([item('b')], null)));
    expect((await all).out).toContain('"b"');
  });

  it('shows keys that are not text as base64', async () => {
    answer = page([{ ...item(''), key: undefined, keyBase64: '/w==' }], null);
    expect((await conit(['ls', 'demo', '-o', 'keys'])).out).toBe('base64:/w==\n');
  });
});

describe('status and where', () => {
  it('print one table each, and another one for what is not simply served', async () => {
    const paused = {
      namespace: 'chat',
      state: 'paused',
      rule: 'pause',
      forMs: 5000,
      answers: true,
      byMinServing: true,
      missingMs: 250,
      missingEntries: 12,
    };
    const peer = { id: 'us-1', region: 'us', self: false, url: null, state: 'down' };
    const unknown = { stalenessMs: 'unknown', rttMs: null, entriesItLacks: null, entriesWeLack: 7 };
    const self = { id: 'eu-1', region: 'eu', self: true, url: 'http://eu', state: 'serving' };
    const known = {
      stalenessMs: 1234,
      rttMs: 0,
      entriesItLacks: 0,
      entriesWeLack: 0,
      entriesMissing: 12,
      namespaces: [paused, { ...paused, namespace: 'fine', state: 'serving' }],
      commitAgeMs: 499,
    };
    answer = {
      status: 200,
      body: JSON.stringify({
        node: 'eu-1',
        replicas: [
          { ...self, ...known },
          { ...peer, ...unknown, commitAgeMs: 3200 },
        ],
      }),
    };
    const { out, exit } = await conit(['status']);
    expect(exit).toBe(0);
    expect(out.split('\n').map((line) => line.trim().split(/ {2,}/))).toEqual([
      ['REPLICA', 'REGION', 'STATE', 'LAG', 'MISSING HERE', 'MISSING THERE', 'RTT', 'URL'],
      ['eu-1 *', 'eu', 'serving', '1.2 s', '12', 'http://eu'],
      ['us-1', 'us', 'down', 'unknown', '7', 'unknown', 'unknown'],
      [''],
      ['NAMESPACE', 'REPLICA', 'STATE', 'FOR', 'MISSING', 'LAG TO LOSE', 'WHY'],
      ['chat', 'eu-1', 'paused', '5.0 s', '12', '250 ms', expect.stringContaining('minServing')],
      [''],
      ['us-1: its disk has not finished a commit for 3.2 s'],
      [''],
    ]);
  });

  it('refuse an answer that is not one of Conit', async () => {
    answer = { status: 200, body: '<html>' };
    const { exit, said } = await conit(['status']);
    expect([exit, said]).toEqual([
      3,
      `conit: the process that answers at ${url} is not a replica; check --url\n`,
    ]);
  });

  it('show which replica holds what, and end with 1 if no replica holds a value', async () => {
    const held = { version: 'eu-1.1.2', newest: true, size: 3, ageMs: 90_000, deleted: false };
    const replicas = [
      { id: 'eu-1', region: 'eu', answer: 'record', ...held, missing: [] },
      { id: 'us-1', region: 'us', answer: 'absent', missing: [{ origin: 'eu-1.1', entries: 2 }] },
      { id: 'ap-1', region: 'ap', answer: 'no-answer', missing: [] },
    ];
    answer = { status: 200, body: JSON.stringify({ replicas }) };
    const { out, exit } = await conit(['where', 'demo', 'k']);
    expect(seen[0]?.line).toBe('GET /v1/explain/demo/k');
    expect(exit).toBe(0);
    expect(out).toMatch(/eu-1 +eu +newest value +eu-1\.1\.2 +3 +2 min/);
    expect(out).toMatch(/us-1 +us +nothing +eu-1\.1: 2 entries/);
    expect(out).toMatch(/ap-1 +ap +no answer/);
    answer = { status: 200, body: JSON.stringify({ replicas: replicas.slice(1) }) };
    expect((await conit(['where', 'demo', 'k'])).exit).toBe(1);
  });

  it('show which replica has not received a delete', async () => {
    const grave = (blockedBy: string[]): string =>
      JSON.stringify({ replicas: [], tombstone: { version: 'eu-1.1.3', blockedBy } });
    answer = { status: 200, body: grave(['us-1', 'ap-1']) };
    expect((await conit(['where', 'demo', 'k'])).out).toContain(
      'tombstone eu-1.1.3 is kept until heard from us-1, ap-1\n',
    );
    answer = { status: 200, body: grave([]) };
    expect((await conit(['where', 'demo', 'k'])).out).toContain('is kept for a moment longer\n');
  });
});

describe('the exit code of', () => {
  it.each([
    [404, 'not-found', 1],
    [412, 'precondition-failed', 1],
    [400, 'invalid-parameter', 2],
    [422, 'idempotency-mismatch', 2],
    [413, 'content-too-large', 2],
    [501, 'not-built', 2],
    [503, 'no-quorum', 3],
    [504, 'timeout', 3],
    [429, 'too-many-failures', 3],
    [507, 'low-disk', 3],
    [401, 'unauthorized', 5],
    [403, 'forbidden', 5],
  ])('%i %s is %i', async (status, type, exit) => {
    answer = problem(status, type);
    const result = await conit(['put', 'demo', 'k', 'v']);
    expect([result.exit, result.out]).toEqual([exit, '']);
    expect(result.said).toBe(`conit: Title of ${type}: why\n`);
  });

  it('a write whose outcome is unknown is 4, with what is known', async () => {
    answer = problem(504, 'outcome-unknown', {
      indeterminate: true,
      dot: 'eu-1.1.9',
      acks: 1,
      required: 2,
    });
    const { exit, said } = await conit(['put', 'demo', 'k', 'v']);
    expect(exit).toBe(4);
    expect(said).toContain('1 of 2 copies; write eu-1.1.9');
  });

  it('a write whose connection ends is 4, of a read 3', async () => {
    answer = 'hang-up';
    expect((await conit(['put', 'demo', 'k', 'v'])).exit).toBe(4);
    expect((await conit(['del', 'demo', 'k'])).exit).toBe(4);
    expect((await conit(['get', 'demo', 'k'])).exit).toBe(3);
  });

  it('an unreachable server is 3, even for a write', async () => {
    url = 'http://127.0.0.1:1';
    const { exit, said } = await conit(['put', 'demo', 'k', 'v']);
    expect(exit).toBe(3);
    expect(said).toContain('http://127.0.0.1:1 cannot be reached (ECONNREFUSED)');
  });

  it.each([
    [['put', 'demo', 'k'], "missing required argument 'value'"],
    [['get', 'demo', '..'], 'must not have the part . or ..'],
    [['get', 'demo', 'k', '-o', 'table'], 'Allowed choices are raw, json'],
    [['ls', 'demo', '-n', '0'], 'must be a number from 1'],
    [['get', 'demo', 'k', '--colour'], "unknown option '--colour'"],
    [['frobnicate'], "unknown command 'frobnicate'"],
    [['get', 'demo', 'k', '--token-file', '/no'], '/no cannot be read (ENOENT)'],
  ])('%j is 2', async (args, message) => {
    const { exit, said } = await conit(args);
    expect(exit).toBe(2);
    expect(said).toContain(message);
    expect(seen).toEqual([]);
  });

  it('an invalid URL is 2', async () => {
    url = 'ftp://somewhere';
    expect((await conit(['get', 'demo', 'k'])).exit).toBe(2);
  });
});

describe('the help', () => {
  const help = async (...args: string[]) => {
    const terminal = fakeTerminal({});
    const exit = await runProgram(args, terminal);
    expect(exit).toBe(0);
    return terminal.written();
  };

  it('has examples and the exit codes', async () => {
    const text = await help('--help');
    expect(text).toContain('$ conit cluster');
    expect(text).toContain('4   outcome unknown');
  });

  it('of serve names every flag and its variable, and no secret', async () => {
    const text = await help('serve', '--help');
    expect(text).toContain('--heartbeat <duration>');
    expect(text).toContain('CONIT_HEARTBEAT');
    expect(text).not.toMatch(/--cluster-secret[ =<]/);
  });

  it.each(['cluster', 'get', 'put', 'ls'])('of %s has examples', async (command) => {
    expect(await help(command, '--help')).toContain(`$ conit ${command}`);
  });

  it('has the version', async () => {
    expect(await help('--version')).toMatch(/^\d+\.\d+\.\d+\n$/);
  });
});

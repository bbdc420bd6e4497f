import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeText, plainValue } from '../../../src/config/text.ts';
import { type Environment, loadConfig } from '../../../src/config/load.ts';

const SECRET = 'f3Kq9-canary-vB71xWm2Zp';
const ALONE: Environment = {
  CONIT_REPLICA: 'eu-1',
  CONIT_REGION: 'eu',
  CONIT_CLUSTER_SECRET: SECRET,
};
const BOM = '\uFEFF';
const DIGEST = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const TOKENS = JSON.stringify([{ name: 'app', sha256: DIGEST, roles: { '*': 'admin' } }]);

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'conit-text-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const place = join(folder, name);
  writeFileSync(place, content);
  chmodSync(place, 0o600);
  return place;
}

function load(environment: Environment) {
  const { config, problems } = loadConfig({}, environment);
  expect(problems).toEqual([]);
  if (config === undefined) throw new Error('no problem and no configuration');
  return config;
}

function refusals(environment: Environment): string {
  const { config, problems } = loadConfig({}, environment);
  expect(config).toBeUndefined();
  return problems.map(({ where, reason }) => `${where} ${reason}`).join('\n');
}

function utf16(text: string, isBig = false): Buffer {
  const bytes = Buffer.from(BOM + text, 'utf16le');
  return isBig ? bytes.swap16() : bytes;
}

describe('a value with what editors and tools add', () => {
  it.each([
    ['eu-1', 'eu-1'],
    ['eu-1\n', 'eu-1'],
    ['eu-1\r\n', 'eu-1'],
    [' eu-1\t', 'eu-1'],
    [`${BOM}eu-1`, 'eu-1'],
    ['"eu-1"', 'eu-1'],
    ["'eu-1'\r\n", 'eu-1'],
    ['" eu-1 "', 'eu-1'],
    ['""', ''],
    ['"', '"'],
    ['"eu-1', '"eu-1'],
    [`"eu-1'`, `"eu-1'`],
    [`"it's"`, `it's`],
  ])('%j is %j', (raw, plain) => {
    expect(plainValue(raw)).toBe(plain);
  });
});

describe('a file of text', () => {
  it.each<[string, Uint8Array, string | undefined]>([
    ['UTF-8', Buffer.from('größe: 1'), undefined],
    ['UTF-8 with a mark', Buffer.from(`${BOM}größe: 1`), undefined],
    ['nothing', Buffer.from(''), undefined],
    ['little-endian UTF-16', utf16('größe: 1'), 'is UTF-16; save it as UTF-8'],
    ['big-endian UTF-16', utf16('größe: 1', true), 'is UTF-16; save it as UTF-8'],
    ['UTF-16 without a mark', utf16('größe: 1').subarray(2), 'is UTF-16; save it as UTF-8'],
    ['big-endian, without', utf16('size: 1', true).subarray(2), 'is UTF-16; save it as UTF-8'],
    ['UTF-32', Buffer.from([0xff, 0xfe, 0, 0, 0x61, 0, 0, 0]), 'is UTF-32; save it as UTF-8'],
    ['Latin-1', Buffer.from('größe: 1', 'latin1'), 'is not UTF-8; save it as UTF-8'],
  ])('in %s', (_what, bytes, reason) => {
    const decoded = decodeText(bytes);
    if (reason !== undefined) expect(decoded).toEqual({ ok: false, reason });
    else expect(decoded.ok && !decoded.value.startsWith(BOM)).toBe(true);
  });
});

describe('the configuration', () => {
  it('is the same with anything around the values of variables', () => {
    const peers = `eu-1=eu@127.0.0.1:7071,us-1=us@us_1.example.:7071;http=http://us_1.example.:7070`;
    const listed = { CONIT_REPLICA: 'eu-1', CONIT_PEERS: peers, CONIT_CLUSTER_SECRET: SECRET };
    const plain = load({ ...listed, CONIT_HEARTBEAT: '300ms', CONIT_DATA_DIR: folder });
    const wrappers = [
      (text: string) => `${text}\r\n`,
      (text: string) => `"${text}"`,
      (text: string) => `${BOM}'${text}'\n`,
    ];
    for (const wrap of wrappers) {
      const wrapped = { ...listed, CONIT_HEARTBEAT: '300ms', CONIT_DATA_DIR: folder };
      const entries = Object.entries(wrapped).map(([name, value]) => [name, wrap(value)] as const);
      const config = load(Object.fromEntries(entries));
      expect(config.settings).toEqual(plain.settings);
      expect(config.dataDir).toBe(plain.dataDir);
      expect(config.secret.reveal()).toBe(SECRET);
    }
  });

  it.each([
    ['separated by line ends', 'eu-1=eu@127.0.0.1:7071\r\nus-1=us@10.0.0.1:7071\r\n'],
    ['with commas and line ends', 'eu-1=eu@127.0.0.1:7071,\r\n us-1=us@10.0.0.1:7071,\r\n'],
  ])('takes a list of replicas %s', (_what, peers) => {
    const { settings } = load({
      CONIT_REPLICA: 'eu-1',
      CONIT_PEERS: peers,
      CONIT_CLUSTER_SECRET: SECRET,
    });
    expect(settings.members.map(({ id }) => id)).toEqual(['eu-1', 'us-1']);
  });

  it.each(['us_1', '_us', 'us-1.svc.cluster.local.', 'my_stack_us_1.', 'localhost'])(
    'takes the host %s',
    (host) => {
      const peers = `eu-1=eu@127.0.0.1:7071,us-1=us@${host}:7071;http=http://${host}:7070`;
      const { settings } = load({
        CONIT_REPLICA: 'eu-1',
        CONIT_PEERS: peers,
        CONIT_CLUSTER_SECRET: SECRET,
      });
      expect(settings.members[1]).toMatchObject({ peerAddress: `${host}:7071` });
    },
  );

  it.each(['-us', 'us..', '.', 'us 1', 'us/1', 'us-'])('refuses the host %j', (host) => {
    const peers = `eu-1=eu@127.0.0.1:7071,us-1=us@${host}:7071`;
    expect(refusals({ ...ALONE, CONIT_PEERS: peers })).toContain('us-1');
  });

  it.each([
    ['conit.yaml', 'heartbeat: 300ms\nframe: 32KiB\n'],
    ['conit.json', '{"heartbeat": "300ms",\n "frame": "32KiB"}\n'],
  ])('is read from %s with a byte order mark and Windows line ends', (name, text) => {
    const path = file(name, BOM + text.replaceAll('\n', '\r\n'));
    const { settings } = load({ ...ALONE, CONIT_CONFIG: `"${path}"\r\n` });
    expect([settings.heartbeatMs, settings.frameBytes]).toEqual([300, 32 * 1024]);
  });

  it('reports a file in UTF-16', () => {
    const conf = file('conit.yaml', utf16('heartbeat: 300ms'));
    expect(refusals({ ...ALONE, CONIT_CONFIG: conf })).toContain('is UTF-16; save it as UTF-8');
    const tokens = file('tokens.json', utf16(TOKENS));
    expect(refusals({ ...ALONE, CONIT_TOKENS_FILE: tokens })).toContain('is UTF-16');
    const secret = file('secret', utf16(SECRET));
    const environment = { ...ALONE, CONIT_CLUSTER_SECRET: undefined };
    const text = refusals({ ...environment, CONIT_CLUSTER_SECRET_FILE: secret });
    expect(text).toContain('is UTF-16');
    expect(text).not.toContain(SECRET);
  });

  it('reads secrets and tokens with a byte order mark and Windows line ends', () => {
    const secret = file('secret', `${BOM}${SECRET}\r\n`);
    const tokens = file('tokens.json', `${BOM}${TOKENS}\r\n`);
    const config = load({
      ...ALONE,
      CONIT_CLUSTER_SECRET: undefined,
      CONIT_CLUSTER_SECRET_FILE: `${secret}\n`,
      CONIT_TOKENS_FILE: `${tokens}\r\n`,
    });
    expect(config.secret.reveal()).toBe(SECRET);
    expect(config.tokens).toHaveLength(1);
  });

  it('takes a variable of only quotes or line ends as unset', () => {
    for (const nothing of ['', '\r\n', '""', "''\n"])
      expect(load({ ...ALONE, CONIT_HEARTBEAT: nothing }).settings.heartbeatMs).toBe(200);
  });
});

import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { markdownOf, schemaOf, showValues, showYaml } from '../../../src/config/describe.ts';
import { parseFile } from '../../../src/config/file.ts';
import { flagOf, type Option, variableOf } from '../../../src/config/option.ts';
import { TABLE } from '../../../src/config/table.ts';
import { type Environment, type Flags, loadConfig } from '../../../src/config/load.ts';
import { policiesAmong } from '../../../src/config/assemble.ts';
import { membersOf } from '../../support/build.ts';

const SECRET = 'f3Kq9-canary-vB71xWm2Zp';
const ALONE: Environment = {
  CONIT_REPLICA: 'eu-1',
  CONIT_REGION: 'eu',
  CONIT_CLUSTER_SECRET: SECRET,
};
const PEERS =
  'us-1=us@10.0.1.7:7071;http=http://10.0.1.7:7070, eu-1=eu@127.0.0.1:7171 ,ap-1=ap@[::1]:7271';

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'conit-config-'))));
afterEach(() => rmSync(folder, { recursive: true }));

function file(name: string, text: string): string {
  const place = join(folder, name);
  writeFileSync(place, text, { mode: 0o600 });
  return place;
}

/** The configuration, which must be accepted. */
function load(environment: Environment, flags: Flags = {}) {
  const loaded = loadConfig(flags, environment);
  expect(loaded.problems).toEqual([]);
  if (loaded.config === undefined) throw new Error('no problem and no configuration');
  return { ...loaded, config: loaded.config };
}

/** All problems, as lines. */
function refusals(environment: Environment, flags: Flags = {}): string[] {
  const { config, problems } = loadConfig(flags, environment);
  expect(config).toBeUndefined();
  return problems.map(({ where, reason }) => `${where} ${reason}`);
}

describe('where a value goes', () => {
  const targeted = Object.entries<Option<unknown>>(TABLE).flatMap(([name, { target, fallback }]) =>
    target === undefined ? [] : [{ name, target, fallback: fallback as number }],
  );

  it.each(targeted)('$name becomes the number that its row names', ({ name, target, fallback }) => {
    const { kind } = TABLE[name as keyof typeof TABLE] as Option<number>;
    const other = [fallback - 1, fallback + 1].find((value) => kind.parse(kind.show(value)).ok);
    const { config } = load({ ...ALONE, [variableOf(name)]: String(kind.show(other as number)) });
    const numbers: object = target.of === 'core' ? config.settings : config.limits;
    expect(numbers).toHaveProperty(target.name, other);
  });

  it('is one place for each setting', () => {
    const places = targeted.map(({ target }) => `${target.of} ${target.name}`);
    expect(new Set(places).size).toBe(places.length);
    expect(places.length).toBeGreaterThan(20);
  });
});

describe('where a value comes from', () => {
  it('is the default if it is not set', () => {
    const { config } = load(ALONE);
    expect(config.settings.heartbeatMs).toBe(200);
    expect(config.http).toEqual({ host: '127.0.0.1', port: 7070 });
    expect(config.dataDir).toBe(join(process.cwd(), 'conit-data', 'eu-1'));
  });

  it('is the flag, else the variable, else the file, else the default', () => {
    const conf = file('conit.yaml', 'heartbeat: 300ms\nframe: 32KiB\ntail: 1MiB\n');
    const environment = { ...ALONE, CONIT_CONFIG: conf, CONIT_HEARTBEAT: '400ms', CONIT_FRAME: '' };
    const { config, effective } = load(environment, { heartbeat: '500ms' });
    expect(config.settings.heartbeatMs).toBe(500);
    expect(load(environment).config.settings.heartbeatMs).toBe(400);
    expect(config.settings.frameBytes).toBe(32 * 1024);
    expect(config.settings.tailBytes).toBe(1024 * 1024);
    expect(effective.sources).toMatchObject({ heartbeat: 'flag', frame: 'file', inbox: 'default' });
  });

  it('is frozen', () => {
    const { config } = load(ALONE);
    for (const part of [config, config.settings, config.policies])
      expect(part).toSatisfy(Object.isFrozen);
  });
});

describe('the list of replicas', () => {
  const listed = { CONIT_REPLICA: 'eu-1', CONIT_PEERS: PEERS, CONIT_CLUSTER_SECRET: SECRET };

  it('has members sorted by id, this replica among them, and its region and address', () => {
    const { config } = load(listed);
    expect(config.settings.members).toEqual([
      { index: 0, id: 'ap-1', region: 'ap', peerAddress: '[::1]:7271', httpUrl: undefined },
      { index: 1, id: 'eu-1', region: 'eu', peerAddress: '127.0.0.1:7171', httpUrl: undefined },
      {
        index: 2,
        id: 'us-1',
        region: 'us',
        peerAddress: '10.0.1.7:7071',
        httpUrl: 'http://10.0.1.7:7070',
      },
    ]);
    expect(config.self.region).toBe('eu');
    expect(config.peer).toEqual({ host: '127.0.0.1', port: 7171 });
  });

  it('is parsed alike from a file', () => {
    const peers = [
      { id: 'eu-1', region: 'eu', peer: '127.0.0.1:7171' },
      { id: 'us-1', region: 'us', peer: '10.0.1.7:7071', http: 'http://10.0.1.7:7070/' },
      'ap-1=ap@[::1]:7271',
    ];
    const conf = file('conit.json', JSON.stringify({ peers }));
    const fromFile = load({ ...listed, CONIT_PEERS: undefined, CONIT_CONFIG: conf });
    expect(fromFile.config.settings).toEqual(load(listed).config.settings);
  });

  it.each([
    [
      'a replica that is not in it',
      { CONIT_REPLICA: 'eu-2' },
      'eu-2 is not among ap-1, eu-1, us-1',
    ],
    ['another region', { CONIT_REGION: 'us' }, 'is us, but CONIT_PEERS says eu'],
    ['a replica without region', { CONIT_PEERS: 'eu-1=127.0.0.1:1' }, 'id=region@host:port'],
    ['a port of 0', { CONIT_PEERS: 'eu-1=eu@127.0.0.1:0' }, '"127.0.0.1:0" is not host:port'],
    ['an id twice', { CONIT_PEERS: 'eu-1=eu@a:1,eu-1=eu@b:1' }, 'names eu-1 twice'],
    ['an address twice', { CONIT_PEERS: 'eu-1=eu@a:1,us-1=eu@a:1' }, 'names the address a:1 twice'],
    ['a bad id', { CONIT_PEERS: 'Eu=eu@a:1' }, '"Eu" is not a replica id'],
    ['a bad region', { CONIT_PEERS: 'eu-1=E@a:1' }, '"E" is not a region (eu-1)'],
    ['a URL with a path', { CONIT_PEERS: 'eu-1=eu@a:1;http=http://a/b' }, 'URL without a path'],
    ['a URL with a password', { CONIT_PEERS: 'eu-1=eu@a:1;http=http://a:b@c' }, 'without a path'],
    [
      'too many',
      { CONIT_PEERS: Array.from({ length: 32 }, (_, at) => `r${at}=eu@h:${at + 1}`).join() },
      'more than 31',
    ],
  ])('refuses %s', (_, change, message) => {
    expect(refusals({ ...listed, ...change }).join('\n')).toContain(message);
  });
});

describe('what is missing', () => {
  it('is reported all at once', () => {
    expect(refusals({}).map((line) => line.split(' is ')[0])).toEqual([
      'CONIT_CLUSTER_SECRET or CONIT_CLUSTER_SECRET_FILE',
      'CONIT_REPLICA (--replica)',
    ]);
    expect(refusals({ CONIT_REPLICA: 'eu-1', CONIT_CLUSTER_SECRET: SECRET })).toEqual([
      'CONIT_REGION (--region) is required unless CONIT_PEERS gives it',
    ]);
  });
});

describe('the secret', () => {
  const weak = (text: string) => refusals({ ...ALONE, CONIT_CLUSTER_SECRET: text }).join('\n');

  it.each([
    ['', 'is empty'],
    ['  \n', 'is empty'],
    ['fifteen-bytes-x', 'is shorter than 16 bytes'],
    ['x'.repeat(4097), 'is longer than 4096 bytes'],
    ['aaaaaaaaaaaaaaaaaaaaaaaa', 'is easy to guess'],
    ['changemechangeme', 'is easy to guess'],
    ['Change-Me-In-Production-1', 'is easy to guess'],
    ['my-super-secret-cluster-key', 'is easy to guess'],
    ['0123456789abcdef0123456789abcdef', 'is easy to guess'],
    ['qwertyuiopasdfgh', 'is easy to guess'],
    ['zyxwvutsrqponmlkjih', 'is easy to guess'],
    ['hunter2hunter2hunter2', 'is easy to guess'],
    ['12345678901234567890', 'is easy to guess'],
  ])('%j is refused without being repeated', (text, message) => {
    expect(weak(text)).toContain(`CONIT_CLUSTER_SECRET ${message}`);
    expect(weak(text).split(text.trim() || '(nothing)')).toHaveLength(1);
  });

  it('comes from a file, without the line end', () => {
    const place = file('secret', `${SECRET}\n`);
    const environment = { CONIT_REPLICA: 'eu-1', CONIT_REGION: 'eu' };
    const { config, warnings } = load({ ...environment, CONIT_CLUSTER_SECRET_FILE: place });
    expect(config.secret.reveal()).toBe(SECRET);
    expect(warnings).toEqual([]);
    chmodSync(place, 0o644);
    const open = load({ ...environment, CONIT_CLUSTER_SECRET_FILE: place });
    expect(open.warnings[0]?.reason).toContain('can be read by every user');
  });

  it('may have a second one beside it, in a file', () => {
    expect(load(ALONE).config.secondSecret).toBeUndefined();
    const place = file('before', 'another-secret-7Gh2kQ\n');
    const { config } = load({ ...ALONE, CONIT_SECOND_SECRET_FILE: place });
    expect([config.secret, config.secondSecret].map((each) => each?.reveal())).toEqual([
      SECRET,
      'another-secret-7Gh2kQ',
    ]);
    expect(refusals({ ...ALONE, CONIT_SECOND_SECRET_FILE: file('weak', 'changeme') })[0]).toContain(
      'CONIT_SECOND_SECRET_FILE',
    );
  });

  it('is refused if it is given twice, cannot be read, or is in a file of settings', () => {
    const place = file('secret', SECRET);
    expect(refusals({ ...ALONE, CONIT_CLUSTER_SECRET_FILE: place })[0]).toContain('remove one');
    const missing = { ...ALONE, CONIT_CLUSTER_SECRET: undefined, CONIT_CLUSTER_SECRET_FILE: '/no' };
    expect(refusals(missing)).toEqual(['CONIT_CLUSTER_SECRET_FILE /no cannot be read (ENOENT)']);
    const conf = file('conit.yaml', `clusterSecret: ${SECRET}`);
    expect(refusals({ ...ALONE, CONIT_CONFIG: conf })).toEqual([
      'conit.yaml: clusterSecret does not belong in a file; set CONIT_CLUSTER_SECRET',
    ]);
  });

  it('has no flag', () => {
    expect(flagOf('clusterSecret', TABLE.clusterSecret)).toBeUndefined();
    const { config } = load(ALONE, { clusterSecret: 'another-secret-7Gh2kQ' });
    expect(config.secret.reveal()).toBe(SECRET);
  });

  it('is shown by nothing but reveal', () => {
    const { config, effective } = load(ALONE);
    const shown = [
      showYaml(TABLE, effective),
      JSON.stringify(showValues(TABLE, effective)),
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true }),
      String(config.secret),
      `${JSON.stringify(effective)}${inspect(effective, { depth: 9 })}`,
    ];
    for (const text of shown) expect(text).not.toContain(SECRET);
    expect(showYaml(TABLE, effective)).toContain('# clusterSecret: (masked)');
  });
});

describe('a file', () => {
  const withFile = (name: string, text: string) => ({ ...ALONE, CONIT_CONFIG: file(name, text) });

  it.each([
    ['a.yaml', 'heartbaet: 1s', 'a.yaml: heartbaet is not a setting; did you mean heartbeat?'],
    ['a.yaml', 'nonsense: 1s', 'a.yaml: nonsense is not a setting'],
    ['a.yaml', '__proto__: {http: x}', 'a.yaml: __proto__ is not a setting'],
    ['a.yaml', 'http: a:1\nhttp: b:1', 'Map keys must be unique'],
    ['a.json', '{"http": "a:1", "http": "b:1"}', 'Map keys must be unique'],
    ['a.json', 'http: a:1', 'is not JSON'],
    ['a.yaml', '[1]', 'must hold an object of settings'],
    ['a.yaml', 'a: &b 1\nc: *b', 'Alias resolution is disabled'],
    ['a.yaml', 'config: b.yaml', 'a.yaml: config does not belong in a file'],
    ['a.yaml', 'heartbeat: 200', 'a.yaml: heartbeat must be 10ms to 1m'],
    ['a.yaml', 'frame: 1', 'a.yaml: frame must be 4KiB to 16MiB'],
    ['a.yaml', 'inbox: many', 'a.yaml: inbox must be 16 to 1000000'],
    ['a.yaml', 'sync: sometimes', 'a.yaml: sync must be one of full, unsafe-none'],
    ['a.yaml', 'http: 7070', 'a.yaml: http must be host:port'],
    ['a.yaml', 'http:', 'a.yaml: http must be host:port'],
    ['a.yaml', 'namespaces: [a]', 'a.yaml: namespaces must be an object of policies'],
    ['a.yaml', 'wan: us=fast', 'a.yaml: wan must be a list of region=duration'],
    ['a.yaml', 'peers: {a: 1}', 'a.yaml: peers must be a list of'],
    ['a.yaml', 'peers: [{id: a, at: b}]', '"at" is not a member of a replica'],
  ])('%s of %j is refused', (name, text, message) => {
    expect(refusals(withFile(name, text)).join('\n')).toContain(message);
  });

  it('that does not exist is refused', () => {
    expect(refusals({ ...ALONE, CONIT_CONFIG: '/no/conit.yaml' })).toEqual([
      '/no/conit.yaml cannot be read (ENOENT)',
    ]);
  });

  it('may be empty', () => {
    expect(parseFile('a.yaml', '')).toEqual({ ok: true, value: {} });
  });

  it('with wrong policies is refused with every problem listed', () => {
    const text = `namespaces:
      cart: {consistency: strict}
      Ledger: {}
      price: {w: 9, colour: blue}`;
    expect(refusals(withFile('conit.yaml', text))).toEqual([
      'conit.yaml: namespaces.cart.consistency consistency "strict" is not built yet',
      'conit.yaml: namespaces.Ledger a namespace name matches [a-z][a-z0-9-]{0,62}',
      'conit.yaml: namespaces.price.colour "colour" is not a policy setting',
      'conit.yaml: namespaces.price.w must be 1 to 1, majority, all, local or each',
    ]);
  });
});

describe('addresses', () => {
  it('that are not loopback are refused without tokens, with how to configure them', () => {
    for (const http of ['0.0.0.0:7070', '192.168.1.4:7070', '[::]:7070', 'conit.example:7070']) {
      const [reason] = refusals({ ...ALONE, CONIT_HTTP: http });
      expect(reason).toContain(`CONIT_HTTP (--http) ${http} is not a loopback address`);
      expect(reason).toContain('CONIT_TOKENS_FILE (--tokens-file)');
    }
    expect(refusals({ ...ALONE, CONIT_OPS: '127.0.0.1:7072' })[0]).toContain(
      'CONIT_OPS (--ops) is not built yet',
    );
    for (const http of ['127.8.8.8:80', '[::1]:7070', 'localhost:7070']) {
      load({ ...ALONE, CONIT_HTTP: http });
    }
  });

  it('may be public with tokens, with a warning', () => {
    const sha256 = 'ab'.repeat(32);
    const tokens = file('tokens.yaml', `- {name: app, sha256: ${sha256}, roles: {'*': write}}`);
    const environment = { ...ALONE, CONIT_HTTP: '0.0.0.0:7070', CONIT_TOKENS_FILE: tokens };
    const { config, warnings } = load(environment);
    expect(config.tokens).toHaveLength(1);
    expect(warnings[0]?.reason).toContain('over plain HTTP');
    const none = file('none.json', '[]');
    expect(refusals({ ...environment, CONIT_TOKENS_FILE: none })[0]).toContain('holds no token');
  });

  it('of the peer channel are public only on request', () => {
    const peer = { ...ALONE, CONIT_PEER: '0.0.0.0:7071' };
    expect(refusals(peer)[0]).toContain('the peer channel is not encrypted');
    load({ ...peer, CONIT_PEER_PLAINTEXT: 'allow' });
  });

  it('must differ', () => {
    expect(refusals({ ...ALONE, CONIT_PEER: '127.0.0.1:7070' })).toEqual([
      'CONIT_HTTP and CONIT_PEER must differ',
    ]);
  });
});

describe('the settings for browsers', () => {
  it('are parsed into one spelling', () => {
    const { config } = load({
      ...ALONE,
      CONIT_HOSTS: 'DB.example.com., *.internal.example, [2001:db8::1]',
      CONIT_ORIGINS: 'https://Console.Example.com:443, http://localhost:5173/, app://console',
    });
    expect(config.hosts).toEqual(['db.example.com', '*.internal.example', '[2001:db8::1]']);
    expect(config.origins).toEqual([
      'https://console.example.com',
      'http://localhost:5173',
      'app://console',
    ]);
  });

  it('are empty by default', () => {
    const { config } = load(ALONE);
    expect([config.hosts, config.origins]).toEqual([[], []]);
  });

  it.each(['db.example.com:7070', 'http://db.example.com', 'a b', '**', '*.', 'a/b', 'u@h'])(
    'accept no host like %s',
    (hosts) => {
      expect(refusals({ ...ALONE, CONIT_HOSTS: hosts })).toHaveLength(1);
    },
  );

  it.each([
    '*',
    'null',
    'example.com',
    'https://a/b',
    'https://u@a',
    'https://*.a',
    'https://a:99999',
  ])('accept no origin like %s', (origins) => {
    expect(refusals({ ...ALONE, CONIT_ORIGINS: origins })).toHaveLength(1);
  });
});

describe('bounds that must fit each other', () => {
  it.each([
    [{ CONIT_PEER_TIMEOUT: '500ms' }, 'CONIT_PEER_TIMEOUT (--peer-timeout) must be at least three'],
    [{ CONIT_FRAME: '8MiB' }, 'CONIT_WINDOW (--window) must be at least CONIT_FRAME'],
    [{ CONIT_MAX_VALUE: '4MiB' }, 'CONIT_WINDOW (--window) must hold the largest value'],
  ])('%j are refused', (change, message) => {
    expect(refusals({ ...ALONE, ...change }).join('\n')).toContain(message);
  });
});

describe('warnings', () => {
  it('name an unsafe setting', () => {
    const { config, warnings } = load({ ...ALONE, CONIT_SYNC: 'unsafe-none' });
    expect(config.sync).toBe('unsafe-none');
    expect(warnings[0]?.reason).toContain('LOST');
  });

  it('name variables that no setting reads, but not those of Kubernetes', () => {
    const environment = { CONIT_HTP: 'x', CONIT_SERVICE_HOST: 'x', CONIT_PORT_7070_TCP: 'x' };
    const { warnings } = load({ ...ALONE, ...environment, CONIT_URL: 'http://x' });
    expect(warnings).toEqual([
      { where: 'CONIT_HTP', reason: 'is not a setting; did you mean CONIT_HTTP?' },
    ]);
  });
});

describe('the printed configuration', () => {
  it('is a file that gives the same configuration', () => {
    const environment = { ...ALONE, CONIT_PEERS: PEERS, CONIT_WAN: 'us=40ms,ap=80ms' };
    const first = load(environment, { cache: '128MiB' });
    const printed = file('printed.yaml', showYaml(TABLE, first.effective));
    const again = load({ CONIT_CLUSTER_SECRET: SECRET, CONIT_CONFIG: printed });
    expect(again.config.settings).toEqual(first.config.settings);
    expect(again.config).toEqual(first.config);
  });
});

describe('the table', () => {
  const rows = Object.entries(TABLE);

  it('gives every setting a variable, a meaning, and a default or what happens without one', () => {
    const mute = rows.filter(([, { meaning, fallback, absent }]) => {
      return meaning === '' || (fallback === undefined && absent === '');
    });
    expect(mute).toEqual([]);
    expect(rows.map(([name]) => variableOf(name)).join()).toMatch(/^(CONIT_[A-Z_]+,?)+$/);
    expect(markdownOf(TABLE).split('\n')).toHaveLength(rows.length + 3);
  });

  it('has defaults that its own bounds accept', () => {
    const preset = rows.filter(([, { fallback }]) => fallback !== undefined);
    const read = preset.map(([name, option]) => {
      return [name, option.kind.parse(option.kind.show(option.fallback as never))];
    });
    expect(read).toEqual(
      preset.map(([name, option]) => [name, { ok: true, value: option.fallback }]),
    );
  });

  it('is in docs/configuration.md (the hidden command config-table writes it)', () => {
    const root = join(import.meta.dirname, '..', '..', '..');
    const document = readFileSync(join(root, 'docs', 'configuration.md'), 'utf8');
    const [, rest = ''] = document.split('<!-- configuration table -->\n');
    const [shown] = rest.split('<!-- end of configuration table -->');
    expect(shown?.trim()).toBe(markdownOf(TABLE).trim());
  });

  it('describes the file as a schema that knows every member and no other', () => {
    const schema = schemaOf(TABLE) as { properties: object; additionalProperties: boolean };
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties)).not.toContain('clusterSecret');
    expect(Object.keys(schema.properties)).toContain('namespaces');
  });
});

describe('the members that a replica votes on', () => {
  it('may be without that replica, and may not fit the policies', () => {
    const namespaces = file('conit.yaml', 'namespaces: { ns: { w: 3 } }');
    const peers = 'ap-1=ap@127.0.0.1:1,eu-1=eu@127.0.0.1:2,us-1=us@127.0.0.1:3';
    const { config } = load({
      CONIT_CLUSTER_SECRET: SECRET,
      CONIT_REPLICA: 'us-1',
      CONIT_PEERS: peers,
      CONIT_CONFIG: namespaces,
    });
    expect(policiesAmong(config, membersOf(['ap', 'eu', 'sa']))).toBeInstanceOf(Array);
    expect(policiesAmong(config, membersOf(['ap', 'eu']))).toContain('w ');
    expect(policiesAmong(config, [])).toContain('at least one');
  });
});

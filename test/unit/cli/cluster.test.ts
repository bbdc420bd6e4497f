import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { greeting } from '../../../src/cli/cluster/greeting.ts';
import { openLogFile } from '../../../src/cli/cluster/log-file.ts';
import { type ClusterRequest, planCluster } from '../../../src/cli/cluster/plan.ts';
import { prepareData, requirePorts } from '../../../src/cli/cluster/prepare.ts';
import { createRestartPolicy } from '../../../src/cli/cluster/restart.ts';
import { createScreen, warningOf } from '../../../src/cli/cluster/screen.ts';
import { oneWayMs, REGIONS } from '../../../src/cli/cluster/wan.ts';
import { loadConfig } from '../../../src/config/load.ts';
import { fakeTerminal } from './fake-terminal.ts';

const REQUEST: ClusterRequest = {
  regions: '3',
  dataDir: '/data',
  httpPort: 7070,
  wan: false,
  config: undefined,
};

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), 'conit-cluster-'))));
afterEach(() => rmSync(folder, { recursive: true }));

describe('the plan of a cluster', () => {
  it('has one replica for each region, ten ports apart', () => {
    const plans = planCluster(REQUEST);
    expect(plans.map(({ id, httpPort, peerPort }) => [id, httpPort, peerPort])).toEqual([
      ['eu-1', 7070, 7071],
      ['us-1', 7080, 7081],
      ['ap-1', 7090, 7091],
    ]);
    expect(plans[1]?.dataDir).toBe('/data/us-1');
  });

  it('gives each replica settings that are accepted and agree', () => {
    prepareData(folder);
    const request = { ...REQUEST, dataDir: folder, wan: true };
    const loaded = planCluster(request).map(({ environment }) => loadConfig({}, environment));
    expect(loaded.flatMap(({ problems, warnings }) => [...problems, ...warnings])).toEqual([]);
    const [eu, us, ap] = loaded.map(({ config }) => config);
    expect(eu?.settings.members).toEqual(us?.settings.members);
    expect(us?.secret.reveal()).toBe(ap?.secret.reveal());
    expect(eu?.wan).toEqual([
      { region: 'us', oneWayMs: 45 },
      { region: 'ap', oneWayMs: 80 },
    ]);
  });

  it('accepts names for regions', () => {
    const plans = planCluster({ ...REQUEST, regions: 'mars, venus' });
    expect(plans.map(({ id }) => id)).toEqual(['mars-1', 'venus-1']);
  });

  it.each([
    [{ regions: '0' }, 'must be 1 to 6'],
    [{ regions: '7' }, 'must be 1 to 6'],
    [{ regions: 'eu,eu' }, 'named twice'],
    [{ regions: 'EU' }, '"EU" is not a valid name'],
    [{ regions: 'a,b,c,d,e,f,g,h,i,j' }, 'at most 9'],
    [{ httpPort: 65_530 }, 'two ports from 1 to'],
    [{ httpPort: 0 }, 'two ports from 1 to'],
  ])('refuses %j', (change, message) => {
    expect(() => planCluster({ ...REQUEST, ...change })).toThrow(message);
  });

  it('is shown with lines to paste', () => {
    const text = greeting(planCluster(REQUEST), { ...REQUEST, wan: true });
    expect(text).toContain("curl -i -X PUT 'http://127.0.0.1:7070/v1/kv/demo/hello?w=majority'");
    expect(text).toContain('curl -i http://127.0.0.1:7080/v1/kv/demo/hello');
    expect(text).toContain('eu–us 45 ms, eu–ap 80 ms, us–ap 110 ms');
  });
});

describe('the distances', () => {
  it('are known for every pair of named regions, and the same both ways', () => {
    const pairs = REGIONS.flatMap((from) => REGIONS.map((to) => [from, to] as const));
    expect(pairs.filter(([from, to]) => from !== to && oneWayMs(from, to) === 60)).toEqual([]);
    expect(pairs.filter(([from, to]) => oneWayMs(from, to) !== oneWayMs(to, from))).toEqual([]);
    expect(oneWayMs('eu', 'mars')).toBe(60);
  });
});

describe('the secret of a local cluster', () => {
  it('is created once and readable by its owner only', () => {
    prepareData(folder);
    const file = join(folder, 'cluster-secret');
    const first = readFileSync(file, 'utf8');
    expect(first).toMatch(/^[0-9a-f]{64}\n$/);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    prepareData(folder);
    expect(readFileSync(file, 'utf8')).toBe(first);
  });
});

describe('a port in use', () => {
  it('is reported before anything starts', async () => {
    const server = createServer();
    const port = await new Promise<number>((resolve) => {
      server.listen(0, '127.0.0.1', () => {
        const address = server.address();
        resolve(typeof address === 'object' && address !== null ? address.port : 0);
      });
    });
    const [plan] = planCluster({ ...REQUEST, regions: '1', httpPort: port - 1 });
    const plans = plan === undefined ? [] : [plan];
    await expect(requirePorts(plans)).rejects.toThrow(`${port} (peers of eu-1)`);
    server.close();
  });
});

describe('the restarts of a replica', () => {
  it('come later and later after short runs, and end after five', () => {
    const policy = createRestartPolicy();
    const decisions = [1, 2, 3, 4, 5].map(() => policy.onDeath(1000, 70));
    expect(decisions.slice(0, 4)).toEqual(
      [500, 1000, 2000, 4000].map((delayMs) => ({ kind: 'restart', delayMs })),
    );
    expect(decisions[4]).toEqual({
      kind: 'give-up',
      reason: 'it died 5 times within 10 s of its start',
    });
  });

  it('begin with the shortest pause again after a long run', () => {
    const policy = createRestartPolicy();
    for (let death = 0; death < 20; death++) {
      expect(policy.onDeath(60_000, null)).toEqual({ kind: 'restart', delayMs: 250 });
    }
  });

  it('do not happen if the configuration is refused', () => {
    expect(createRestartPolicy().onDeath(100, 2).kind).toBe('give-up');
  });
});

describe('the log of a child process', () => {
  it('begins a new file at each start and when it is full, and keeps a few old ones', () => {
    const file = join(folder, 'log', 'conit.log');
    for (let start = 1; start <= 6; start++) {
      const log = openLogFile(file);
      log.write(`start ${start}\n`);
      log.close();
    }
    expect(readdirSync(join(folder, 'log'))).toEqual([
      'conit.log',
      'conit.log.1',
      'conit.log.2',
      'conit.log.3',
    ]);
    expect(readFileSync(`${file}.3`, 'utf8')).toBe('start 3\n');
    const log = openLogFile(file, 10);
    for (const text of ['first line\n', 'second line\n', 'third line\n']) log.write(text);
    log.close();
    expect(readFileSync(file, 'utf8')).toBe('third line\n');
    expect(readFileSync(`${file}.1`, 'utf8')).toBe('second line\n');
  });
});

describe('the screen', () => {
  it('keeps the live line below the messages, on a terminal only', () => {
    const terminal = fakeTerminal({ isSayTty: true, columns: 10 });
    const screen = createScreen(terminal);
    screen.live('all is well');
    screen.say('news');
    screen.close();
    expect(terminal.said()).toBe('all is w…\r\x1b[Knews\nall is w…\r\x1b[K');
    const pipe = fakeTerminal({});
    createScreen(pipe).live('all is well');
    expect(pipe.said()).toBe('');
  });

  it('shows warnings and errors of a log, and lines that are not log lines', () => {
    expect(warningOf('{"level":"info","event":"started"}')).toBeUndefined();
    const line = '{"level":"warn","time":"now","replica":"eu-1","event":"disk-low","room":3}';
    expect(warningOf(line)).toBe('warning: disk-low  room=3');
    expect(warningOf('{"level":"error","event":"halted","reason":"bug"}')).toBe(
      'error: halted  reason=bug',
    );
    expect(warningOf('{"level":"warn","event":"peer-unreachable"}')).toBeUndefined();
    expect(warningOf('Segmentation fault')).toBe('Segmentation fault');
    expect(warningOf('')).toBeUndefined();
  });
});

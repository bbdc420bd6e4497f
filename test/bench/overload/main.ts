// `npm run bench:overload`: puts with W=2 arrive at one replica of three at 0.5, 1, 2 and 5 times
// its capacity, and at half of it again. Capacity is the throughput of 256 clients in a closed
// loop. Goodput is the number of writes acknowledged before the phase ended, per second.
//
// Reading order: this, open-loop (the client), pin (the CPU of each process).

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { numberIn, runProgram, wholeNumber } from '../../support/program.ts';
import { fill, loadOf, openField, type Writing } from '../field.ts';
import { HttpWire } from '../client/http.ts';
import { KeyTable, MixPlan, noise } from '../client/keys.ts';
import { benchFolder } from '../install.ts';
import { keyValueTemplates } from '../systems/key-value.ts';
import { OpenLoop, type Phase } from './open-loop.ts';
import { pinning } from './pin.ts';

const RATES = [0.5, 1, 2, 5, 0.5, 0.5];
const usage = `npm run bench:overload -- [options]
Sends more writes to a replica of three than it can do, and shows how many are still acknowledged.
The rates are ${RATES.join(', ')} times its capacity, one after the other.

  --seconds N       of each phase, 1 to 600 (6)
  --connections N   of the open loop, 64 to 8000 (2048)
  --help            this text`;

interface Options {
  readonly seconds: number;
  readonly connections: number;
}

const CLIENTS = 256;
const KEYS = 5000;
const VALUE_BYTES = 100;
const WARM_UP_MS = 3000;
const CAPACITY_MS = 5000;
const WRITING: Writing = { prefix: 'over--', keys: KEYS, w: 2 };

const HEAD = [
  '| due | goodput / capacity | done, p50 and p99 ms | refused | refused, p50 and p99 ms | failed | unanswered | waited for a connection | CPU of the client |',
  '|---|---|---|---|---|---|---|---|---|',
].join('\n');

await runProgram(usage, parseOptions, measure);

function parseOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '6' },
      connections: { type: 'string', default: '2048' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return undefined;
  return {
    seconds: numberIn(values.seconds, 'seconds', 1, 600),
    connections: wholeNumber(values.connections, 'connections', 64, 8000),
  };
}

async function measure({ seconds, connections }: Options): Promise<number> {
  mkdirSync(benchFolder, { recursive: true });
  const folder = mkdtempSync(join(benchFolder, 'overload-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const { cluster, eu } = await openField(folder);
  const pins = pinning();
  pins.apply(cluster.replicas.map(({ pid }) => pid));
  await fill([eu], KEYS, 2);
  const capacity = await capacityOf(eu);
  console.log(
    `puts of ${VALUE_BYTES} bytes with W=2 at one of three replicas; ${pins.about}\n` +
      `capacity ${Math.round(capacity)}/s (${CLIENTS} clients, closed loop); ` +
      `phases of ${seconds} s over ${connections} connections\n`,
  );
  console.log(HEAD);
  for (const rate of RATES) {
    const loop = new OpenLoop({ port: eu.httpPort, connections, keys: KEYS, wire: putWire() });
    await loop.connect();
    console.log(rowOf(rate, await loop.run(rate * capacity, seconds), capacity));
    loop.close();
  }
  await cluster.stop();
  return 0;
}

async function capacityOf(replica: Parameters<typeof fill>[0][number]): Promise<number> {
  const plan = new MixPlan(KEYS, 0, 'uniform', 1);
  const load = loadOf([replica], WRITING, plan, CLIENTS);
  await load.connect();
  load.begin();
  await sleep(WARM_UP_MS);
  load.mark();
  await sleep(CAPACITY_MS);
  const { ops, seconds } = load.totals();
  load.stop();
  await load.finished;
  load.close();
  return ops / seconds;
}

function putWire(): (connection: number) => HttpWire {
  const table = new KeyTable({ prefix: WRITING.prefix, keys: KEYS, valueBytes: VALUE_BYTES });
  return (connection) => {
    const value = noise(VALUE_BYTES, connection);
    const query = `?w=${WRITING.w}&timeout=5s`;
    const { put, get } = keyValueTemplates(table, value, '/v1/kv/bench/', query, '?r=1');
    return new HttpWire(put, get);
  };
}

function rowOf(rate: number, phase: Phase, capacity: number): string {
  const { seconds, due, done, refused, failed, unanswered, waited, clientCpu } = phase;
  const share = (count: number): string => `${((100 * count) / due).toFixed(0)} %`;
  const cells = [
    `${rate} ×, ${Math.round(due / seconds)}/s`,
    (done.count / seconds / capacity).toFixed(2),
    `${done.p50Ms.toFixed(0)}, ${done.p99Ms.toFixed(0)}`,
    share(refused.count),
    refused.count === 0 ? '' : `${refused.p50Ms.toFixed(0)}, ${refused.p99Ms.toFixed(0)}`,
    failed,
    unanswered,
    share(waited),
    clientCpu.toFixed(2),
  ];
  return `| ${cells.join(' | ')} |`;
}

// `npm run bench`: Conit compared with other systems and with its limits, in one run on one
// machine. All systems are up at once and take turns under the same client; only ratios within a
// round count.
//
// Reading order: workloads (the operations), system and systems/ (the systems), slot and rounds
// (the measurement), client/ (the client), limits and micro/ (the limits), report/ (the output).

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { runProgram } from '../support/program.ts';
import { calibrateSync, machine } from './calibration.ts';
import { bringDown, bringUp, type Fleet, fill } from './fleet.ts';
import { benchFolder } from './install.ts';
import { limitsOfParts, limitsOfRounds, limitsOfVariants, variantWorkloads } from './limits.ts';
import { type Options, parseOptions, usage } from './options.ts';
import { reportOf } from './report/report.ts';
import type { Result } from './result.ts';
import { type Contest, type Rounds, runRounds } from './rounds.ts';
import { datasetOf } from './slot.ts';
import type { System, SystemKind } from './system.ts';
import { conit } from './systems/conit.ts';
import { etcd } from './systems/etcd.ts';
import { hello } from './systems/hello.ts';
import { nats } from './systems/nats.ts';
import { pouchdb } from './systems/pouchdb.ts';
import { redis } from './systems/redis.ts';
import { helloName, helloWorkloads, type PeerName, type Workload, workloads } from './workloads.ts';

const kinds: Readonly<Record<PeerName, SystemKind>> = { etcd, redis, nats, pouchdb };
const nothing: Rounds = { slots: [], failures: [] };

await runProgram(usage, parseOptions, async (options) => {
  const result = await run(options);
  console.log(reportOf(result));
  return result.failures.length === 0 ? 0 : 1;
});

async function run(options: Options): Promise<Result> {
  mkdirSync(benchFolder, { recursive: true });
  const folder = mkdtempSync(join(benchFolder, 'run-'));
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
  const startedAt = new Date().toISOString();
  const syncs = [calibrateSync(folder)];
  const contest = await againstPeers(options, folder);
  const limits = options.limits ? await againstLimits(options, folder, contest.rounds) : undefined;
  syncs.push(calibrateSync(folder));
  const result: Result = {
    startedAt,
    machine: machine(),
    options,
    syncs,
    systems: contest.fleet.systems.map(({ name, about }) => ({ name, about })),
    missing: [...contest.fleet.missing, ...(limits?.missing ?? [])],
    slots: contest.rounds.slots,
    variantSlots: limits?.variantSlots ?? [],
    failures: [...contest.rounds.failures, ...(limits?.failures ?? [])],
    limits: limits?.limits ?? [],
  };
  if (options.json !== undefined) {
    writeFileSync(options.json, `${JSON.stringify(result, undefined, 1)}\n`);
  }
  return result;
}

async function againstPeers(
  options: Options,
  folder: string,
): Promise<{ fleet: Fleet; rounds: Rounds }> {
  const wanted = [conit('conit'), ...options.peers.map((name) => kinds[name]), hello];
  const { fleet, rounds } = await compete(wanted, options.workloads, folder, options);
  await bringDown(fleet);
  return { fleet, rounds };
}

async function againstLimits(
  options: Options,
  folder: string,
  { slots }: Rounds,
): Promise<Pick<Result, 'missing' | 'failures' | 'limits' | 'variantSlots'>> {
  const chosen = workloads.filter(({ id }) => Object.values(variantWorkloads).includes(id));
  const wanted = [conit('conit'), conit('conit-unsynced'), conit('conit-unmetered')];
  const place = join(folder, 'variants');
  const { fleet, rounds } = await compete(wanted, chosen, place, options);
  await bringDown(fleet);
  const parts = await limitsOfParts(folder, options.seconds);
  const limits = [...limitsOfRounds(slots), ...limitsOfVariants(rounds.slots), ...parts];
  const missing = fleet.missing.filter(({ name }) => name !== 'conit');
  return { missing, failures: rounds.failures, limits, variantSlots: rounds.slots };
}

async function compete(
  wanted: readonly SystemKind[],
  chosen: readonly Workload[],
  folder: string,
  options: Options,
): Promise<{ fleet: Fleet; rounds: Rounds }> {
  if (chosen.length === 0) return { fleet: { systems: [], missing: [] }, rounds: nothing };
  const datasets = new Map(
    chosen.map((workload) => {
      const dataset = datasetOf(workload, options.keys);
      return [dataset.prefix, dataset];
    }),
  );
  const up = await bringUp(wanted, folder, progress);
  const fleet = await fill(up, [...datasets.values()], options, progress);
  const contests = chosen.map((workload): Contest => {
    return { workload, systems: fleet.systems.filter((system) => takesPart(system, workload)) };
  });
  return { fleet, rounds: await runRounds(contests, options, progress) };
}

function takesPart({ name }: System, { id, targets }: Workload): boolean {
  if (name === helloName) return helloWorkloads.includes(id);
  if (name === 'conit') return true;
  const variant = Object.entries(variantWorkloads).find(([each]) => each === name);
  return variant === undefined ? Object.keys(targets).includes(name) : variant[1] === id;
}

function progress(line: string): void {
  console.error(line);
}

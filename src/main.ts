// The composition root: builds a replica from its configuration and takes it down again.
//
//  up    data directory -> network -> host -> HTTP -> disk watch
//  down  /readyz says no -> no new requests -> running ones finish -> network -> storage
//
// A replica that must not continue is not taken down in order: `onHalt` ends the process at once,
// and acknowledged writes are on the disk. When the members have changed, the incarnation is taken
// down in order and the next one begins in the same process, at the same addresses, with the
// members that are stored in the directory (incarnations.ts).

import { setTimeout as sleep } from 'node:timers/promises';
import { checkAccess } from './adapters/disk/data-access.ts';
import { DataError, isDamage } from './adapters/disk/data-error.ts';
import { openDataDir, type OpenedData } from './adapters/disk/data-directory.ts';
import { reservesOf } from './adapters/disk/data-place.ts';
import { DiskSpace } from './adapters/disk/space.ts';
import { counter } from './adapters/telemetry/family.ts';
import { comparedWallMs } from './adapters/peer/peer-clock.ts';
import { peerFamilies } from './adapters/telemetry/peer-families.ts';
import type { Log } from './adapters/telemetry/log.ts';
import { sessionKeyOf } from './adapters/session-key.ts';
import { createSystemScheduler, systemClock } from './adapters/system-clock.ts';
import { createExposition, createTrace, type HostTrace } from './adapters/telemetry/telemetry.ts';
import { WsNetwork } from './adapters/peer/ws-network.ts';
import type { Address } from './model/address.ts';
import { unreachable } from './base/assert.ts';
import { amongMembers, type Config, policiesAmong } from './config/assemble.ts';
import { packageVersion } from './config/version.ts';
import { type Begun, type Boot, boot, storedEpoch, storedIncarnation } from './host/boot.ts';
import { createHost, type Host } from './host/host.ts';
import { Incarnations } from './incarnations.ts';
import { Jobs } from './http/jobs/jobs.ts';
import { createRequestMeter, type RequestMeasurements } from './http/meter.ts';
import { createHttpServer, type HttpServer } from './http/server.ts';
import type { Ending } from './model/effect.ts';
import type { Scheduler } from './model/port.ts';
import type { Member } from './model/quorum.ts';

export interface RunOptions {
  readonly config: Config;
  readonly log: Log;
  /** The process must end now; after `forgotten` there is no use in starting it again. */
  readonly onHalt: (reason: string, ending: Exclude<Ending, 'renewed'>) => void;
  readonly onError: (error: unknown, instance: string) => void;
}

export interface RunningReplica {
  /** The address for clients. */
  readonly http: Address;
  /** Ends in order; resolves when everything is closed. New clients are answered for a while. */
  stop(): Promise<void>;
}

/** Throws if the data directory or an address cannot be used. */
export async function runReplica(options: RunOptions): Promise<RunningReplica> {
  const { log, onHalt } = options;
  // A change of the members ends the incarnation.
  const jobs = new Jobs();
  const incarnations = new Incarnations<Run>({
    begin(onRenewal, before) {
      const onEnding = (reason: string, ending: Ending): void => {
        if (ending === 'renewed') onRenewal();
        else onHalt(reason, ending);
      };
      const config = before === undefined ? options.config : configAfter(before);
      return beginIncarnation({ ...options, config, jobs, onEnding });
    },
    onFailure(error) {
      const reason = error instanceof Error ? error.message : String(error);
      log.note('error', 'renewal-failed', { reason });
      onHalt(reason, endingOf(error));
    },
  });
  const { http } = await incarnations.first;
  return { http, stop: () => incarnations.stop() };
}

/** An incarnation that has begun. */
interface Run {
  readonly config: Config;
  readonly http: Address;
  stop(hasNotice: boolean): Promise<void>;
}

/**
 * No other process used the directory in between, so peers have no news of it and the start does
 * not wait for them.
 */
function configAfter({ config, http }: Run): Config {
  const settings = Object.freeze({ ...config.settings, bootGraceMs: 0, helloWaitMs: 0 });
  return { ...config, settings, http: { ...config.http, port: http.port } };
}

function endingOf(error: unknown): Exclude<Ending, 'renewed'> {
  if (!(error instanceof DataError)) return 'restart';
  if (error.code === 'forgotten') return 'forgotten';
  return isDamage(error) ? 'damaged' : 'restart';
}

interface IncarnationOptions extends RunOptions {
  readonly jobs: Jobs;
  readonly onEnding: (reason: string, ending: Ending) => void;
}

async function beginIncarnation(options: IncarnationOptions): Promise<Run> {
  const { log } = options;
  const exposure = await checkAccess(options.config.dataDir);
  if (exposure !== undefined) log.note('warn', 'data-exposed', { reason: exposure });
  const data = await openData(options.config, log);
  if (data.data === 'lost') log.note('warn', 'data-lost', { folder: options.config.dataDir });
  try {
    const { config, outsiders } = settle(options.config, data, log);
    const network = createNetwork(config, outsiders, log, data);
    try {
      await network.listen();
      const run = await start({ ...options, config, data, network });
      return { ...run, config: options.config };
    } catch (error) {
      await network.close();
      throw error;
    }
  } catch (error) {
    await data.storage.close();
    throw error;
  }
}

/**
 * The configuration for the members that are stored in the directory; throws if it is not valid for
 * them.
 */
function settle(
  config: Config,
  { storage }: OpenedData,
  log: Log,
): { readonly config: Config; readonly outsiders: readonly Member[] } {
  const { settings } = config;
  const booted = boot(storage, {
    self: settings.self,
    members: settings.members,
    policiesAmong: (members) => policiesAmong(config, members),
  });
  if (booted.kind !== 'begun') throw refusalOf(booted, config);
  const { members, outsiders, policies } = booted;
  if (!isSameList(members, settings.members)) {
    const ids = members.map(({ id }) => id).join(', ');
    log.note('warn', 'peers-differ', {
      epoch: storedEpoch(storage),
      members: ids,
    });
  }
  return { config: amongMembers(config, members, policies), outsiders };
}

function refusalOf(booted: Exclude<Boot, Begun>, { dataDir, settings }: Config): DataError {
  switch (booted.kind) {
    case 'damaged':
      return new DataError(
        'damaged',
        `the membership in ${dataDir} cannot be read: move the directory away, and the replica gets its data from its peers`,
      );
    case 'unfit':
      return new DataError('unfit', `the policies do not fit the members: ${booted.reason}`);
    case 'forgotten': {
      const what = `${settings.self} was removed from the cluster: it is not a member of epoch ${booted.epoch}`;
      const advice = `move ${dataDir} away, and let it join again`;
      return new DataError('forgotten', `${what}; ${advice}`);
    }
    default:
      return unreachable(booted);
  }
}

function isSameList(left: readonly Member[], right: readonly Member[]): boolean {
  return left.length === right.length && left.every(({ id }, n) => id === right[n]?.id);
}

interface Ground extends IncarnationOptions {
  readonly data: OpenedData;
  readonly network: WsNetwork;
}

async function start(ground: Ground): Promise<Omit<Run, 'config'>> {
  const { config, log, data, network } = ground;
  const scheduler = createSwitch(createSystemScheduler());
  const trace = createTrace(log);
  const host = createHost({
    settings: config.settings,
    policies: config.policies,
    incarnation: data.incarnation,
    storage: data.storage,
    network,
    clock: systemClock,
    scheduler,
    trace,
    onHalt: ground.onEnding,
    fits(members) {
      const policies = policiesAmong(config, members);
      return typeof policies === 'string' ? policies : undefined;
    },
  });
  const disk = createDiskWatch(ground, host);
  const http = await createHttp(ground, { host, trace, disk });
  host.start();
  const address = await open(host, http, config.http).catch((error: unknown) => {
    // The storage closes next; a turn after that would report a failing disk.
    scheduler.stop();
    throw error;
  });
  // Not awaited: creating the reserve takes long.
  disk.start().catch((error: unknown) => ground.onError(error, 'disk watch'));
  noteStart(ground, address);
  return {
    http: address,
    async stop(hasNotice) {
      const untilMs = performance.now() + config.lastCheckpointMs;
      disk.stop();
      http.beginDrain();
      host.shutDown();
      await http.close({ giveUp: () => host.giveUp(), hasNotice });
      await network.close();
      await checkpoint(host, untilMs, log);
      scheduler.stop();
      await data.storage.close();
    },
  };
}

async function open(host: Host, http: HttpServer, at: Address): Promise<Address> {
  await untilFit(host);
  return http.listen(at.host, at.port);
}

const PORT_WAITS_MS = 5000;
const LOOKS_MS = 10;

/**
 * The port of clients opens when the replica answers them, because a load balancer that only tests
 * connections would send clients to a replica that refuses. It also opens after a time limit, so
 * that clients can ask what the replica lacks.
 */
async function untilFit(host: Host): Promise<void> {
  const untilMs = performance.now() + PORT_WAITS_MS;
  while (performance.now() < untilMs && (host.state === 'starting' || host.state === 'catching-up'))
    await sleep(LOOKS_MS);
}

/** The last checkpoint. The next start replays what it has not written in time. */
async function checkpoint(host: Host, untilMs: number, log: Log): Promise<void> {
  host.checkpoint();
  while (performance.now() < untilMs && !host.isStored) await sleep(LOOKS_MS);
  if (host.isStored) return;
  const { entriesBehindMark } = host.metrics;
  log.note('warn', 'stopped-before-checkpoint', { entriesToReplay: entriesBehindMark });
}

function openData(config: Config, { note }: Log): Promise<OpenedData> {
  const { dataDir, clusterId, settings, sync } = config;
  return openDataDir({
    note,
    folder: dataDir,
    clusterId,
    replica: settings.self,
    sync: sync === 'full',
    comparedWallMs: () => comparedTime(config),
    lastIncarnation: storedIncarnation,
  });
}

/**
 * The next incarnation in the same process does not ask, because all members begin theirs at once.
 */
function comparedTime({ settings }: Config): Promise<number | undefined> {
  const { members, self, bootGraceMs, clockDriftMaxMs, peerTimeoutMs } = settings;
  if (members.length > 1 && bootGraceMs === 0) return Promise.resolve(undefined);
  return comparedWallMs({
    addresses: members.filter(({ id }) => id !== self).map(({ peerAddress }) => peerAddress),
    driftMaxMs: clockDriftMaxMs,
    waitMs: Math.min(peerTimeoutMs, COMPARE_MS_MAX),
    wallMs: () => systemClock.wallMs(),
  });
}

/** How much longer a start takes that reaches no peer. */
const COMPARE_MS_MAX = 1000;

function createNetwork(
  config: Config,
  outsiders: readonly Member[],
  log: Log,
  { incarnation, storage }: OpenedData,
): WsNetwork {
  const { settings, self, clusterId, peer, secret } = config;
  const delays = settings.members.map(({ region }) => delayTo(config, region));
  return new WsNetwork({
    self,
    members: [...settings.members, ...outsiders],
    clusterId,
    secret: Buffer.from(secret.reveal()),
    incarnation: () => incarnation,
    epoch: () => storedEpoch(storage),
    host: peer.host,
    port: peer.port,
    peerTimeoutMs: settings.peerTimeoutMs,
    delayMs: (index) => delays[index] ?? 0,
    note: log.note,
    ...(config.strangersMax === undefined ? {} : { limits: { strangersMax: config.strangersMax } }),
  });
}

function delayTo({ wan }: Config, region: string): number {
  return wan.find((delay) => delay.region === region)?.oneWayMs ?? 0;
}

function createDiskWatch({ config, data, log }: Ground, host: Host): DiskSpace {
  return new DiskSpace({
    folder: config.dataDir,
    reserves: reservesOf(config.dataDir),
    onLook: (room) => host.disk(room),
    reclaim: () => data.storage.reclaim(),
    note: log.note,
  });
}

interface Measured {
  readonly host: Host;
  readonly trace: HostTrace;
  readonly disk: DiskSpace;
}

function sessionKeysOf({ secret, secondSecret, clusterId }: Config): Uint8Array[] {
  const secrets = secondSecret === undefined ? [secret] : [secret, secondSecret];
  return secrets.map((each) => sessionKeyOf(each.reveal(), clusterId));
}

function createHttp(ground: Ground, measured: Measured): Promise<HttpServer> {
  const { config, jobs, onError } = ground;
  const meter = config.metrics ? createRequestMeter() : undefined;
  const exposition = createExposition(sourcesOf(ground, measured, meter));
  return createHttpServer({
    service: measured.host,
    sessionKeys: sessionKeysOf(config),
    members: config.settings.members,
    self: config.self,
    policies: config.policies,
    advertised: config.settings.clientUrl,
    hosts: config.hosts,
    origins: new Set(config.origins),
    limits: config.limits,
    jobs,
    probe: (place, timeoutMs) => ground.network.probe(place, timeoutMs),
    tokens: config.tokens,
    metricsText: () => exposition.text(),
    meter,
    version: packageVersion(),
    onError,
  });
}

function sourcesOf(
  { config, log, data, network }: Ground,
  { host, trace, disk }: Measured,
  meter: RequestMeasurements | undefined,
) {
  const { self } = config;
  return {
    node: { replica: self.id, region: self.region, version: packageVersion() },
    metrics: host.metrics,
    status: () => host.status(),
    trace,
    storage: data.storage,
    disk,
    requests: () => meter?.series() ?? [],
    items: () => meter?.items() ?? NO_COUNTS,
    refusals: () => meter?.refusals() ?? NO_COUNTS,
    more: [
      ...peerFamilies(config.settings.members, network.traffic),
      counter(
        'conit_log_lines_dropped_total',
        'Lines of the log that could not be written.',
        () => log.dropped,
      ),
    ],
  };
}

const NO_COUNTS: ReadonlyMap<string, number> = new Map();

function noteStart({ config, log, data }: Ground, http: Address): void {
  log.note('info', 'started', {
    version: packageVersion(),
    node: process.version,
    region: config.self.region,
    http: `${http.host}:${http.port}`,
    peer: `${config.peer.host}:${config.peer.port}`,
    folder: config.dataDir,
    data: data.data,
    incarnation: data.incarnation,
    replicas: config.settings.members.length,
  });
}

/** Nothing uses the parts that are being closed: the host is not called after `stop`. */
function createSwitch(scheduler: Scheduler): Scheduler & { stop(): void } {
  let isStopped = false;
  const unlessStopped = (run: () => void) => () => {
    if (!isStopped) run();
  };
  return {
    soon: (run) => scheduler.soon(unlessStopped(run)),
    arm: (delayMs, run) => scheduler.arm(delayMs, unlessStopped(run)),
    stop() {
      isStopped = true;
      scheduler.arm(Number.POSITIVE_INFINITY, () => undefined);
    },
  };
}

// The composition root: builds a replica from its configuration, from the ground up, and takes it down again.
//
//   up    data directory -> network -> host -> HTTP -> disk watch
//   down  /readyz says no -> nothing new is taken -> what runs is finished -> network -> storage
//
// A replica that must not go on is not taken down in order: `onHalt` ends the process at once, and what was
// acknowledged is on the disk.

import { openDataDir, type OpenedData, reservePath } from './adapters/data-directory.ts';
import { DiskSpace } from './adapters/disk-space.ts';
import { peerFamilies } from './adapters/peer-families.ts';
import type { Log } from './adapters/log.ts';
import { createSystemScheduler, systemClock } from './adapters/system-clock.ts';
import { createExposition, createTrace, type HostTrace } from './adapters/telemetry.ts';
import { WsNetwork } from './adapters/ws-network.ts';
import type { Address } from './config/address.ts';
import type { Config } from './config/assemble.ts';
import { packageVersion } from './config/version.ts';
import { createHost, type Host } from './host/host.ts';
import { createRequestMeter, type RequestMeasurements } from './http/meter.ts';
import { createHttpServer, type HttpServer } from './http/server.ts';
import { type Scheduler, UNREADABLE } from './model/port.ts';
import { readIncarnation } from './replica/recovery.ts';
import { metaKey } from './store/layout.ts';

export interface RunOptions {
  readonly config: Config;
  readonly log: Log;
  /** The process must end now. */
  readonly onHalt: (reason: string) => void;
  readonly onError: (error: unknown, instance: string) => void;
}

export interface RunningReplica {
  /** Where clients are served. */
  readonly http: Address;
  /** Ends in order; resolves when everything is closed. */
  stop(): Promise<void>;
}

/** Throws where the data directory or an address cannot be used. */
export async function runReplica(options: RunOptions): Promise<RunningReplica> {
  const { config, log } = options;
  const data = await openData(config);
  if (data.data === 'lost') log.note('warn', 'data-lost', { folder: config.dataDir });
  const network = createNetwork(config, log, data.incarnation);
  try {
    await network.listen();
    return await start({ ...options, data, network });
  } catch (error) {
    await network.close();
    await data.storage.close();
    throw error;
  }
}

interface Ground extends RunOptions {
  readonly data: OpenedData;
  readonly network: WsNetwork;
}

async function start(ground: Ground): Promise<RunningReplica> {
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
    onHalt: ground.onHalt,
  });
  const disk = createDiskWatch(config, log, host);
  const http = await createHttp(ground, { host, trace, disk });
  const address = await http.listen(config.http.host, config.http.port);
  host.start();
  // Not awaited: the reserve that it makes takes its time.
  disk.start().catch((error: unknown) => ground.onError(error, 'disk watch'));
  noteStart(ground, address);
  return {
    http: address,
    async stop() {
      disk.stop();
      http.beginDrain();
      host.drain();
      await http.close();
      scheduler.stop();
      await network.close();
      await data.storage.close();
    },
  };
}

function openData({ dataDir, clusterId, settings, sync }: Config): Promise<OpenedData> {
  return openDataDir({
    folder: dataDir,
    clusterId,
    replica: settings.self,
    sync: sync === 'full',
    wallMs: () => systemClock.wallMs(),
    lastIncarnation(storage) {
      const bytes = storage.get(metaKey('incarnation'));
      return bytes === UNREADABLE ? undefined : readIncarnation(bytes);
    },
  });
}

function createNetwork(config: Config, log: Log, incarnation: number): WsNetwork {
  const { settings, self, clusterId, peer, secret } = config;
  const delays = settings.members.map(({ region }) => delayTo(config, region));
  return new WsNetwork({
    self,
    members: settings.members,
    clusterId,
    secret: Buffer.from(secret.reveal()),
    incarnation: () => incarnation,
    host: peer.host,
    port: peer.port,
    peerTimeoutMs: settings.peerTimeoutMs,
    delayMs: (index) => delays[index] ?? 0,
    note: log.note,
  });
}

function delayTo({ wan }: Config, region: string): number {
  return wan.find((delay) => delay.region === region)?.oneWayMs ?? 0;
}

function createDiskWatch({ dataDir }: Config, log: Log, host: Host): DiskSpace {
  return new DiskSpace({
    folder: dataDir,
    reservePath: reservePath(dataDir),
    onChange: ({ low }) => host.disk(low),
    note: log.note,
  });
}

interface Measured {
  readonly host: Host;
  readonly trace: HostTrace;
  readonly disk: DiskSpace;
}

function createHttp(ground: Ground, measured: Measured): Promise<HttpServer> {
  const { config, onError } = ground;
  const meter = config.metrics ? createRequestMeter() : undefined;
  const exposition = createExposition(sourcesOf(ground, measured, meter));
  return createHttpServer({
    service: measured.host,
    members: config.settings.members,
    self: config.self,
    policies: config.policies,
    advertised: config.settings.clientUrl,
    limits: config.limits,
    tokens: config.tokens,
    metricsText: () => exposition.text(),
    meter,
    version: packageVersion(),
    onError,
  });
}

function sourcesOf(
  { config, data, network }: Ground,
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
    refusals: () => meter?.refusals() ?? NO_REFUSALS,
    more: peerFamilies(config.settings.members, network.traffic),
  };
}

const NO_REFUSALS: ReadonlyMap<string, number> = new Map();

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

/** After `stop` the host is not called any more, so that nothing uses what is being closed. */
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

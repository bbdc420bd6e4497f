// What a replica reports to its operators: notes go to the log, measurements to the page that
// Prometheus scrapes.
//
// On the path of a request this only adds to plain numbers. The values of labels are bounded:
// peers, origins of current incarnations, operations, levels; never a key.

import { collectDefaultMetrics, type Metric, Registry } from 'prom-client';
import { createHistogram, type Histogram } from '../../base/histogram.ts';
import { type Metrics, SECONDS_BUCKETS } from '../../model/metrics.ts';
import type { Trace } from '../../model/port.ts';
import type { Status } from '../../model/status.ts';
import { coreFamilies } from './core-families.ts';
import { counter, type Family, gauge, gauges, histogram, histograms } from './family.ts';
import type { Log } from './log.ts';
import { createLoopDelay } from './loop-delay.ts';
import { statusFamilies } from './status-families.ts';

/** The host's trace, with its measurements of commits. */
export interface HostTrace extends Trace {
  readonly commitSeconds: Histogram;
  readonly commitOperations: Histogram;
}

const OPERATION_BUCKETS = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096];

export function createTrace(log: Pick<Log, 'note'>): HostTrace {
  const commitSeconds = createHistogram(SECONDS_BUCKETS);
  const commitOperations = createHistogram(OPERATION_BUCKETS);
  return {
    commitSeconds,
    commitOperations,
    note: log.note,
    committed(_lsn, operations, ms) {
      commitSeconds.observe(ms / 1000);
      commitOperations.observe(operations);
    },
  };
}

/** The sources of the measurements, which their owners keep. */
export interface TelemetrySources {
  readonly node: { readonly replica: string; readonly region: string; readonly version: string };
  readonly metrics: Metrics;
  /** `undefined` while the replica cannot report them; its gauges are then omitted. */
  readonly status: () => Status | undefined;
  readonly trace: HostTrace;
  readonly storage: {
    readonly getSeconds: Histogram;
    readonly unreadable: number;
    readonly failure: string | undefined;
  };
  readonly disk: {
    readonly low: boolean;
    readonly markBytes: number | undefined;
    readonly room: { readonly availableBytes: number; readonly totalBytes: number } | undefined;
  };
  readonly requests: () => readonly RequestSeries[];
  /** Operations of batches by name and class of status, as in `put 2xx`. */
  readonly items: () => ReadonlyMap<string, number>;
  /** Problems by code. */
  readonly refusals: () => ReadonlyMap<string, number>;
  /** Bytes queued for each peer, and further measurements of adapters. */
  readonly more: readonly Family[];
}

export interface RequestSeries {
  readonly op: string;
  readonly level: string;
  readonly code: string;
  readonly histogram: Histogram;
}

export interface Exposition {
  readonly contentType: string;
  text(): Promise<string>;
}

/**
 * Gauges among prom-client's default metrics with names of counters, which `promtool check metrics`
 * refuses.
 */
const DEFAULTS_REFUSED = ['handles', 'requests', 'resources'];

/** One for each process: it starts the monitors of the process. */
export function createExposition(sources: TelemetrySources): Exposition {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  for (const name of DEFAULTS_REFUSED) registry.removeSingleMetric(`nodejs_active_${name}_total`);
  // The status grows with the number of known logs, so a page asks for it once, not for each
  // family.
  let status: Status | undefined;
  const families = [
    nodeInfo(sources),
    ...statusFamilies(() => status),
    ...coreFamilies(sources.metrics),
    ...storageFamilies(sources),
    requestSeconds(sources),
    batchItems(sources),
    refusals(sources),
    createLoopDelay(),
    ...sources.more,
  ];
  for (const family of families) registry.registerMetric(asMetric(family));
  return {
    contentType: registry.contentType,
    text: () => {
      status = sources.status();
      return registry.metrics();
    },
  };
}

function nodeInfo({ node }: TelemetrySources): Family {
  const { replica, region, version } = node;
  const labels = { replica, region, version };
  return gauges('conit_node_info', 'Id, region and version of this replica.', () => [
    { labels, value: 1 },
  ]);
}

function storageFamilies({ trace, storage, disk }: TelemetrySources): readonly Family[] {
  return [
    histogram(
      'conit_wal_fsync_seconds',
      'Time from the hand-over of a synced batch to its durability.',
      trace.commitSeconds,
    ),
    histogram(
      'conit_wal_batch_operations',
      'Keys written in one synced batch.',
      trace.commitOperations,
    ),
    histogram(
      'conit_storage_get_seconds',
      'Time of one point read, on the event loop.',
      storage.getSeconds,
    ),
    counter('conit_storage_unreadable_total', 'Point reads that failed.', () => storage.unreadable),
    gauge(
      'conit_storage_failed',
      '1 if the storage accepts no more writes, until a restart.',
      () => (storage.failure === undefined ? 0 : 1),
    ),
    gauge('conit_disk_available_bytes', 'Free space on the disk.', () => disk.room?.availableBytes),
    gauge('conit_disk_size_bytes', 'Size of the disk.', () => disk.room?.totalBytes),
    gauge(
      'conit_disk_mark_bytes',
      'Writes are refused while less disk space than this is free.',
      () => disk.markBytes,
    ),
    gauge('conit_disk_low', '1 if the free space is below its low-water mark.', () =>
      disk.low ? 1 : 0,
    ),
  ];
}

function requestSeconds({ requests }: TelemetrySources): Family {
  return histograms(
    'conit_request_duration_seconds',
    'Time from the start of an HTTP request to its reply.',
    () =>
      requests().map(({ op, level, code, histogram: read }) => ({
        labels: { op, level: level === '' ? 'none' : level, code },
        histogram: read,
      })),
  );
}

function batchItems({ items }: TelemetrySources): Family {
  const samples = () =>
    [...items()].map(([name, value]) => {
      const [op = '', code = ''] = name.split(' ');
      return { labels: { op, code }, value };
    });
  const help = 'Operations of batches and range deletes, by their status as single requests.';
  return { ...gauges('conit_batch_items_total', help, samples), type: 'counter' };
}

function refusals(sources: TelemetrySources): Family {
  const samples = () =>
    [...sources.refusals()].map(([code, value]) => ({ labels: { code }, value }));
  const help =
    'Requests that were answered with a problem, without 404 for keys that have no value.';
  return { ...gauges('conit_requests_refused_total', help, samples), type: 'counter' };
}

// The registry needs only the name and `get` of a metric; its types ask for the library's own
// classes.
function asMetric({ name, help, type, samples }: Family): Metric {
  const metric = {
    name,
    help,
    type,
    get: () => Promise.resolve({ name, help, type, values: samples() }),
  };
  return metric as unknown as Metric;
}

import { execFileSync, spawnSync } from 'node:child_process';
import { beforeEach, describe, expect, it } from 'vitest';
import {
  createExposition,
  createTrace,
  type TelemetrySources,
} from '../../../../src/adapters/telemetry/telemetry.ts';
import { createHistogram } from '../../../../src/base/histogram.ts';
import type { NamespaceName, Origin, Region, ReplicaId } from '../../../../src/model/id.ts';
import { membershipOf } from '../../../support/build.ts';
import { createMetrics } from '../../../../src/model/metrics.ts';
import type { PeerStatus, Status } from '../../../../src/model/status.ts';

type Entries = PeerStatus['vector'];

const origin = (text: string): Origin => text as Origin;
const entries = (record: { [origin: string]: number }): Entries =>
  Object.entries(record).map(([name, seq]) => [origin(name), seq] as const);

const peer: PeerStatus = {
  id: 'us-1' as ReplicaId,
  region: 'us' as Region,
  connected: true,
  rttMs: 80,
  entriesItLacks: 3,
  entriesWeLack: 5,
  isStampedAhead: false,
  stalenessMs: 250,
  vector: entries({ 'eu-1.4': 97, 'us-1.10': 45, 'us-1.9': 1000 }),
  clockOffsetMs: 12,
  namespaces: [],
  commitAgeMs: 0,
  url: undefined,
  compared: { result: 'equal', equalAtMs: 1_700_000_000_500 },
};

const status: Status = {
  kind: 'status',
  change: undefined,
  waiting: 0,
  membership: membershipOf(['eu', 'us']),
  self: {
    id: 'eu-1' as ReplicaId,
    region: 'eu' as Region,
    origin: origin('eu-1.4'),
    state: 'serving',
    stalenessMs: 250,
    vector: entries({ 'eu-1.3': 70, 'eu-1.4': 100, 'us-1.9': 1000, 'us-1.10': 40 }),
    stableCut: entries({ 'eu-1.4': 97, 'us-1.10': 40 }),
    stampedMs: [],
    commitAgeMs: 0,
    isStalled: false,
    isDiskLow: false,
    isDrained: false,
    graceMs: 0,
    copy: undefined,
    namespaces: [],
    treeRoot: '00000000000000aa',
    clock: { state: 'drifted', aheadMs: 3_600_000 },
    divergentKeys: 2,
    waitingEntries: new Map(),
    contents: [
      { namespace: 'demo' as NamespaceName, keys: 3, tombstones: 1, bytes: 400 },
      { namespace: 'bench' as NamespaceName, keys: 1, tombstones: 0, bytes: 90 },
    ],
  },
  peers: [peer],
};

const withPeer = (changes: Partial<PeerStatus>): Status => ({
  ...status,
  peers: [{ ...peer, ...changes }],
});

const sources = (changes: Partial<TelemetrySources> = {}): TelemetrySources => ({
  node: { replica: 'eu-1', region: 'eu', version: '0.1.0' },
  metrics: createMetrics(),
  status: () => status,
  trace: createTrace({ note: () => {} }),
  storage: { getSeconds: createHistogram([0.001]), unreadable: 0, failure: undefined },
  disk: { low: false, markBytes: 3, room: { availableBytes: 7, totalBytes: 10 } },
  requests: () => [],
  items: () => new Map(),
  refusals: () => new Map(),
  more: [],
  ...changes,
});

/** The samples of one scrape, by name and labels as they are printed. */
async function scrape(changes: Partial<TelemetrySources> = {}): Promise<Map<string, number>> {
  const text = await createExposition(sources(changes)).text();
  const lines = text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(
    lines.map((line) => {
      const space = line.lastIndexOf(' ');
      return [line.slice(0, space), Number(line.slice(space + 1))] as const;
    }),
  );
}

describe('the metrics page', () => {
  it('names the replica', async () => {
    const samples = await scrape();
    expect(samples.get('conit_node_info{replica="eu-1",region="eu",version="0.1.0"}')).toBe(1);
  });

  it('has the counters of the core as they are at the scrape', async () => {
    const metrics = createMetrics();
    const exposition = createExposition(sources({ metrics }));
    metrics.writes = 3;
    metrics.conflictsLww = 2;
    expect(await exposition.text()).toContain('\nconit_writes_total 3\n');
    metrics.writes++;
    expect(await exposition.text()).toContain('\nconit_writes_total 4\n');
    expect(await exposition.text()).toContain('\nconit_conflicts_total{resolution="lww"} 2\n');
  });

  it('has histograms in cumulative buckets', async () => {
    const trace = createTrace({ note: () => {} });
    for (const ms of [0.2, 0.2, 4, 60_000]) trace.committed(1, 64, ms);
    const samples = await scrape({ trace });
    expect(samples.get('conit_wal_fsync_seconds_bucket{le="0.00025"}')).toBe(2);
    expect(samples.get('conit_wal_fsync_seconds_bucket{le="0.005"}')).toBe(3);
    expect(samples.get('conit_wal_fsync_seconds_bucket{le="10"}')).toBe(3);
    expect(samples.get('conit_wal_fsync_seconds_bucket{le="+Inf"}')).toBe(4);
    expect(samples.get('conit_wal_fsync_seconds_count')).toBe(4);
    expect(samples.get('conit_wal_fsync_seconds_sum')).toBeCloseTo(60.0044);
    expect(samples.get('conit_wal_batch_operations_bucket{le="64"}')).toBe(4);
  });

  it('has the requests by operation, level and code', async () => {
    const histogram = createHistogram([0.01]);
    histogram.observe(0.005);
    const samples = await scrape({
      requests: () => [
        { op: 'get', level: 'fifo', code: '2xx', histogram },
        { op: 'livez', level: '', code: '2xx', histogram },
      ],
    });
    const name = 'conit_request_duration_seconds_count';
    expect(samples.get(`${name}{op="get",level="fifo",code="2xx"}`)).toBe(1);
    expect(samples.get(`${name}{op="livez",level="none",code="2xx"}`)).toBe(1);
  });

  it('has the families that other parts add', async () => {
    const samples = await scrape({
      more: [
        {
          name: 'conit_peer_send_queue_bytes',
          help: 'Bytes that wait for a peer.',
          type: 'gauge',
          samples: () => [{ labels: { peer: 'a"b\n' }, value: 9 }],
        },
      ],
    });
    expect(samples.get('conit_peer_send_queue_bytes{peer="a\\"b\\n"}')).toBe(9);
  });
});

describe('lag', () => {
  it('has a raw and a derived form, for present incarnations only', async () => {
    const samples = await scrape();
    expect(samples.get('conit_log_head_sequence{origin="us-1"}')).toBe(45);
    expect(samples.get('conit_log_head_sequence{origin="eu-1"}')).toBe(100);
    expect(samples.get('conit_applied_sequence{origin="us-1"}')).toBe(40);
    expect(samples.get('conit_stable_cut_sequence{origin="eu-1"}')).toBe(97);
    expect(samples.get('conit_replication_lag_seconds{origin="us-1"}')).toBe(0.25);
    expect(samples.get('conit_replication_lag_entries{origin="us-1"}')).toBe(5);
    expect(samples.get('conit_peer_lag_entries{peer="us-1"}')).toBe(3);
    expect(samples.get('conit_staleness_seconds')).toBe(0.25);
    expect([...samples.keys()].filter((name) => /us-1\.9"|eu-1\.3"/.test(name))).toEqual([]);
  });

  it('has series that a restart does not change, and the number of the incarnation beside them', async () => {
    const samples = await scrape();
    expect(samples.get('conit_incarnation{origin="us-1"}')).toBe(10);
    expect(samples.get('conit_incarnation{origin="eu-1"}')).toBe(4);
    const { self } = status;
    const next = {
      ...self,
      origin: origin('eu-1.5'),
      vector: [...self.vector, ...entries({ 'eu-1.5': 2 })],
    };
    const later = await scrape({ status: () => ({ ...status, self: next }) });
    expect(later.get('conit_incarnation{origin="eu-1"}')).toBe(5);
    expect(later.get('conit_applied_sequence{origin="eu-1"}')).toBe(2);
    expect([...later.keys()]).toEqual([...samples.keys()]);
  });

  it('includes what each namespace holds, and nothing before it was counted', async () => {
    const samples = await scrape();
    expect(samples.get('conit_namespace_keys{namespace="demo"}')).toBe(3);
    expect(samples.get('conit_namespace_tombstones{namespace="demo"}')).toBe(1);
    expect(samples.get('conit_namespace_bytes{namespace="bench"}')).toBe(90);
    const uncounted = { ...status, self: { ...status.self, contents: undefined } };
    const later = await scrape({ status: () => uncounted });
    expect([...later.keys()].filter((name) => name.startsWith('conit_namespace_keys'))).toEqual([]);
  });

  it('counts the operations of batches', async () => {
    const samples = await scrape({ items: () => new Map([['put 2xx', 7]]) });
    expect(samples.get('conit_batch_items_total{op="put",code="2xx"}')).toBe(7);
  });

  it('that is unknown has no sample', async () => {
    const unknown = withPeer({
      connected: false,
      rttMs: undefined,
      stalenessMs: 'unknown',
      entriesItLacks: undefined,
      entriesWeLack: undefined,
    });
    const samples = await scrape({ status: () => unknown });
    const lag = /^conit_(replication_lag|peer_lag|peer_rtt)/;
    expect([...samples.keys()].filter((name) => lag.test(name))).toEqual([]);
    expect(samples.get('conit_peer_up{peer="us-1"}')).toBe(0);
  });

  it('of anti-entropy shows when peers were last equal, and has no sample if that is unknown', async () => {
    const samples = await scrape();
    const success = 'conit_antientropy_last_success_timestamp_seconds{peer="us-1"}';
    expect(samples.get(success)).toBe(1_700_000_000.5);
    expect(samples.get('conit_divergent_keys')).toBe(2);
    const never = withPeer({ compared: { result: 'unknown', equalAtMs: undefined } });
    const nobody = { ...never, self: { ...never.self, divergentKeys: undefined } };
    const unknown = await scrape({ status: () => nobody });
    expect([unknown.get(success), unknown.get('conit_divergent_keys')]).toEqual([
      undefined,
      undefined,
    ]);
    expect(unknown.get('conit_resync_total{kind="tree",reason="divergence"}')).toBe(0);
  });

  it('of a peer that is gone is not reported from memory', async () => {
    const samples = await scrape({ status: () => withPeer({ connected: false }) });
    expect(samples.has('conit_replication_lag_entries{origin="us-1"}')).toBe(false);
  });

  it('disappears with its peer', async () => {
    const now = { status };
    const exposition = createExposition(sources({ status: () => now.status }));
    expect(await exposition.text()).toContain('peer="us-1"');
    now.status = { ...status, peers: [] };
    expect(await exposition.text()).not.toContain('peer="us-1"');
  });

  it('is computed once for each page', async () => {
    let asked = 0;
    const counted = () => {
      asked++;
      return status;
    };
    const exposition = createExposition(sources({ status: counted }));
    await exposition.text();
    expect(asked).toBe(1);
    await exposition.text();
    expect(asked).toBe(2);
  });

  it('is left out if the replica cannot measure it', async () => {
    const samples = await scrape({ status: () => undefined });
    expect([...samples.keys()].some((name) => name.startsWith('conit_applied'))).toBe(false);
    expect(samples.has('conit_writes_total')).toBe(true);
  });
});

describe('state', () => {
  it('is one of five values', async () => {
    const samples = await scrape();
    const states = [...samples].filter(([name]) => name.startsWith('conit_replica_state'));
    expect(states.filter(([, value]) => value === 1)).toEqual([
      ['conit_replica_state{state="serving"}', 1],
    ]);
    expect(states).toHaveLength(5);
  });

  it('of storage and disk is shown', async () => {
    const samples = await scrape({
      storage: { getSeconds: createHistogram([1]), unreadable: 2, failure: 'EIO' },
      disk: { low: true, markBytes: undefined, room: undefined },
    });
    expect(samples.get('conit_storage_failed')).toBe(1);
    expect(samples.get('conit_storage_unreadable_total')).toBe(2);
    expect(samples.get('conit_disk_low')).toBe(1);
    expect(samples.has('conit_disk_available_bytes')).toBe(false);
  });
});

describe('the metrics page as Prometheus reads it', () => {
  let text: string;

  beforeEach(async () => {
    const histogram = createHistogram([0.01, 0.1]);
    histogram.observe(0.05);
    const requests = () => [{ op: 'get', level: 'fifo', code: '2xx', histogram }];
    text = await createExposition(sources({ requests })).text();
  });

  it('has no label called region except in conit_node_info', () => {
    const lines = text.split('\n').filter((line) => /[{,]region=/.test(line));
    expect(lines.map((line) => line.split('{')[0])).toEqual(['conit_node_info']);
  });

  it.skipIf(!hasPromtool())('passes promtool, empty or full', async () => {
    const empty = await createExposition(sources({ status: () => undefined })).text();
    for (const input of [text, empty]) {
      const { status: code, stdout, stderr } = promtool(input);
      expect({ code, said: `${stdout}${stderr}` }).toEqual({ code: 0, said: '' });
    }
  });

  it.skipIf(!hasPromtool())('fails promtool if it is wrong', () => {
    expect(promtool(`${text}# TYPE conit_bad counter\nconit_bad 1\n`).status).not.toBe(0);
  });
});

function promtool(input: string) {
  return spawnSync('promtool', ['check', 'metrics'], { input, encoding: 'utf8' });
}

function hasPromtool(): boolean {
  try {
    execFileSync('promtool', ['--version'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

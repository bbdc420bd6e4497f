// GET /metrics of a running cluster: every family of metrics is present and shows what the cluster
// did, no key or secret appears in it, and promtool accepts it.

import { execFileSync, spawnSync } from 'node:child_process';
import { beforeEach, describe, expect, it } from 'vitest';
import { call } from '../support/call.ts';
import type { TestReplica } from '../support/processes.ts';
import { useCluster } from '../support/fixture.ts';
import { get, put } from '../support/kv.ts';
import { until } from '../support/wait.ts';

const fixture = useCluster();
// Unmeasured values have no sample, so the test waits for the first echo of every peer, also of the
// peer that the test before killed.
beforeEach(() =>
  until('a staleness bound, and the clocks of both peers', async () => {
    const { names, samples } = await scrape(fixture.eu);
    const clocks = samples.filter(({ name }) => name === 'conit_clock_offset_seconds');
    return names.has('conit_staleness_seconds') && clocks.length === 2;
  }),
);

const hasPromtool = spawnSync('promtool', ['--version']).status === 0;

describe('/metrics', () => {
  it('counts the requests of clients', async () => {
    const { eu } = fixture;
    const before = await scrape(eu);
    for (let count = 0; count < 20; count++) await put(eu, `metered/${count}?w=2`, 'value');
    for (let count = 0; count < 10; count++) await get(eu, `metered/${count}`);
    await get(eu, 'metered/none');
    const after = await scrape(eu);
    const grown = (name: string, labels: Labels) =>
      after.sum(name, labels) - before.sum(name, labels);
    const requests = 'conit_request_duration_seconds_count';
    expect(grown(requests, { op: 'put', level: 'eventual', code: '2xx' })).toBe(20);
    expect(grown(requests, { op: 'get', level: 'eventual', code: '2xx' })).toBe(10);
    expect(grown(requests, { op: 'get', code: '4xx' })).toBe(1);
    expect(grown('conit_quorum_wait_seconds_count', { op: 'write' })).toBe(20);
    expect(grown('conit_log_head_sequence', {})).toBeGreaterThanOrEqual(20);
    expect(grown('conit_wal_fsync_seconds_count', {})).toBeGreaterThan(0);
  });

  it('has the families of this list and no others', async () => {
    const { names } = await scrape(fixture.eu);
    const own = [...names].filter((name) => name.startsWith('conit_'));
    expect(own.sort()).toEqual(FAMILIES.toSorted());
  });

  it('shows the stamp of the newest applied entry', async () => {
    const { samples } = await scrape(fixture.eu);
    const stamps = samples.filter(({ name }) => name === 'conit_applied_timestamp_seconds');
    expect(stamps.length).toBeGreaterThan(0);
    for (const { value } of stamps) expect(Math.abs(value - Date.now() / 1000)).toBeLessThan(600);
  });

  it('shows the lag of each peer, and has no sample for an unknown lag', async () => {
    const { eu, ap } = fixture;
    const up = () => scrape(eu).then((page) => page.sum('conit_peer_up', { peer: 'ap-1' }));
    expect(await up()).toBe(1);
    const lag = (page: Page) =>
      page.samples.filter(
        ({ name, labels }) =>
          name === 'conit_replication_lag_seconds' && labels['origin'] === 'ap-1',
      );
    await ap.kill9();
    await until('it is seen to be down', async () => (await up()) === 0);
    for (const { value } of lag(await scrape(eu))) expect(value).toBeGreaterThan(0);
  });

  it('names no key, value or secret, and no label is called region', async () => {
    const { eu, cluster } = fixture;
    await put(eu, 'very-private-key', 'very private value');
    const { text, samples } = await scrape(eu);
    expect(text).not.toContain('very-private-key');
    expect(text).not.toContain('very private value');
    expect(text).not.toContain(cluster.secret);
    const labelled = samples.filter(({ labels }) => Object.hasOwn(labels, 'region'));
    expect(new Set(labelled.map(({ name }) => name))).toEqual(new Set(['conit_node_info']));
  });

  it('does not grow with the number of keys', async () => {
    const { eu } = fixture;
    await put(eu, 'series/first?w=2', 'value');
    const before = new Set(seriesOf(await scrape(eu)));
    for (let count = 0; count < 100; count++) await put(eu, `series/${count}?w=2`, 'value');
    expect(seriesOf(await scrape(eu)).filter((series) => !before.has(series))).toEqual([]);
  });

  // Not run without promtool.
  it.runIf(hasPromtool)('passes promtool check metrics', async () => {
    for (const replica of fixture.cluster.replicas) {
      const { text } = await scrape(replica);
      expect(execFileSync('promtool', ['check', 'metrics'], { input: text }).toString()).toBe('');
    }
  });
});

/** Names and labels, without those that are absent while their value is unknown. */
/**
 * Without those that may be absent: there is no sample for a value that was not measured since the
 * last scrape, or is not proved.
 */
function seriesOf({ samples }: Page): string[] {
  return samples
    .filter(({ name }) => !/_lag_|_rtt_|_staleness_|_event_loop_delay_/.test(name))
    .map(({ name, labels }) => `${name} ${JSON.stringify(labels)}`);
}

/** All families of metrics that a replica serves beside those of Node. */
const FAMILIES = [
  'conit_antientropy_bytes_total',
  'conit_antientropy_last_success_timestamp_seconds',
  'conit_antientropy_rounds_total',
  'conit_applied_sequence',
  'conit_applied_timestamp_seconds',
  'conit_batch_items_total',
  'conit_cache_hits_total',
  'conit_cache_misses_total',
  'conit_checkpoint_age_seconds',
  'conit_checkpoint_bytes_total',
  'conit_checkpoint_pieces',
  'conit_checkpoint_seconds',
  'conit_checkpoints_total',
  'conit_clock_drift_seconds',
  'conit_clock_offset_seconds',
  'conit_clock_refusals_total',
  'conit_clock_trusted',
  'conit_commit_age_seconds',
  'conit_conflicts_total',
  'conit_deletes_repeated_total',
  'conit_delivery_deferred_total',
  'conit_delivery_waiting',
  'conit_dependencies_lost_total',
  'conit_dirty_bytes',
  'conit_dirty_records',
  'conit_disk_available_bytes',
  'conit_disk_low',
  'conit_disk_mark_bytes',
  'conit_disk_size_bytes',
  'conit_divergent_keys',
  'conit_entries_received_total',
  'conit_entries_refused_total',
  'conit_entries_without_room_total',
  'conit_event_loop_delay_seconds',
  'conit_expirations_deleted_total',
  'conit_idempotent_replays_total',
  'conit_incarnation',
  'conit_lists_held_bytes',
  'conit_log_entries_behind_checkpoint',
  'conit_log_entries_replayed_total',
  'conit_log_entries_truncated_total',
  'conit_log_head_sequence',
  'conit_log_lines_dropped_total',
  'conit_namespace_answers',
  'conit_namespace_bytes',
  'conit_namespace_keys',
  'conit_namespace_missing_entries',
  'conit_namespace_state',
  'conit_namespace_tombstones',
  'conit_node_info',
  'conit_peer_claims_refused_total',
  'conit_peer_connects_total',
  'conit_peer_disconnects_total',
  'conit_peer_frame_entries',
  'conit_peer_frames_received_total',
  'conit_peer_frames_sent_total',
  'conit_peer_lag_entries',
  'conit_peer_messages_dropped_total',
  'conit_peer_received_bytes_total',
  'conit_peer_refused_total',
  'conit_peer_rtt_seconds',
  'conit_peer_send_queue_bytes',
  'conit_peer_sent_bytes_total',
  'conit_peer_up',
  'conit_quorum_wait_seconds',
  'conit_read_hedges_total',
  'conit_read_questions_total',
  'conit_read_repairs_total',
  'conit_read_write_backs_total',
  'conit_reads_forwarded_total',
  'conit_ready',
  'conit_records_damaged_total',
  'conit_replay_seconds',
  'conit_replica_state',
  'conit_replication_lag_entries',
  'conit_replication_lag_seconds',
  'conit_replies_broken_total',
  'conit_request_duration_seconds',
  'conit_requests_refused_total',
  'conit_resurrections_refused_total',
  'conit_resync_bytes_total',
  'conit_resync_total',
  'conit_scrub_entries_total',
  'conit_scrub_rounds_total',
  'conit_snapshot_chunks_received_total',
  'conit_snapshot_chunks_sent_total',
  'conit_snapshot_records_absent_total',
  'conit_snapshot_records_received_total',
  'conit_snapshots_postponed_total',
  'conit_snapshots_received_total',
  'conit_stable_cut_sequence',
  'conit_staleness_seconds',
  'conit_storage_failed',
  'conit_storage_get_seconds',
  'conit_storage_unreadable_total',
  'conit_stream_duplicates_total',
  'conit_stream_gaps_total',
  'conit_tombstones',
  'conit_tombstones_dropped_total',
  'conit_tree_leaves_mended_total',
  'conit_tree_rebuilds_total',
  'conit_tree_records_mended_total',
  'conit_wal_batch_entries',
  'conit_wal_batch_operations',
  'conit_wal_fsync_seconds',
  'conit_writes_indeterminate_total',
  'conit_writes_superseded_total',
  'conit_writes_total',
];

type Labels = Readonly<Record<string, string>>;

interface Sample {
  readonly name: string;
  readonly labels: Labels;
  readonly value: number;
}

interface Page {
  readonly text: string;
  readonly names: ReadonlySet<string>;
  readonly samples: readonly Sample[];
  /** The samples of this name with these labels. */
  sum(name: string, labels: Labels): number;
}

async function scrape(replica: TestReplica): Promise<Page> {
  const answer = await call(replica, 'GET', '/metrics');
  expect(answer.status).toBe(200);
  expect(answer.header('content-type')).toContain('text/plain; version=0.0.4');
  const lines = answer.text.split('\n').filter((line) => line !== '');
  const samples = lines.filter((line) => !line.startsWith('#')).map(parseSample);
  const types = lines.filter((line) => line.startsWith('# TYPE '));
  return {
    text: answer.text,
    names: new Set(types.map((line) => line.split(' ')[2] ?? '')),
    samples,
    sum: (name, wanted) =>
      samples
        .filter((sample) => sample.name === name && carries(sample.labels, wanted))
        .reduce((sum, { value }) => sum + value, 0),
  };
}

function parseSample(line: string): Sample {
  const match = /^([a-zA-Z_:][\w:]*)(?:\{(.*)\})? (\S+)$/.exec(line);
  if (match === null) throw new Error(`not a sample: ${line}`);
  const pairs = [...(match[2] ?? '').matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)];
  const labels = Object.fromEntries(pairs.map((pair) => [pair[1] ?? '', pair[2] ?? '']));
  return { name: match[1] ?? '', labels, value: Number(match[3]) };
}

function carries(labels: Labels, wanted: Labels): boolean {
  return Object.entries(wanted).every(([name, value]) => labels[name] === value);
}

import { expect, test } from 'vitest';
import { coreFamilies } from '../../../src/adapters/telemetry/core-families.ts';
import { createMetrics, type MetricRow, METRICS } from '../../../src/model/metrics.ts';

const rows = Object.values<MetricRow>(METRICS);

test('a counter ends with _total, another family does not', () => {
  const wrong = rows.filter(
    ({ kind, family }) => family.name.endsWith('_total') !== kind.startsWith('counter'),
  );
  expect(wrong).toEqual([]);
});

test('a help text is a sentence', () => {
  expect(rows.filter(({ family }) => !/^[A-Z].*\.$/.test(family.help))).toEqual([]);
});

test('every family has its own name, and every series its own labels', () => {
  const families = coreFamilies(createMetrics());
  const names = families.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  for (const { name, samples } of families) {
    const series = samples().map(({ labels, metricName = name }) =>
      JSON.stringify([metricName, labels]),
    );
    expect(new Set(series).size).toBe(series.length);
  }
});

test('a snapshot is counted once, and shown on its own and as a kind of resynchronisation', () => {
  const metrics = createMetrics();
  metrics.snapshotsReceived++;
  const shown = coreFamilies(metrics).flatMap(({ name, samples }) =>
    samples()
      .filter(({ value }) => value > 0)
      .map(({ labels }) => ({ name, labels })),
  );
  const kind = { kind: 'snapshot', reason: 'truncated' };
  expect(shown).toHaveLength(2);
  expect(shown).toContainEqual({ name: 'conit_snapshots_received_total', labels: {} });
  expect(shown).toContainEqual({ name: 'conit_resync_total', labels: kind });
});

test('the families show what the core counts', () => {
  const metrics = createMetrics();
  metrics.writes += 3;
  metrics.deltas.away += 2;
  metrics.treeRoundsEqual += 1;
  metrics.quorumWaitRead.observe(0.002);
  const shown = coreFamilies(metrics).flatMap(({ name, samples }) =>
    samples()
      .filter(({ value }) => value > 0)
      .map(({ labels, value, metricName = name }) => ({ metricName, labels, value })),
  );
  const of = (name: string) => shown.filter(({ metricName }) => metricName === name);
  expect(of('conit_writes_total')).toEqual([
    { metricName: 'conit_writes_total', labels: {}, value: 3 },
  ]);
  expect(of('conit_resync_total')).toEqual([
    { metricName: 'conit_resync_total', labels: { kind: 'delta', reason: 'away' }, value: 2 },
  ]);
  expect(of('conit_antientropy_rounds_total')).toHaveLength(1);
  expect(of('conit_quorum_wait_seconds_count')).toEqual([
    { metricName: 'conit_quorum_wait_seconds_count', labels: { op: 'read' }, value: 1 },
  ]);
});

// The counters and histograms of the core as families for the registry. Names, help and labels are
// those of the rows in model/metrics.ts; rows of one family become its samples.

import { assert, unreachable } from '../../base/assert.ts';
import type { Histogram } from '../../base/histogram.ts';
import { type FamilyText, type MetricRow, METRICS, type Metrics } from '../../model/metrics.ts';
import { type Family, histogramSamples, type Sample } from './family.ts';

interface Series {
  readonly row: MetricRow;
  readonly samples: () => readonly Sample[];
}

export function coreFamilies(metrics: Metrics): readonly Family[] {
  const families = new Map<FamilyText, Series[]>();
  for (const [name, row] of Object.entries<MetricRow>(METRICS)) {
    const read = () => metrics[name as keyof Metrics];
    const also = row.kind === 'counter' ? row.also : undefined;
    for (const place of [row, ...(also === undefined ? [] : [{ ...row, ...also }])]) {
      const series = families.get(place.family) ?? [];
      families.set(place.family, series);
      series.push({ row: place, samples: samplesOf(place, read) });
    }
  }
  return [...families].map(([text, series]) => ({
    ...text,
    type: typeOf(text, series),
    samples: () => series.flatMap(({ samples }) => samples()),
  }));
}

/** Prometheus knows one type for each name, so rows of one family have one type. */
function typeOf({ name }: FamilyText, series: readonly Series[]): Family['type'] {
  const types = new Set(series.map(({ row }) => TYPES[row.kind]));
  const [type] = types;
  assert(type !== undefined && types.size === 1, `metrics: ${name} has one type`);
  return type;
}

const TYPES = {
  counter: 'counter',
  counters: 'counter',
  gauge: 'gauge',
  histogram: 'histogram',
} as const satisfies { readonly [Kind in MetricRow['kind']]: Family['type'] };

type Value = Metrics[keyof Metrics];

// `read` returns what the row says; the type system cannot follow this through the list of rows.
function samplesOf(row: MetricRow, read: () => Value): Series['samples'] {
  const { labels } = row;
  switch (row.kind) {
    case 'counter':
    case 'gauge':
      return () => [{ labels, value: read() as number }];
    case 'counters':
      return () => {
        const counts = read() as { readonly [value: string]: number };
        return row.values.map((value) => ({
          labels: { ...labels, [row.label]: value },
          value: counts[value] ?? 0,
        }));
      };
    case 'histogram':
      return () => histogramSamples(row.family.name, { labels, histogram: read() as Histogram });
    default:
      return unreachable(row);
  }
}

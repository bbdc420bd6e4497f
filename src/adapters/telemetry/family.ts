// Metric families in the form that the registry needs: name, help, type, and samples that are read
// at a scrape. Between scrapes a metric is a plain number in its owner.

import type { Histogram } from '../../base/histogram.ts';

export interface Family {
  readonly name: string;
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram' | 'summary';
  readonly samples: () => readonly Sample[];
}

export interface Sample {
  /** Differs from the family's name in the parts of histograms and summaries. */
  readonly metricName?: string;
  readonly labels: Labels;
  readonly value: number;
}

export type Labels = { readonly [name: string]: string | number };

export interface LabelledHistogram {
  readonly labels: Labels;
  readonly histogram: Histogram;
}

const NO_LABELS: Labels = {};

export function counter(name: string, help: string, read: () => number): Family {
  return { name, help, type: 'counter', samples: () => [{ labels: NO_LABELS, value: read() }] };
}

/** `undefined`: the value is unknown, so it has no sample. */
export function gauge(name: string, help: string, read: () => number | undefined): Family {
  const samples = (): readonly Sample[] => {
    const value = read();
    return value === undefined ? [] : [{ labels: NO_LABELS, value }];
  };
  return { name, help, type: 'gauge', samples };
}

export function gauges(name: string, help: string, samples: () => readonly Sample[]): Family {
  return { name, help, type: 'gauge', samples };
}

export function histogram(name: string, help: string, read: Histogram): Family {
  return histograms(name, help, () => [{ labels: NO_LABELS, histogram: read }]);
}

export function histograms(
  name: string,
  help: string,
  series: () => readonly LabelledHistogram[],
): Family {
  const samples = (): readonly Sample[] => series().flatMap((one) => histogramSamples(name, one));
  return { name, help, type: 'histogram', samples };
}

export function histogramSamples(
  name: string,
  { labels, histogram: read }: LabelledHistogram,
): Sample[] {
  const samples: Sample[] = [];
  let below = 0;
  const bucket = (le: number | string, value: number): void => {
    samples.push({ metricName: `${name}_bucket`, labels: { ...labels, le }, value });
  };
  read.bounds.forEach((bound, index) => {
    below += read.counts[index] ?? 0;
    bucket(bound, below);
  });
  bucket('+Inf', read.count);
  samples.push({ metricName: `${name}_sum`, labels, value: read.sum });
  samples.push({ metricName: `${name}_count`, labels, value: read.count });
  return samples;
}

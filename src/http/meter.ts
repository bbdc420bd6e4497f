// How long requests take: histograms of plain numbers by operation, level and class of status. A
// label set is found in nested maps and never built, so to observe costs two look-ups and the
// additions of the histogram. Operations times levels times five bound the number of series.

import { createHistogram, type Histogram } from '../base/histogram.ts';
import { SECONDS_BUCKETS } from '../model/metrics.ts';

export interface RequestMeter {
  /** A request was answered with a problem. A 404 for a key without a value is not counted. */
  refused(code: string): void;
  /** An operation of a batch was answered. */
  item(op: string, status: number): void;
  observe(op: string, level: string, status: number, seconds: number): void;
}

export interface RequestSeries {
  readonly op: string;
  /** The namespace's level; '' if the request concerns no namespace. */
  readonly level: string;
  /** `2xx` … `5xx`. */
  readonly code: string;
  readonly histogram: Histogram;
}

export interface RequestMeasurements extends RequestMeter {
  /** For the exporter, at scrape time. */
  series(): readonly RequestSeries[];
  /** Operations of batches by name and class of status, as in `put 2xx`. */
  items(): ReadonlyMap<string, number>;
  /** Problems by code; the codes are a closed table. */
  refusals(): ReadonlyMap<string, number>;
}

export function createRequestMeter(): RequestMeasurements {
  const ops = new Map<string, Map<string, (Histogram | undefined)[]>>();
  const series: RequestSeries[] = [];
  const refusals = new Map<string, number>();
  const items = new Map<string, number>();
  const classesOf = (op: string, level: string): (Histogram | undefined)[] => {
    const levels = ops.get(op) ?? new Map<string, (Histogram | undefined)[]>();
    const classes = levels.get(level) ?? [];
    ops.set(op, levels.set(level, classes));
    return classes;
  };
  const open = (op: string, level: string, statusClass: number): Histogram => {
    const histogram = createHistogram(SECONDS_BUCKETS);
    classesOf(op, level)[statusClass] = histogram;
    series.push({ op, level, code: `${statusClass}xx`, histogram });
    return histogram;
  };
  // Cached, because almost every request has the same labels as the one before it.
  let lastOp = '';
  let lastLevel = '';
  let lastClasses: (Histogram | undefined)[] = [];
  return {
    observe(op, level, status, seconds) {
      if (op !== lastOp || level !== lastLevel) {
        lastOp = op;
        lastLevel = level;
        lastClasses = classesOf(op, level);
      }
      const statusClass = Math.floor(status / 100);
      const known = lastClasses[statusClass];
      (known ?? open(op, level, statusClass)).observe(seconds);
    },
    refused(code) {
      if (code !== 'not-found') add(refusals, code);
    },
    item: (op, status) => add(items, `${op} ${Math.floor(status / 100)}xx`),
    items: () => items,
    series: () => series,
    refusals: () => refusals,
  };
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

// A histogram with fixed bounds in plain numbers: observing is a scan over a short array and two
// additions. The exporter turns it into cumulative buckets.

export interface Histogram {
  /** Upper bounds, ascending, inclusive. */
  readonly bounds: readonly number[];
  /** Observations per bucket, not cumulative; the last one is above every bound. */
  readonly counts: readonly number[];
  readonly sum: number;
  readonly count: number;
  observe(value: number): void;
  /**
   * The smallest bound that covers at least `share` (0 to 1) of the observations; Infinity if none
   * does.
   */
  quantile(share: number): number;
}

export function createHistogram(bounds: readonly number[]): Histogram {
  const counts = new Array<number>(bounds.length + 1).fill(0);
  let sum = 0;
  let count = 0;
  return {
    bounds,
    counts,
    get sum() {
      return sum;
    },
    get count() {
      return count;
    },
    observe(value) {
      let bucket = 0;
      while (bucket < bounds.length && value > (bounds[bucket] as number)) bucket++;
      counts[bucket] = (counts[bucket] as number) + 1;
      sum += value;
      count++;
    },
    quantile(share) {
      let seen = 0;
      for (let bucket = 0; bucket < bounds.length; bucket++) {
        seen += counts[bucket] as number;
        if (seen >= share * count) return bounds[bucket] as number;
      }
      return Number.POSITIVE_INFINITY;
    },
  };
}

// Latencies in a log-linear histogram, as HdrHistogram keeps them: 128 steps to each power of two,
// so a quantile is right to 0.8 % whatever its size. The unit is 100 ns; the longest time is 214 s.

const stepBits = 7;
const unitsPerMs = 10_000;
const unitsMax = 2 ** 31 - 1;

export interface Quantiles {
  readonly count: number;
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly p999Ms: number;
  readonly maxMs: number;
}

export class Histogram {
  readonly #counts = new Uint32Array(bucketOf(unitsMax) + 1);
  #count = 0;
  #sumMs = 0;
  #maxMs = 0;

  get count(): number {
    return this.#count;
  }

  record(ms: number): void {
    const bucket = bucketOf(Math.min(unitsMax, Math.max(0, ms * unitsPerMs)) | 0);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
    this.#sumMs += ms;
    if (ms > this.#maxMs) this.#maxMs = ms;
  }

  reset(): void {
    this.#counts.fill(0);
    this.#count = 0;
    this.#sumMs = 0;
    this.#maxMs = 0;
  }

  /** The time that the fraction `q` of all samples did not exceed; 0 when there is no sample. */
  quantileMs(q: number): number {
    const rank = Math.ceil(q * this.#count);
    if (rank === 0) return 0;
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket += 1) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return Math.min(this.#maxMs, middleOf(bucket) / unitsPerMs);
    }
    return this.#maxMs;
  }

  quantiles(): Quantiles {
    return {
      count: this.#count,
      meanMs: this.#count === 0 ? 0 : this.#sumMs / this.#count,
      p50Ms: this.quantileMs(0.5),
      p99Ms: this.quantileMs(0.99),
      p999Ms: this.quantileMs(0.999),
      maxMs: this.#maxMs,
    };
  }
}

function bucketOf(units: number): number {
  const shift = Math.max(0, 31 - stepBits - Math.clz32(units));
  return (shift << stepBits) + (units >>> shift);
}

function middleOf(bucket: number): number {
  const shift = Math.max(0, (bucket >> stepBits) - 1);
  const low = (bucket - (shift << stepBits)) * 2 ** shift;
  return low + 2 ** shift / 2;
}

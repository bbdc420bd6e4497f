// A leaky bucket of failures per address. Each failure adds one and time takes them away one by one; an address whose
// bucket is full waits. The table is bounded: the address that failed first is forgotten first.

export interface ThrottleOptions {
  /** Failures at once before an address has to wait; 0 is no limit. */
  readonly burst: number;
  /** One failure is forgotten per this time. */
  readonly forgetMs: number;
  readonly addressesMax: number;
}

export interface Throttle {
  /** How long the address has to wait, 0 when it may try. */
  waitMs(address: string, nowMs: number): number;
  fail(address: string, nowMs: number): void;
}

interface Bucket {
  level: number;
  atMs: number;
}

export function createThrottle({ burst, forgetMs, addressesMax }: ThrottleOptions): Throttle {
  const buckets = new Map<string, Bucket>();
  const levelOf = (bucket: Bucket, nowMs: number): number =>
    Math.max(0, bucket.level - (nowMs - bucket.atMs) / forgetMs);
  return {
    waitMs(address, nowMs) {
      const bucket = buckets.get(address);
      if (bucket === undefined || burst === 0) return 0;
      const level = levelOf(bucket, nowMs);
      return level + 1 > burst ? Math.ceil((level + 1 - burst) * forgetMs) : 0;
    },
    fail(address, nowMs) {
      const bucket = buckets.get(address);
      const level = bucket === undefined ? 0 : levelOf(bucket, nowMs);
      buckets.set(address, { level: level + 1, atMs: nowMs });
      if (buckets.size > addressesMax) buckets.delete(buckets.keys().next().value as string);
    },
  };
}

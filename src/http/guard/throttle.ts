// A leaky bucket of failures for each key, which is an address or the digest of a failed
// credential. Each failure adds one, and time removes them one by one; a key with a full bucket has
// to wait. The table is bounded: the key whose first failure is oldest is dropped first.

export interface ThrottleOptions {
  /** The number of failures that need no wait; 0 for no limit. */
  readonly burst: number;
  /** After this time the bucket loses one failure. */
  readonly forgetMs: number;
  readonly keysMax: number;
}

export interface Throttle {
  /** How long the key has to wait; 0 if it may try. */
  waitMs(key: string, nowMs: number): number;
  fail(key: string, nowMs: number): void;
}

interface Bucket {
  level: number;
  atMs: number;
}

export function createThrottle({ burst, forgetMs, keysMax }: ThrottleOptions): Throttle {
  const buckets = new Map<string, Bucket>();
  const levelOf = (bucket: Bucket, nowMs: number): number =>
    Math.max(0, bucket.level - (nowMs - bucket.atMs) / forgetMs);
  return {
    waitMs(key, nowMs) {
      const bucket = buckets.get(key);
      if (bucket === undefined || burst === 0) return 0;
      const level = levelOf(bucket, nowMs);
      return level + 1 > burst ? Math.ceil((level + 1 - burst) * forgetMs) : 0;
    },
    fail(key, nowMs) {
      const bucket = buckets.get(key);
      const level = bucket === undefined ? 0 : levelOf(bucket, nowMs);
      buckets.set(key, { level: level + 1, atMs: nowMs });
      if (buckets.size > keysMax) buckets.delete(buckets.keys().next().value as string);
    },
  };
}

// A leaky bucket of failures for each key, an address or the digest of what failed. Each failure adds one and time takes them
// away one by one; a key whose bucket is full waits. The table is bounded: the key that failed first is forgotten first.

export interface ThrottleOptions {
  /** Failures at once before a key has to wait; 0 is no limit. */
  readonly burst: number;
  /** One failure is forgotten per this time. */
  readonly forgetMs: number;
  readonly keysMax: number;
}

export interface Throttle {
  /** How long the key has to wait, 0 when it may try. */
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

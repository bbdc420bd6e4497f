// The resident memory of replicas, sampled from outside, and the maximum of each.

import { type Resident, residentOf } from './proc.ts';
import type { TestReplica } from './processes.ts';

const SAMPLE_MS = 50;
const NOTHING: Resident = { totalBytes: 0, anonymousBytes: 0, fileBytes: 0 };

export interface Peaks {
  of(id: string): Resident;
  stop(): void;
}

export function watchMemory(replicas: readonly TestReplica[]): Peaks {
  const peaks = new Map<string, Resident>();
  const of = (id: string): Resident => peaks.get(id) ?? NOTHING;
  const timer = setInterval(() => {
    for (const { id, pid } of replicas) {
      const now = residentOf(pid);
      if (now.totalBytes > of(id).totalBytes) peaks.set(id, now);
    }
  }, SAMPLE_MS);
  return { of, stop: () => clearInterval(timer) };
}

export function sayResident({ totalBytes, anonymousBytes, fileBytes }: Resident): string {
  const [total, own, files] = [totalBytes, anonymousBytes, fileBytes].map(megabytes);
  return `${total} (${own} its own, ${files} pages of files)`;
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

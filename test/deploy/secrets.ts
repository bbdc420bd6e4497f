// The secrets that deploy/make-secrets.sh makes, as documented in docs/containers.md.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { must } from './command.ts';

export interface Secrets {
  readonly folder: string;
  readonly tokensFile: string;
  readonly metricsTokenFile: string;
  /** Headers of a request with the token for clients. */
  readonly client: Readonly<Record<string, string>>;
  /** With the token for Prometheus. */
  readonly metrics: Readonly<Record<string, string>>;
  /** Texts that must not appear in any other place. */
  readonly texts: readonly string[];
}

export async function makeSecrets(folder: string): Promise<Secrets> {
  await must('sh', ['deploy/make-secrets.sh', folder]);
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8').trim();
  const texts = ['cluster-secret', 'client-token', 'metrics-token'].map(read);
  return {
    folder,
    tokensFile: join(folder, 'tokens.json'),
    metricsTokenFile: join(folder, 'metrics-token'),
    client: bearer(read('client-token')),
    metrics: bearer(read('metrics-token')),
    texts,
  };
}

function bearer(token: string): Readonly<Record<string, string>> {
  return { Authorization: `Bearer ${token}` };
}

// One cluster of three replicas for a whole test file, in a folder of its own. Each test finds
// every replica running, none paused, and all ready.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll } from 'vitest';
import { startCluster, type TestCluster, type TestReplica } from './processes.ts';

export interface ClusterFixture {
  readonly cluster: TestCluster;
  readonly eu: TestReplica;
  readonly us: TestReplica;
  readonly ap: TestReplica;
}

/** A silent peer counts as gone after a second, so tests need not wait longer. */
const ENV = { CONIT_LOG_LEVEL: 'info', CONIT_PEER_TIMEOUT: '1s' };

/** To be called at the top of a test file; the returned object is filled before the first test. */
export function useCluster(env: Readonly<Record<string, string>> = {}): ClusterFixture {
  const dataDir = mkdtempSync(join(tmpdir(), 'conit-e2e-'));
  let cluster: TestCluster | undefined;
  const running = (): TestCluster => {
    if (cluster === undefined) throw new Error('the cluster is not up yet');
    return cluster;
  };
  const at = (index: number): TestReplica => running().replicas[index] as TestReplica;

  beforeAll(async () => {
    cluster = await startCluster({ dataDir, env: { ...ENV, ...env } });
  });
  afterEach(async () => {
    for (const replica of running().replicas) replica.resume();
    await Promise.all(running().replicas.map((replica) => replica.restart()));
  });
  afterAll(async () => {
    await cluster?.stop();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return {
    get cluster() {
      return running();
    },
    get eu() {
      return at(0);
    },
    get us() {
      return at(1);
    },
    get ap() {
      return at(2);
    },
  };
}

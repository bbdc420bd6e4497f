// Wall clocks that are set: libfaketime is loaded between a replica and the clock of the machine,
// and reads the error from a file. The monotonic clock stays correct, as when an operator sets the
// date.

import { existsSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { assert } from '../../../src/base/assert.ts';
import { call } from '../../support/call.ts';
import type { TestReplica } from '../../support/processes.ts';
import { between, dealer, last, type Nemesis, note, type Scene } from './nemesis.ts';

const JUMPS_MS = [-600_000, -5000, -100, 100, 5000, 600_000] as const;
const FURTHEST_MS = 600_000;
const NAME = 'libfaketime.so.1';

/** The library, if installed. */
export function findFaketime(): string | undefined {
  const roots = ['/usr/lib', '/usr/lib64', '/usr/local/lib', '/lib'].filter((root) =>
    existsSync(root),
  );
  const folders = roots.flatMap((root) => [
    root,
    ...readdirSync(root).map((name) => join(root, name)),
  ]);
  return folders
    .flatMap((folder) => [join(folder, NAME), join(folder, 'faketime', NAME)])
    .find((file) => existsSync(file));
}

/** The environment that gives a replica our clock; it is correct at first. */
export function clockEnv(
  library: string | undefined,
  folder: string,
  id: string,
): Readonly<Record<string, string>> {
  assert(library !== undefined, 'clocks are set only where there is libfaketime');
  setOffset(folder, id, 0);
  return {
    LD_PRELOAD: library,
    FAKETIME_TIMESTAMP_FILE: fileOf(folder, id),
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
  };
}

export function clock(scene: Scene): Nemesis {
  const { prng, replicas, folder } = scene;
  const nextJump = dealer(JUMPS_MS, prng);
  const offsets = new Map<string, number>();
  const jump = async (replica: TestReplica, toMs: number): Promise<void> => {
    const fromMs = offsets.get(replica.id) ?? 0;
    offsets.set(replica.id, toMs);
    setOffset(folder, replica.id, toMs);
    const [least, most] = await offsetOf(replica);
    const isThere = (ms: number): boolean => least <= ms && ms <= most;
    const evidence = `from ${fromMs} to ${toMs} ms, seen between ${least} and ${most} ms`;
    note(scene, 'jump', replica.id, evidence, isThere(toMs) && !isThere(fromMs));
  };
  return {
    async strike() {
      const replica = replicas[prng.below(replicas.length)] as TestReplica;
      await jump(replica, nextJump());
      await last(scene, between(prng, 300, 1500));
      if (prng.chance(0.5)) await jump(replica, 0);
    },
    // Stamps never go back, so a replica whose clock was ahead stays ahead of the others until
    // their clocks have caught up, and meanwhile they refuse its writes. The remedy is a cluster
    // whose clocks all show the latest of these times.
    async heal() {
      for (const { id } of replicas) setOffset(folder, id, FURTHEST_MS);
    },
    demand: { jump: 4 },
  };
}

/** The difference of its clock from ours: the reply to a scan contains its time. */
async function offsetOf(replica: TestReplica): Promise<readonly [number, number]> {
  const before = Date.now();
  const reply = await call(replica, 'GET', '/v1/kv/catalog?limit=1');
  const after = Date.now();
  const { asOf } = reply.json() as { readonly asOf: { readonly time: string } };
  const theirs = Date.parse(asOf.time);
  return [theirs - after - 1, theirs - before + 1];
}

function fileOf(folder: string, id: string): string {
  return join(folder, `${id}.clock`);
}

// Written under another name and renamed, because the replica reads the file whenever it reads the
// clock, and must never find it half written.
function setOffset(folder: string, id: string, ms: number): void {
  const file = fileOf(folder, id);
  writeFileSync(`${file}.new`, `${ms < 0 ? '-' : '+'}${Math.abs(ms) / 1000}\n`);
  renameSync(`${file}.new`, file);
}

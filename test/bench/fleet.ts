// Starts and stops systems. A system that does not start is reported as missing, with its reason,
// and the processes that it had started are ended; the others continue.

import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import type { Dataset } from './client/keys.ts';
import type { Options } from './options.ts';
import { stopServersIn } from './process.ts';
import { preload } from './slot.ts';
import { isMissing, type Missing, type System, type SystemKind } from './system.ts';

export interface Fleet {
  readonly systems: readonly System[];
  readonly missing: readonly Missing[];
}

export async function bringUp(
  kinds: readonly SystemKind[],
  folder: string,
  progress: (line: string) => void,
): Promise<Fleet> {
  const all: (System | Missing)[] = [];
  for (const kind of kinds) {
    const started = await start(kind, join(folder, kind.name));
    progress(`${kind.name}: ${isMissing(started) ? `missing, ${started.missing}` : started.about}`);
    all.push(started);
  }
  return fleetOf(all);
}

/** Preloads every data set everywhere; a system that cannot store one is missing from then on. */
export async function fill(
  fleet: Fleet,
  datasets: readonly Dataset[],
  options: Options,
  progress: (line: string) => void,
): Promise<Fleet> {
  const all: (System | Missing)[] = [...fleet.missing];
  for (const system of fleet.systems) {
    const begun = performance.now();
    try {
      for (const dataset of datasets) await preload(system, dataset, options);
      progress(`${system.name}: filled in ${((performance.now() - begun) / 1000).toFixed(1)} s`);
      all.push(system);
    } catch (error) {
      await system.stop();
      all.push({ name: system.name, missing: reasonOf(error) });
      progress(`${system.name}: missing, ${reasonOf(error)}`);
    }
  }
  return fleetOf(all);
}

export async function bringDown(fleet: Fleet): Promise<void> {
  await Promise.all(fleet.systems.map((system) => system.stop()));
}

async function start(kind: SystemKind, folder: string): Promise<System | Missing> {
  mkdirSync(folder, { recursive: true });
  try {
    return await kind.start(folder);
  } catch (error) {
    await stopServersIn(folder);
    return { name: kind.name, missing: reasonOf(error) };
  }
}

function fleetOf(all: readonly (System | Missing)[]): Fleet {
  return {
    systems: all.filter((each): each is System => !isMissing(each)),
    missing: all.filter(isMissing),
  };
}

function reasonOf(error: unknown): string {
  const reason = error instanceof Error ? error.message : String(error);
  return reason.split('\n')[0] ?? reason;
}

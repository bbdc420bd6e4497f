// `npm run test:crash`: faults of processes, machines and disks, and what must remain afterwards.
// Each part reports what it did in a line of its own. Not part of `npm test`, because it takes
// minutes and, for some parts, root.
//
// Exit code 0 if every part that could run has passed, 1 if one failed, 2 for a command line that
// is not valid.

import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPrng } from '../../src/base/prng.ts';
import { atEnd } from './last-will.ts';
import { type Options, parseOptions, usage } from './options.ts';
import type { Part, Result } from './part.ts';
import { head, linesOf } from './report.ts';
import { endOnSignals, runProgram } from '../support/program.ts';

// When this process ends, the replicas end and every mount is removed.
endOnSignals();

await runProgram(usage, parseOptions, runAll);

async function runAll(options: Options): Promise<number> {
  const begunMs = performance.now();
  const folders = makeFolders();
  console.log(`seed ${options.seed}`);
  let failed = 0;
  for (const part of options.parts) {
    if (!(await runOne(part, options, folders))) failed++;
  }
  if (failed > 0) {
    folders.keep();
    console.log(`kept: ${folders.disk} and ${folders.memory}`);
  }
  console.log(`${failed} FAILED; ${((performance.now() - begunMs) / 60_000).toFixed(1)} min`);
  return failed === 0 ? 0 : 1;
}

interface Folders {
  readonly disk: string;
  /** The same if there is no such place. */
  readonly memory: string;
  keep(): void;
}

/** Removed at the end unless it is to be kept; its mounts are gone before. */
function makeFolders(): Folders {
  const hasMemory = statSync('/dev/shm', { throwIfNoEntry: false })?.isDirectory() === true;
  const disk = mkdtempSync(join(tmpdir(), 'conit-crash-'));
  const memory = mkdtempSync(join(hasMemory ? '/dev/shm' : tmpdir(), 'conit-crash-'));
  const keep = atEnd('rm', '-rf', disk, memory);
  return { disk, memory, keep };
}

/** Runs the part and prints its result; false if it failed. */
async function runOne(
  part: Part,
  { seed, rounds = part.roundsDefault }: Options,
  folders: Folders,
): Promise<boolean> {
  const obstacle = part.obstacle?.();
  if (obstacle !== undefined) {
    console.log(`${head('not run', part.name)}  not run: ${obstacle}`);
    return true;
  }
  const folder = join(folders.disk, part.name);
  const memory = join(folders.memory, part.name);
  for (const place of [folder, memory]) mkdirSync(place);
  const begunMs = performance.now();
  const prng = createPrng(seed).split(part.name);
  const result = await part
    .run({ rounds, seed, prng, folder, memory })
    .catch((error: unknown): Result => ({ told: 'ended early', findings: [describe(error)] }));
  console.log(linesOf(part.name, result, performance.now() - begunMs).join('\n'));
  if (result.findings.length > 0) return false;
  for (const place of [folder, memory]) rmSync(place, { recursive: true, force: true });
  return true;
}

function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

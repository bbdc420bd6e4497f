// `npm run test:faults`: real processes under the faults of real machines. Each of four workloads
// meets each of five kinds of faults on a cluster of its own. Clients record what they see, and the
// checkers of the simulation judge it. Not part of `npm test`, because it takes minutes.
//
// Exit code 0 if every cell that could run has passed, 1 if one failed, 2 for a command line that
// is not valid.

import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type Cell, runCell } from './cell.ts';
import { findFaketime } from './nemesis/clock.ts';
import { type Options, parseOptions, usage } from './options.ts';
import { head, linesOf } from './report.ts';
import { endOnSignals, runProgram, type Word } from '../support/program.ts';

// The end of this process ends the replicas, whatever they are doing.
endOnSignals();

await runProgram(usage, parseOptions, runMatrix);

async function runMatrix(options: Options): Promise<number> {
  const { workloads, faults, seed, seconds } = options;
  const folder = folderOf(options);
  const faketime = findFaketime();
  const tally: Record<Word, number> = { passed: 0, FAILED: 0, 'not run': 0 };
  const begunMs = performance.now();
  console.log(`seed ${seed}, ${seconds} s a cell`);
  for (const workload of workloads) {
    for (const fault of faults) {
      const place = join(folder.path, `${workload}-${fault}`);
      const word = await runOne({ workload, fault, seconds, seed, folder: place, faketime });
      tally[word]++;
      if (word === 'FAILED') folder.keep();
    }
  }
  const counts = Object.entries(tally).map(([word, times]) => `${times} ${word}`);
  const minutes = ((performance.now() - begunMs) / 60_000).toFixed(1);
  console.log(`${workloads.length * faults.length} cells: ${counts.join(', ')}; ${minutes} min`);
  return tally.FAILED === 0 ? 0 : 1;
}

/** Runs the cell and prints its result. */
async function runOne(cell: Cell): Promise<Word> {
  const name = `${cell.workload} ${cell.fault}`;
  if (cell.fault === 'clock' && cell.faketime === undefined) {
    console.log(`${head('not run', name)}  not run: libfaketime is missing`);
    return 'not run';
  }
  const begunMs = performance.now();
  const result = await runCell(cell);
  const word = result.findings.length === 0 ? 'passed' : 'FAILED';
  console.log(linesOf(word, name, result, performance.now() - begunMs).join('\n'));
  if (word === 'passed') rmSync(join(cell.folder, 'data'), { recursive: true });
  else console.log(`    kept: ${join(cell.folder, 'history.jsonl')}`);
  return word;
}

/** The folder of the cells' files; removed at the end unless it is to be kept. */
function folderOf({ keep }: Options): { readonly path: string; keep(): void } {
  if (keep !== undefined) {
    mkdirSync(keep, { recursive: true });
    return { path: resolve(keep), keep: () => {} };
  }
  const path = mkdtempSync(join(tmpdir(), 'conit-faults-'));
  let isKept = false;
  process.on('exit', () => {
    if (!isKept) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  });
  return { path, keep: () => void (isKept = true) };
}

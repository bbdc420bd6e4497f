// The digest of each seed's run, one line each, in a file: this shows whether a change of the code
// has changed any event of any run. `--digests` writes such a file, `--against` compares with one.

import { readFileSync, writeFileSync } from 'node:fs';
import type { Summary } from './summary.ts';

const LINE = /^(\d+) ([0-9a-f-]+)$/;

export class Digests {
  readonly #bySeed = new Map<number, string>();

  /** Throws if the file is missing or a line is not `SEED DIGEST`. */
  static read(path: string): Digests {
    const digests = new Digests();
    for (const line of readFileSync(path, 'utf8').split('\n')) {
      if (line === '') continue;
      const [, seed, digest] = LINE.exec(line) ?? [];
      if (seed === undefined || digest === undefined)
        throw new Error(`${path}: "${line}" is not a seed and a digest`);
      digests.#bySeed.set(Number(seed), digest);
    }
    return digests;
  }

  add({ seed, digest }: Summary): void {
    this.#bySeed.set(seed, digest);
  }

  write(path: string): void {
    const lines = [...this.#bySeed].toSorted(([a], [b]) => a - b).map((pair) => pair.join(' '));
    writeFileSync(path, `${lines.join('\n')}\n`);
  }

  /**
   * The differences from `recorded`, one line each. A seed that was not recorded counts as
   * different.
   */
  differences(recorded: Digests): string[] {
    const lines: string[] = [];
    for (const [seed, digest] of this.#bySeed) {
      const before = recorded.#bySeed.get(seed) ?? 'not recorded';
      if (before !== digest) lines.push(`seed ${seed}: recorded ${before}, now ${digest}`);
    }
    return lines;
  }
}

// A copy of the source and its tests, into which one bug at a time is put. Changes in the
// repository during a hunt have no effect on it, and the hunt has none on the repository.

import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ended, runNode } from './child.ts';
import { type Mutant, patched } from './mutant.ts';

const root = join(import.meta.dirname, '..', '..');
const COPIED = [
  'src',
  'test',
  'package.json',
  'tsconfig.json',
  'tsconfig.build.json',
  'vitest.config.ts',
];
const COMPILE_MS_MAX = 120_000;

export class Sandbox {
  readonly path: string;

  constructor() {
    this.path = mkdtempSync(join(tmpdir(), 'conit-mutants-'));
    process.on('exit', () => rmSync(this.path, { recursive: true, force: true, maxRetries: 3 }));
    for (const name of COPIED) cpSync(join(root, name), join(this.path, name), { recursive: true });
    symlinkSync(join(root, 'node_modules'), join(this.path, 'node_modules'));
  }

  /** Throws `RottenError` when the mutant does not fit the source. */
  check(mutant: Mutant): void {
    patched(mutant, this.#read(mutant));
  }

  /** Runs something with the bug, and removes the bug afterwards. */
  async with<Result>(mutant: Mutant, run: () => Promise<Result>): Promise<Result> {
    const source = this.#read(mutant);
    const path = join(this.path, mutant.file);
    writeFileSync(path, patched(mutant, source));
    try {
      return await run();
    } finally {
      writeFileSync(path, source);
    }
  }

  run(args: readonly string[], timeoutMs: number): Promise<Ended> {
    return runNode(args, this.path, timeoutMs);
  }

  /** Whether the product compiles; a copy that does not compile finds nothing. */
  async compile(): Promise<string | undefined> {
    const unused = ['--noUnusedLocals', 'false', '--noUnusedParameters', 'false'];
    const project = ['-p', 'tsconfig.build.json', '--noEmit', '--incremental', 'false'];
    const tsc = join('node_modules', 'typescript', 'bin', 'tsc');
    const { code, stdout } = await this.run([tsc, ...project, ...unused], COMPILE_MS_MAX);
    return code === 0 ? undefined : `does not compile: ${stdout.trim().slice(0, 200)}`;
  }

  #read({ file }: Mutant): string {
    return readFileSync(join(this.path, file), 'utf8');
  }
}

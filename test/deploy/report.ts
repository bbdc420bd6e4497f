// Steps and their results. A step that cannot run here is reported as *not run*, and never counts
// as passed; after a failed step, the rest of its stage is not run.

import { headOf, type Word } from '../support/program.ts';
import { interrupted, isInterrupted } from './interrupt.ts';

/** Thrown by a step, or by a stage between its steps, that cannot run on this machine. */
export class NotRun extends Error {}

class StageEnd extends Error {}

/** Runs the step and reports it, with the returned text. */
export type Step = (name: string, body: () => Promise<string | undefined>) => Promise<void>;

export class Report {
  readonly #tally: Record<Word, number> = { passed: 0, FAILED: 0, 'not run': 0 };

  async stage(name: string, body: (step: Step) => Promise<void>): Promise<void> {
    if (isInterrupted()) return;
    console.log(name);
    try {
      await body((what, run) => this.#step(what, run));
    } catch (error) {
      if (error instanceof NotRun) this.#tell('not run', 'the rest of this', error.message);
      else if (error instanceof StageEnd) this.#tell('not run', 'what follows', 'a step failed');
      else if (!isInterrupted()) this.#tell('FAILED', 'what is around the steps', wordsOf(error));
    }
  }

  /** The last line, and whether nothing has failed. */
  end(): boolean {
    const counts = Object.entries(this.#tally).map(([word, times]) => `${times} ${word}`);
    console.log(counts.join(', '));
    return this.#tally.FAILED === 0 && !isInterrupted();
  }

  async #step(name: string, body: () => Promise<string | undefined>): Promise<void> {
    interrupted.throwIfAborted();
    const begunMs = performance.now();
    try {
      const seen = await body();
      const seconds = ((performance.now() - begunMs) / 1000).toFixed(1);
      this.#tell('passed', name, [seen, `${seconds} s`].filter(Boolean).join('; '));
    } catch (error) {
      interrupted.throwIfAborted();
      if (error instanceof NotRun) {
        this.#tell('not run', name, error.message);
        return;
      }
      this.#tell('FAILED', name, wordsOf(error));
      throw new StageEnd();
    }
  }

  #tell(word: Word, name: string, more: string): void {
    this.#tally[word]++;
    console.log(`  ${headOf(word, name, 0)}${more === '' ? '' : `: ${more}`}`);
  }
}

function wordsOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

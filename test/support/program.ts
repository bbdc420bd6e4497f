// What the programs beside `npm test` have in common: a command line that is checked, the words of
// their reports, and exit codes.
//
//   0         everything that ran has passed
//   1         something failed
//   2         the command line is not understood
//   130, 143  a signal ended it

/** The result of a part. One that cannot run here says so, and is never counted as passed. */
export type Word = 'passed' | 'FAILED' | 'not run';

/** For every program; its help ends with it. */
const EXIT_CODES = `Exit code 0 when all that ran has passed, 1 when something failed, 2 for a command line that is not
understood, 130 or 143 when a signal ended it.`;

/**
 * Reads the options and runs. `parse` gives `undefined` when help is asked for, and throws the
 * reason why it does not understand the command line; `run` gives the exit code.
 */
export async function runProgram<T>(
  usage: string,
  parse: (args: readonly string[]) => T | undefined,
  run: (options: T) => number | Promise<number>,
): Promise<void> {
  let options: T | undefined;
  try {
    options = parse(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (options === undefined) console.log(`${usage}\n\n${EXIT_CODES}`);
  else process.exitCode = await run(options);
}

/**
 * A signal ends the process, and what is bound to its end ends with it: replicas, mounts, folders.
 */
export function endOnSignals(): void {
  process.on('SIGINT', () => process.exit(130));
  process.on('SIGTERM', () => process.exit(143));
}

/** Throws, naming the option, for anything but a number within the bounds, which are included. */
export function numberIn(text: string, name: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && value >= least && value <= most) return value;
  throw new Error(`--${name} must be a number from ${least} to ${most}`);
}

/** The same for a whole number. */
export function wholeNumber(text: string, name: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw new Error(`--${name} must be a whole number from ${least} to ${most}`);
}

/**
 * Words with commas between them, each one of those allowed; all of them where the option is left
 * out.
 */
export function wordsIn<T extends string>(
  text: string | undefined,
  name: string,
  allowed: readonly T[],
): readonly T[] {
  if (text === undefined) return allowed;
  return text
    .split(',')
    .filter((word) => word !== '')
    .map((word) => {
      const known = allowed.find((each) => each === word);
      if (known === undefined) throw new Error(`--${name} does not know ${word}`);
      return known;
    });
}

/** The beginning of a line of a report. */
export function headOf(word: Word, name: string, width: number): string {
  return `${word.padEnd(7)}  ${name.padEnd(width)}`;
}

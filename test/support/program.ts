// What the programs beside `npm test` share: a checked command line, the words of their reports,
// and exit codes.
//
//  0         everything that ran has passed
//  1         something failed
//  2         the command line is not valid
//  130, 143  a signal ended it

/** The result of a part. A part that cannot run here reports that, and never counts as passed. */
export type Word = 'passed' | 'FAILED' | 'not run';

/** Ends the help of every program. */
const EXIT_CODES = `Exit code 0 when all that ran has passed, 1 when something failed, 2 for a command line that is not
understood, 130 or 143 when a signal ended it.`;

/**
 * Reads the options and runs. `parse` returns `undefined` if help is requested, and throws the
 * reason if the command line is not valid; `run` returns the exit code.
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
 * When a signal ends the process, everything that is bound to it ends too: replicas, mounts,
 * folders.
 */
export function endOnSignals(): void {
  process.on('SIGINT', () => process.exit(130));
  process.on('SIGTERM', () => process.exit(143));
}

/**
 * Throws, naming the option, for anything except a number within the bounds, which are included.
 */
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

/** Words with commas between them, each an allowed one; all of them if the option is absent. */
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

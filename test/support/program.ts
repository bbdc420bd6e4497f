// What the programmes beside `npm test` have in common: a command line that is checked, and an exit code.

/**
 * Reads the options and runs. Exit code 2, with the reason and the usage, for a command line that is not understood;
 * `parse` gives `undefined` when help is asked for.
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
  if (options === undefined) console.log(usage);
  else process.exitCode = await run(options);
}

/** Throws, naming the option, for anything but a whole number within the bounds, which are included. */
export function wholeNumber(text: string, name: string, least: number, most: number): number {
  const value = Number(text);
  if (text.trim() !== '' && Number.isInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw new Error(`--${name} must be a whole number from ${least} to ${most}`);
}

// The command lines of the programs beside `npm test`, and their exit codes.

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { headOf, numberIn, runProgram, wholeNumber, wordsIn } from '../../support/program.ts';

describe('an option', () => {
  it('is one of its words, or all of them if it is left out', () => {
    expect(wordsIn('b,a', 'only', ['a', 'b', 'c'])).toEqual(['b', 'a']);
    expect(wordsIn(undefined, 'only', ['a', 'b'])).toEqual(['a', 'b']);
    expect(wordsIn('', 'without', ['a', 'b'])).toEqual([]);
    expect(() => wordsIn('a,d', 'only', ['a', 'b'])).toThrow('--only does not know d');
  });

  it('is a number within its bounds', () => {
    expect(numberIn('0.5', 'seconds', 0.2, 10)).toBe(0.5);
    expect(wholeNumber('10', 'rounds', 1, 10)).toBe(10);
    for (const wrong of ['', ' ', 'x', '11', 'NaN'])
      expect(() => wholeNumber(wrong, 'rounds', 1, 10)).toThrow('--rounds must be a whole number');
    expect(() => wholeNumber('1.5', 'rounds', 1, 10)).toThrow('--rounds');
    expect(() => numberIn('', 'seconds', 0.2, 10)).toThrow('--seconds must be a number');
  });
});

describe('a program', () => {
  const before = process.exitCode;
  const said: string[] = [];
  beforeEach(() => {
    said.length = 0;
    vi.spyOn(console, 'log').mockImplementation((line: string) => void said.push(line));
    vi.spyOn(console, 'error').mockImplementation((line: string) => void said.push(line));
  });
  afterEach(() => {
    process.exitCode = before;
    vi.restoreAllMocks();
  });

  it('ends with the exit code of its run', async () => {
    await runProgram(
      'usage',
      () => 3,
      (options) => options,
    );
    expect(process.exitCode).toBe(3);
  });

  it('prints its usage on request, and does nothing else', async () => {
    let hasRun = false;
    await runProgram(
      'usage',
      () => undefined,
      () => {
        hasRun = true;
        return 0;
      },
    );
    expect(said).toHaveLength(1);
    expect(said[0]).toMatch(/^usage\n\nExit code 0 /);
    expect(hasRun).toBe(false);
  });

  it('ends with 2, the reason and its usage if the command line is wrong', async () => {
    const refuse = (): undefined => {
      throw new Error('--only does not know x');
    };
    await runProgram('usage', refuse, () => 0);
    expect(said).toEqual(['--only does not know x\n\nusage']);
    expect(process.exitCode).toBe(2);
  });
});

it('a line of a report begins with a word of one width', () => {
  expect(headOf('passed', 'a', 3)).toBe('passed   a  ');
  expect(headOf('not run', 'a', 0)).toBe('not run  a');
});

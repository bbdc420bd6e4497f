// The terminal as commands see it: input, output and properties. Tests replace it with their own.
//
// A command writes its results completely or fails: if the reader closes the pipe (`conit ls … |
// head`), the command ends without a message; if the disk is full, it ends with a message and exit
// code 74. Messages may block for at most MESSAGE_MS, so a reader that stopped reading standard
// error cannot keep the process running.

import { fstatSync, writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { openLogDevice } from '../adapters/telemetry/log-device.ts';
import { LogOutput } from '../adapters/telemetry/log-output.ts';
import { CommandError, EXIT } from './exit.ts';

export interface Terminal {
  /** Results. */
  readonly out: (chunk: string | Uint8Array) => void;
  /** Messages, warnings and progress for the person. */
  readonly say: (text: string) => void;
  readStdin(): Promise<Uint8Array>;
  readonly isOutTty: boolean;
  readonly isSayTty: boolean;
  /** Width in characters, for lines that must not wrap. */
  readonly columns: number;
}

const STANDARD_OUTPUT = 1;
const STANDARD_ERROR = 2;
const MESSAGE_MS = 2000;

export function processTerminal(): Terminal {
  const say = createVoice();
  return {
    out: createOut(say),
    say,
    async readStdin() {
      const chunks: Uint8Array[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
      return Buffer.concat(chunks);
    },
    isOutTty: isatty(STANDARD_OUTPUT),
    isSayTty: isatty(STANDARD_ERROR),
    get columns() {
      return process.stdout.columns || 80;
    },
  };
}

function createVoice(): Terminal['say'] {
  const output = new LogOutput({
    device: openLogDevice(STANDARD_ERROR),
    onResumed: () => undefined,
  });
  return (text) => {
    output.write(text);
    output.flushNow(MESSAGE_MS);
  };
}

/**
 * For pipes and terminals Node's streams write everything. To a file Node writes once, and ignores
 * how much was written.
 */
function createOut(say: Terminal['say']): Terminal['out'] {
  if (isFileLike(STANDARD_OUTPUT)) return writeWhole;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok);
    say(`conit: ${notWritten(error)}\n`);
    process.exit(EXIT.output);
  });
  return (chunk) => void process.stdout.write(chunk);
}

function isFileLike(fd: number): boolean {
  try {
    const stat = fstatSync(fd);
    return stat.isFile() || (stat.isCharacterDevice() && !isatty(fd));
  } catch {
    return false;
  }
}

function writeWhole(chunk: string | Uint8Array): void {
  let rest: Uint8Array = typeof chunk === 'string' ? Buffer.from(chunk) : chunk;
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(STANDARD_OUTPUT, rest));
    } catch (error) {
      throw new CommandError(EXIT.output, notWritten(error as Error));
    }
  }
}

function notWritten({ message }: Error): string {
  return `the output could not be written: ${message}; the command itself may have succeeded`;
}

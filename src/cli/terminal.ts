// The terminal as commands see it: what they read, write and know of it. Tests put their own in its place.

export interface Terminal {
  /** Results. */
  readonly out: (chunk: string | Uint8Array) => void;
  /** Everything that is said to the person: messages, warnings, progress. */
  readonly say: (text: string) => void;
  readStdin(): Promise<Uint8Array>;
  readonly isOutTty: boolean;
  readonly isSayTty: boolean;
  /** Width in characters, for lines that must not wrap. */
  readonly columns: number;
}

export function processTerminal(): Terminal {
  const stdout = process.stdout;
  const stderr = process.stderr;
  // A reader that goes away (`conit ls … | head`) is no failure of ours.
  stdout.on('error', () => process.exit(0));
  return {
    out: (chunk) => void stdout.write(chunk),
    say: (text) => void stderr.write(text),
    async readStdin() {
      const chunks: Uint8Array[] = [];
      for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array);
      return Buffer.concat(chunks);
    },
    isOutTty: stdout.isTTY,
    isSayTty: stderr.isTTY,
    get columns() {
      return stdout.columns || 80;
    },
  };
}

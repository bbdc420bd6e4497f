// The session of the command line: a file with the token of the last reply (docs/consistency.md).
// Commands that name the same file continue one session at any replica. If the file does not exist,
// a session begins.

import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { decodeText, plainValue } from '../config/text.ts';
import { CommandError, EXIT } from './exit.ts';

export class SessionFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** `undefined`: a session begins. */
  read(): string | undefined {
    try {
      const decoded = decodeText(readFileSync(this.#path));
      if (!decoded.ok)
        throw new CommandError(EXIT.usage, `--session: ${this.#path} ${decoded.reason}`);
      return plainValue(decoded.value);
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error instanceof CommandError ? error : this.#failure('read', error);
    }
  }

  /** The file always has either the old or the new token, whenever the command ends. */
  write(token: string): void {
    try {
      const next = `${this.#path}.next`;
      writeFileSync(next, `${token}\n`, { mode: 0o600 });
      renameSync(next, this.#path);
    } catch (error) {
      throw this.#failure('written', error);
    }
  }

  #failure(done: string, error: unknown): CommandError {
    const code = codeOf(error) ?? 'error';
    return new CommandError(EXIT.usage, `--session: ${this.#path} cannot be ${done} (${code})`);
  }
}

function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined;
}

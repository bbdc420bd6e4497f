// Loads credentials: the cluster's secret from a variable, or from the file that another variable
// names, the second secret while the secret is being changed, and the access tokens of clients.

import { readFileSync, statSync } from 'node:fs';
import { parseTokens, type Token } from '../api/token.ts';
import { parseTree } from './file.ts';
import { variableOf } from './option.ts';
import type { Complain, Resolved } from './resolve.ts';
import { parseSecret, type Secret, SECRET_BYTES_MAX } from './secret.ts';
import type { TABLE } from './table.ts';
import { decodeLoosely, decodeText } from './text.ts';

const VARIABLE = variableOf('clusterSecret');
const FILE_VARIABLE = variableOf('clusterSecretFile');
const SECOND_VARIABLE = variableOf('secondSecretFile');

export function clusterSecretOf(
  { values, refused }: Resolved<typeof TABLE>,
  complain: Complain,
  warn: Complain,
): Secret | undefined {
  const { clusterSecret: text, clusterSecretFile: file } = values;
  if (text !== undefined && file !== undefined) {
    complain(VARIABLE, `is set, and so is ${FILE_VARIABLE}; remove one of them`);
    return undefined;
  }
  if (file !== undefined) return fromFile(FILE_VARIABLE, file, complain, warn);
  if (text === undefined && !refused.has('clusterSecret')) {
    const how = 'make one with: openssl rand -hex 32 > secret && chmod 600 secret';
    complain(`${VARIABLE} or ${FILE_VARIABLE}`, `is required; ${how}`);
  }
  return text;
}

/** `undefined`: only the cluster's secret is accepted. */
export function secondSecretOf(
  { values }: Resolved<typeof TABLE>,
  complain: Complain,
  warn: Complain,
): Secret | undefined {
  const file = values.secondSecretFile;
  return file === undefined ? undefined : fromFile(SECOND_VARIABLE, file, complain, warn);
}

function fromFile(
  variable: string,
  file: string,
  complain: Complain,
  warn: Complain,
): Secret | undefined {
  const where = `${variable} ${file}`;
  const read = readSmall(file, SECRET_BYTES_MAX, decodeLoosely);
  if (!read.ok) {
    complain(where, read.reason);
    return undefined;
  }
  if (read.isOpen) warn(where, 'can be read by every user of this machine; run chmod 600 on it');
  const parsed = parseSecret(read.text);
  if (parsed.ok) return parsed.value;
  complain(where, parsed.reason);
  return undefined;
}

const TOKENS_VARIABLE = variableOf('tokensFile');
const TOKENS_BYTES_MAX = 1024 * 1024;

/** `undefined` if no file is configured; a file without a token is refused. */
export function tokensOf(
  { values }: Resolved<typeof TABLE>,
  complain: Complain,
): readonly Token[] | undefined {
  const file = values.tokensFile;
  if (file === undefined) return undefined;
  const where = `${TOKENS_VARIABLE} ${file}`;
  const read = readSmall(file, TOKENS_BYTES_MAX, decodeText);
  const tree = read.ok ? parseTree(file, read.text) : read;
  if (!tree.ok) {
    complain(where, tree.reason);
    return undefined;
  }
  const parsed = parseTokens(tree.value);
  if (parsed.ok) return parsed.tokens;
  for (const problem of parsed.problems) complain(where, problem);
  return undefined;
}

type Read =
  | { readonly ok: true; readonly text: string; readonly isOpen: boolean }
  | { readonly ok: false; readonly reason: string };

function readSmall(file: string, bytesMax: number, decode: typeof decodeText): Read {
  try {
    const { mode, size } = statSync(file);
    if (size > bytesMax) return { ok: false, reason: `is longer than ${bytesMax} bytes` };
    const decoded = decode(readFileSync(file));
    return decoded.ok ? { ok: true, text: decoded.value, isOpen: (mode & 0o007) !== 0 } : decoded;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    return { ok: false, reason: `cannot be read (${code})` };
  }
}

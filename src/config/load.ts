// The configuration of this process, and the only reader of its environment. config/table.ts lists
// the settings. A flag wins over a variable, a variable over the file, the file over the default.
// The result is a frozen configuration, or a list of everything that is wrong.

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { assemble, type Config } from './assemble.ts';
import type { Effective } from './describe.ts';
import { type Document, parseFile } from './file.ts';
import { decline, type Parsed } from './kind.ts';
import { variableOf } from './option.ts';
import { type Problem, resolve, type Sources } from './resolve.ts';
import { TABLE } from './table.ts';
import { decodeText, plainValue } from './text.ts';

export interface Loaded {
  /** `undefined` exactly when there are problems. */
  readonly config: Config | undefined;
  readonly effective: Effective;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** By the name of the setting. */
export type Flags = { readonly [name: string]: string | undefined };
export type Environment = { readonly [variable: string]: string | undefined };

export function loadConfig(flags: Flags, environment: Environment = takeEnvironment()): Loaded {
  const named = flags['config'] ?? environment[variableOf('config')];
  const name = named === undefined ? undefined : plainValue(named) || undefined;
  const read = name === undefined ? undefined : readDocument(name);
  const fileName = name === undefined ? undefined : basename(name);
  const document = read?.ok === true ? read.value : undefined;
  const file = document && fileName !== undefined ? { name: fileName, document } : undefined;
  const sources: Sources = { flags, environment, file };
  const resolved = resolve(TABLE, sources);
  const policiesAt = resolved.sources['namespaces'] === 'file' ? fileName : undefined;
  const { config, effective, problems, warnings } = assemble(resolved, policiesAt);
  const values = { values: effective, sources: resolved.sources };
  if (read === undefined || read.ok) return { config, effective: values, problems, warnings };
  const unread = { where: name ?? '', reason: read.reason };
  return { config: undefined, effective: values, problems: [unread, ...problems], warnings };
}

function readDocument(name: string): Parsed<Document> {
  try {
    const decoded = decodeText(readFileSync(name));
    return decoded.ok ? parseFile(name, decoded.value) : decoded;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'error';
    return decline(`cannot be read (${code})`);
  }
}

/**
 * The environment of this process. Secrets are removed from it, so that neither a child process nor
 * a diagnostic report contains them.
 */
function takeEnvironment(): Environment {
  const environment = { ...process.env };
  for (const [name, { secret }] of Object.entries(TABLE)) {
    if (secret) delete process.env[variableOf(name)];
  }
  return environment;
}

/** The environment for a child replica: ours with these changes; `undefined` removes a variable. */
export function childEnvironment(settings: Environment): Environment {
  return { ...process.env, ...settings };
}

interface ClientDefaults {
  readonly url: string;
  readonly tokenFile: string | undefined;
}

/** The replica that the client commands ask by default. */
export const URL_DEFAULT = 'http://127.0.0.1:7070';

/** The settings of the client commands in the environment. */
export function clientDefaults(): ClientDefaults {
  return {
    url: plainValue(process.env['CONIT_URL'] ?? '') || URL_DEFAULT,
    tokenFile: plainValue(process.env['CONIT_TOKEN_FILE'] ?? '') || undefined,
  };
}

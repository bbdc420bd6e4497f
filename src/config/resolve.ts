// Finds each setting's value: a flag before a variable, a variable before the file, the file before
// the default. All errors are collected, so that one start shows everything to correct.

import type { Document } from './file.ts';
import { flagOf, type Option, type Table, variableOf, type ValuesOf } from './option.ts';
import { plainValue } from './text.ts';

export type Source = 'flag' | 'environment' | 'file' | 'default' | 'absent';

export interface Sources {
  /** By the name of the setting. */
  readonly flags: { readonly [name: string]: string | undefined };
  readonly environment: { readonly [variable: string]: string | undefined };
  readonly file: { readonly name: string; readonly document: Document } | undefined;
}

export interface Problem {
  /** The source of the value: `--http`, `CONIT_HTTP`, `conit.yaml: http`. */
  readonly where: string;
  readonly reason: string;
}

/** Records a problem. */
export type Complain = (where: string, reason: string) => void;

export interface Resolved<T> {
  /** A refused value is replaced by the default. */
  readonly values: ValuesOf<T>;
  readonly refused: ReadonlySet<keyof T>;
  readonly sources: { readonly [name: string]: Source };
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export function resolve<T extends Table>(table: T, given: Sources): Resolved<T> {
  const values: { [name: string]: unknown } = {};
  const sources: { [name: string]: Source } = {};
  const refused = new Set<keyof T>();
  const problems = unknownKeys(table, given.file);
  for (const [name, option] of Object.entries<Option<unknown>>(table)) {
    const found = find(name, option, given);
    sources[name] = found?.source ?? (option.fallback === undefined ? 'absent' : 'default');
    values[name] = option.fallback;
    if (found === undefined) continue;
    const parsed = option.kind.parse(found.raw);
    if (parsed.ok) values[name] = parsed.value;
    else {
      refused.add(name);
      problems.push({ where: found.where, reason: parsed.reason });
    }
  }
  const warnings = unknownVariables(table, given.environment);
  return { values: values as ValuesOf<T>, refused, sources, problems, warnings };
}

interface Finding {
  readonly raw: unknown;
  readonly source: Source;
  readonly where: string;
}

function find(name: string, option: Option<unknown>, given: Sources): Finding | undefined {
  const flag = flagOf(name, option);
  const flagged = given.flags[name];
  if (flag !== undefined && flagged !== undefined) {
    return { raw: plainValue(flagged), source: 'flag', where: `--${flag}` };
  }
  const variable = variableOf(name);
  const spoken = plainOf(given.environment[variable]);
  // An empty variable, as templates leave behind, counts as unset. An empty secret is refused.
  if (option.inEnvironment && spoken !== undefined && (spoken !== '' || option.secret)) {
    return { raw: spoken, source: 'environment', where: variable };
  }
  const { file } = given;
  if (file === undefined || !option.inFile || !Object.hasOwn(file.document, name)) return undefined;
  return { raw: file.document[name], source: 'file', where: `${file.name}: ${name}` };
}

function plainOf(value: string | undefined): string | undefined {
  return value === undefined ? undefined : plainValue(value);
}

function unknownKeys(table: Table, file: Sources['file']): Problem[] {
  if (file === undefined) return [];
  const names = Object.keys(table).filter((name) => table[name]?.inFile);
  return Object.keys(file.document)
    .filter((name) => !names.includes(name))
    .map((name) => ({ where: `${file.name}: ${name}`, reason: refusal(table, name, names) }));
}

function refusal(table: Table, name: string, names: readonly string[]): string {
  const known = Object.hasOwn(table, name);
  if (known) return `does not belong in a file; set ${variableOf(name)}`;
  return `is not a setting${suggestion(name, names)}`;
}

// Kubernetes sets such variables in every pod if a service has the name conit.
const ORCHESTRATED = /_(?:SERVICE_HOST|SERVICE_PORT(?:_.*)?|PORT(?:_.*)?)$/;
/** Variables of the client commands. */
const OTHERS: readonly string[] = ['CONIT_URL', 'CONIT_TOKEN_FILE'];

function unknownVariables(table: Table, environment: Sources['environment']): Problem[] {
  const known = Object.keys(table)
    .filter((name) => table[name]?.inEnvironment)
    .map(variableOf);
  return Object.keys(environment)
    .filter((name) => name.startsWith('CONIT_') && !known.includes(name) && !OTHERS.includes(name))
    .filter((name) => !ORCHESTRATED.test(name) && name !== 'CONIT_PORT')
    .map((name) => ({ where: name, reason: `is not a setting${suggestion(name, known)}` }));
}

function suggestion(name: string, known: readonly string[]): string {
  const near = known.find((other) => distance(name.toLowerCase(), other.toLowerCase()) <= 2);
  return near === undefined ? '' : `; did you mean ${near}?`;
}

/** The Levenshtein distance: insertions, deletions and substitutions between two short texts. */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, at) => at);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const change = (row[j - 1] ?? 0) + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(change, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}

// One row of the table of settings, and the names that follow from it: the setting `dataDir` is the
// variable CONIT_DATA_DIR and, unless the row says otherwise, the flag --data-dir.

import { HTTP_LIMITS_DEFAULT, type HttpLimits } from '../api/limits.ts';
import { SETTINGS_DEFAULT, type Settings } from '../model/settings.ts';
import type { Kind } from './kind.ts';

export const GROUPS = ['Identity', 'Network', 'Security', 'Storage', 'Data', 'Tuning'] as const;
type Group = (typeof GROUPS)[number];

type Numbers<T> = { [Name in keyof T]: T[Name] extends number ? Name : never }[keyof T];
type CoreName = Numbers<typeof SETTINGS_DEFAULT>;
type WebName = Numbers<HttpLimits>;

/** Where the number goes: a setting of the core, or a limit of the HTTP server. */
export type Target =
  | { readonly of: 'core'; readonly name: CoreName }
  | { readonly of: 'http'; readonly name: WebName };

export interface Option<T> {
  readonly kind: Kind<T>;
  readonly group: Group;
  readonly meaning: string;
  /** `undefined`: no default; `absent` says what happens without a value. */
  readonly fallback: T | undefined;
  readonly absent: string;
  /** Another name for the flag; false if the value must not appear in the process's arguments. */
  readonly flag: string | false | undefined;
  /** May be set in a file. */
  readonly inFile: boolean;
  /** May be a variable. */
  readonly inEnvironment: boolean;
  /** Its value is masked in every output. */
  readonly secret: boolean;
  /** `undefined`: assemble.ts uses the value. */
  readonly target: Target | undefined;
}

/** A setting with a default. */
export function setting<T>(
  group: Group,
  kind: Kind<T>,
  fallback: NoInfer<T>,
  meaning: string,
  more: Partial<Option<T>> = {},
): Option<T> & { readonly fallback: T } {
  return { ...ROW, group, kind, meaning, ...more, fallback };
}

/** A number of the core, with the core's default. */
export function coreSetting(group: Group, kind: Kind<number>, name: CoreName, meaning: string) {
  return setting(group, kind, SETTINGS_DEFAULT[name], meaning, { target: { of: 'core', name } });
}

/** A limit of the HTTP server, with the server's default. */
export function webSetting(group: Group, kind: Kind<number>, name: WebName, meaning: string) {
  return setting(group, kind, HTTP_LIMITS_DEFAULT[name], meaning, { target: { of: 'http', name } });
}

/** The part of the core's settings that these values set. */
export function coreValues(table: Table, values: Numbered): Partial<Settings> {
  return targeted(table, values, 'core');
}

/** The part of the HTTP server's limits that these values set. */
export function webValues(table: Table, values: Numbered): Partial<HttpLimits> {
  return targeted(table, values, 'http');
}

type Numbered = { readonly [name: string]: unknown };

function targeted(table: Table, values: Numbered, of: Target['of']): { [name: string]: number } {
  const found: { [name: string]: number } = {};
  for (const [name, { target }] of Object.entries(table))
    if (target?.of === of) found[target.name] = values[name] as number;
  return found;
}

/** A setting without a default. */
export function optional<T>(
  group: Group,
  kind: Kind<T>,
  absent: string,
  meaning: string,
  more: Partial<Option<T>> = {},
): Option<T> & { readonly fallback: undefined } {
  return { ...ROW, group, kind, meaning, absent, ...more, fallback: undefined };
}

const ROW = {
  absent: '',
  flag: undefined,
  inFile: true,
  inEnvironment: true,
  secret: false,
  target: undefined,
} as const;

export type Table = { readonly [name: string]: Option<unknown> };

type ValueOf<O> = O extends { readonly kind: Kind<infer T>; readonly fallback: infer F }
  ? F extends undefined
    ? T | undefined
    : T
  : never;

export type ValuesOf<T> = { readonly [Name in keyof T]: ValueOf<T[Name]> };

export function variableOf(name: string): string {
  return `CONIT_${words(name, '_').toUpperCase()}`;
}

/** Without the dashes; `undefined` if there is no flag. */
export function flagOf(name: string, option: { readonly flag: string | false | undefined }) {
  return option.flag === false ? undefined : (option.flag ?? words(name, '-'));
}

function words(name: string, joint: string): string {
  return name.replace(/[A-Z]/g, (letter) => joint + letter.toLowerCase());
}

// One row of the table of settings, and the names that follow from it: the setting `dataDir` is the variable
// CONIT_DATA_DIR and, unless the row says otherwise, the flag --data-dir.

import type { Kind } from './kind.ts';

export const GROUPS = ['Identity', 'Network', 'Security', 'Storage', 'Data', 'Tuning'] as const;
type Group = (typeof GROUPS)[number];

export interface Option<T> {
  readonly kind: Kind<T>;
  readonly group: Group;
  readonly meaning: string;
  /** `undefined`: there is none, and `absent` says what happens without. */
  readonly fallback: T | undefined;
  readonly absent: string;
  /** A name of its own, or false where the process's arguments are no place for it. */
  readonly flag: string | false | undefined;
  /** May stand in a file. */
  readonly inFile: boolean;
  /** May be a variable. */
  readonly inEnvironment: boolean;
  /** Never shown. */
  readonly secret: boolean;
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

/** Without the dashes; `undefined` where there is none. */
export function flagOf(name: string, option: { readonly flag: string | false | undefined }) {
  return option.flag === false ? undefined : (option.flag ?? words(name, '-'));
}

function words(name: string, joint: string): string {
  return name.replace(/[A-Z]/g, (letter) => joint + letter.toLowerCase());
}

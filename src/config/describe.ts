// The table of settings in other forms: as the JSON schema of a file, as the effective
// configuration, and as the table of docs/configuration.md.

import { stringify } from 'yaml';
import { type JsonSchema, type Kind } from './kind.ts';
import { flagOf, GROUPS, type Option, type Table, variableOf } from './option.ts';
import type { Source } from './resolve.ts';
import { SECRET_MASK } from './secret.ts';

type Rows = readonly (readonly [name: string, option: Option<unknown>])[];

/** The schema (draft 2020-12) of a configuration file. */
export function schemaOf(table: Table): JsonSchema {
  const rows = rowsOf(table).filter(([, option]) => option.inFile);
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    title: 'Configuration of a Conit replica',
    type: 'object',
    additionalProperties: false,
    properties: Object.fromEntries(rows.map(([name, option]) => [name, propertyOf(option)])),
  };
}

function propertyOf({ kind, meaning, fallback }: Option<unknown>): JsonSchema {
  const shown = fallback === undefined ? {} : { default: kind.show(fallback) };
  return { description: meaning, ...kind.schema, ...shown };
}

export interface Effective {
  readonly values: { readonly [name: string]: unknown };
  readonly sources: { readonly [name: string]: Source };
}

/**
 * The effective values in the form of a file; secrets are masked, settings without a value left
 * out.
 */
export function showValues(table: Table, { values }: Effective): { [name: string]: unknown } {
  const present = rowsOf(table).filter(([name]) => values[name] !== undefined);
  return Object.fromEntries(
    present.map(([name, { kind, secret }]) => [
      name,
      secret ? SECRET_MASK : kind.show(values[name]),
    ]),
  );
}

/** The same as YAML that can be used as a configuration file, with the source of each value. */
export function showYaml(table: Table, effective: Effective): string {
  const shown = showValues(table, effective);
  const lines = rowsOf(table)
    .filter(([name]) => Object.hasOwn(shown, name))
    .map(([name, option]) => showRow(name, option, shown[name], effective.sources[name]));
  return lines.join('');
}

function showRow(
  name: string,
  option: Option<unknown>,
  shown: unknown,
  source: Source | undefined,
): string {
  const text = stringify({ [name]: shown });
  const from = originOf(name, option, source);
  const [head = '', ...rest] = text.split('\n');
  const line = `${head.padEnd(40)} # ${from}`;
  return [option.inFile ? line : `# ${line}`, ...rest].join('\n');
}

function originOf(name: string, option: Option<unknown>, source: Source | undefined): string {
  if (source === 'flag') return `--${flagOf(name, option)}`;
  if (source === 'environment') return variableOf(name);
  return source === 'absent' || source === undefined ? 'derived' : source;
}

/** The table of settings in docs/configuration.md. */
export function markdownOf(table: Table): string {
  const head = '| setting | variable | flag | unit | default | bound | meaning |\n';
  const rule = '|---|---|---|---|---|---|---|\n';
  const rows = rowsOf(table).map(([name, option]) => {
    const flag = flagOf(name, option);
    const cells = [
      option.inFile ? `\`${name}\`` : '',
      option.inEnvironment ? `\`${variableOf(name)}\`` : '',
      flag === undefined ? '' : `\`--${flag}\``,
      option.kind.unit,
      defaultOf(option),
      option.kind.bound,
      option.meaning,
    ];
    return `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  });
  return head + rule + rows.join('');
}

/** The default in words, for people. */
export function defaultOf({ kind, fallback, absent }: Option<unknown>): string {
  if (fallback === undefined) return absent;
  return showText(kind, fallback);
}

function showText(kind: Kind<unknown>, value: unknown): string {
  const shown = kind.show(value);
  if (typeof shown !== 'object' || shown === null) return `\`${String(shown)}\``;
  return Object.keys(shown)
    .map((name) => `\`${name}\``)
    .join(', ');
}

/** In the order of the groups, and within one in the order of the table. */
export function rowsOf(table: Table): Rows {
  const rows = Object.entries(table);
  return GROUPS.flatMap((group) => rows.filter(([, option]) => option.group === group));
}

// Parses files that people write: JSON or YAML 1.2, without repeated keys and aliases. The table of
// settings decides what the members of a configuration file mean.

import { parseDocument } from 'yaml';
import { accept, decline, type Parsed } from './kind.ts';

export type Document = { readonly [name: string]: unknown };

const TEXT_LENGTH_MAX = 1024 * 1024;

/** An object of settings. */
export function parseFile(name: string, text: string): Parsed<Document> {
  const tree = parseTree(name, text);
  if (!tree.ok) return tree;
  if (tree.value === null) return accept({});
  const isObject = typeof tree.value === 'object' && !Array.isArray(tree.value);
  return isObject ? accept(tree.value as Document) : decline('must hold an object of settings');
}

/** YAML includes JSON, but a file named .json must follow JSON's own grammar. */
export function parseTree(name: string, text: string): Parsed<unknown> {
  if (text.length > TEXT_LENGTH_MAX) return decline('is longer than 1 MiB');
  const reason = name.endsWith('.json') ? jsonProblem(text) : undefined;
  return reason === undefined ? parseYaml(text) : decline(reason);
}

function jsonProblem(text: string): string | undefined {
  try {
    JSON.parse(text);
    return undefined;
  } catch (error) {
    return `is not JSON: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function parseYaml(text: string): Parsed<unknown> {
  const document = parseDocument(text, { schema: 'core', uniqueKeys: true, prettyErrors: true });
  const [defect] = [...document.errors, ...document.warnings];
  if (defect !== undefined) return decline(`cannot be read: ${defect.message.split('\n')[0]}`);
  try {
    return accept(document.toJS({ maxAliasCount: 0 }));
  } catch (error) {
    return decline(`cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
}

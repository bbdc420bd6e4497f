// Whatever documents and comments name must exist: files, documents, sections, traps, rules of
// storage. Every rule takes texts and returns what is wrong, so the tests can show that it finds
// something.

import { readdirSync, readFileSync } from 'node:fs';
import { join, posix, relative } from 'node:path';
import { tokenize } from './source.ts';

export interface TextFile {
  /** From the root of the repository, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

/** Folders that hold nothing of ours, or nothing that is kept. */
const FOREIGN: ReadonlySet<string> = new Set([
  'node_modules',
  '.git',
  'dist',
  'coverage',
  'conit-data',
]);

/** Paths of all files of the repository. */
export function filesOf(root: string, folder = root): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return FOREIGN.has(entry.name) ? [] : filesOf(root, path);
    return [relative(root, path).replaceAll('\\', '/')];
  });
}

export function readText(root: string, path: string): TextFile {
  return { path, text: readFileSync(join(root, path), 'utf8') };
}

/** The comments of a source file, each with its place. */
export function commentsOf({ path, text }: TextFile): TextFile[] {
  const comments: TextFile[] = [];
  tokenize(text, (comment, line) => comments.push({ path: `${path}:${line}`, text: comment }));
  return comments;
}

/** A name that ends like a file: `table.ts`, `docs/storage.md`. */
const FILE = /(?<![\w./$:*-])(?:\.\/)?([\w.-]+\/)*[\w-][\w.-]*\.(?:ts|mjs|md|sh|yml)\b(?![\w-])/g;

/** Names in a text that look like files and do not exist in the repository. */
export function lostFiles({ path, text }: TextFile, files: readonly string[]): string[] {
  const named = text.match(FILE) ?? [];
  const isHere = (name: string): boolean => {
    const plain = name.replace(/^(\.\.?\/)+/, '');
    return files.some((file) => file === plain || file.endsWith(`/${plain}`));
  };
  return named.filter((name) => !isHere(name)).map((name) => `${path}: ${name}`);
}

const LINK = /\]\(([^)\s]+)\)/g;

/** Relative links of a document to a file or a section that does not exist. */
export function brokenLinks({ path, text }: TextFile, documents: readonly TextFile[]): string[] {
  return [...withoutCode(text).matchAll(LINK)]
    .map(([, target]) => target as string)
    .filter((target) => !/^[a-z]+:/.test(target) && !isReached(path, target, documents))
    .map((target) => `${path}: ${target}`);
}

function isReached(from: string, target: string, documents: readonly TextFile[]): boolean {
  const [place = '', anchor] = target.split('#');
  const path = place === '' ? from : posix.normalize(posix.join(posix.dirname(from), place));
  const document = documents.find((one) => one.path === path);
  if (document === undefined) return false;
  return anchor === undefined || anchorsOf(document.text).includes(anchor);
}

/** As GitHub derives them from headings. */
export function anchorsOf(text: string): string[] {
  return headingsOf(text).map((heading) =>
    heading
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  );
}

export function headingsOf(text: string): string[] {
  return [...withoutCode(text).matchAll(/^#{1,6} (.+)$/gm)].map(([, heading]) => heading as string);
}

function withoutCode(text: string): string {
  return text.replaceAll(/^```[\s\S]*?^```$/gm, '');
}

/**
 * The cells of the rows of a table below a heading, header and rule left out; the first table
 * there.
 */
export function tableBelow(text: string, heading: string): string[][] {
  const [, section = ''] = text.split(new RegExp(`^#+ ${heading}$`, 'm'));
  const lines = section.split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rest = lines.slice(first);
  const length = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(2, length < 0 ? undefined : length).map((line) =>
    line
      .slice(1, line.lastIndexOf('|'))
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

/** The texts between backticks. */
export function quotedIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, quoted]) => quoted as string);
}

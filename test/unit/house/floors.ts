// The floor plan as data, and its rules: which room may import which, which packages and words may
// appear in it. Every rule takes one file and returns what is wrong.

import { posix } from 'node:path';
import { closing, isWord, type SourceFile, specifiers, type Token, tokenize } from './source.ts';

/** They do not import each other: what one needs of another is passed in. */
const machines: readonly string[] =
  'quorum stream order consensus entropy lag upkeep forward membership consistency transaction cache'.split(
    ' ',
  );

/**
 * From the ground up. Rooms on one floor do not import each other; imports go strictly downwards.
 */
export const floors: readonly (readonly string[])[] = [
  ['base'],
  ['model'],
  ['conflict'],
  ['store'],
  ['peers'],
  machines,
  ['replica'],
  ['host'],
  ['http', 'adapters'],
];

/** The composition root sees everything: files directly in src, and these folders. */
export const rootRooms: readonly string[] = ['main', 'incarnations', 'config', 'cli'];

/** Rooms beside the floors: what they may import, and which rooms may import them. */
export const apart: Record<string, { readonly sees: string[]; readonly seenBy: string[] }> = {
  api: { sees: ['base', 'model'], seenBy: ['http', 'config', 'cli', 'main', 'client', 'console'] },
  client: { sees: ['base', 'model', 'conflict', 'api'], seenBy: ['cli'] },
  console: { sees: ['api'], seenBy: [] },
};

/** Rooms with few importers. The composition root composes hosts, and no part of a replica. */
const doors: Record<string, readonly string[]> = {
  quorum: ['replica'],
  stream: ['replica'],
  order: ['replica'],
  consensus: ['replica'],
  entropy: ['replica'],
  lag: ['replica', 'cli'],
  upkeep: ['replica'],
  forward: ['replica'],
  // The boot of an incarnation, and a recovery by hand, read the members.
  membership: ['replica', 'host', 'cli'],
  consistency: ['replica'],
  transaction: ['replica'],
  cache: ['replica'],
  replica: ['host'],
};

/**
 * Deterministic rooms: everything up to and including the host, and what server and clients agree
 * upon.
 */
const pureRooms: ReadonlySet<string> = new Set([...floors.slice(0, -1).flat(), 'api']);

/** Packages that use no clock, randomness or IO, with the deterministic rooms that may use them. */
const purePackages: Record<string, readonly string[]> = {};

/** Packages that only one room may use. A name ending in `/` stands for its whole scope. */
const packageHomes: Record<string, string> = {
  fastify: 'http',
  '@fastify/': 'http',
  ws: 'adapters',
  level: 'adapters',
  'classic-level': 'adapters',
  'memory-level': 'adapters',
  'abstract-level': 'adapters',
  pino: 'adapters',
  'prom-client': 'adapters',
};

/** Globals that bring time, randomness, IO, or the machine's locale into a deterministic room. */
const impureWords: ReadonlySet<string> = new Set(
  `async await Promise Date setTimeout setInterval setImmediate queueMicrotask console process
   performance crypto WeakRef FinalizationRegistry Buffer globalThis fetch WebSocket Intl`.split(
    /\s+/,
  ),
);

/** Members that do the same on any object. */
const impureMembers: ReadonlySet<string> = new Set(
  'localeCompare toLocaleString toLocaleLowerCase toLocaleUpperCase'.split(' '),
);

/** The only file that reads the environment. */
const environmentReader = 'config/load.ts';

/** The files that may compare versions by themselves, and not as parts of two records. */
const versionComparers: ReadonlySet<string> = new Set(
  'idempotency put tree-difference list-rows writes'.split(' '),
);

/** Names of levels, and the files that say what a level means and what a policy may name. */
const levelNames: ReadonlySet<string> = new Set(
  'strict sequential causal fifo eventual'.split(' '),
);
const levelNamers: ReadonlySet<string> = new Set(['model/level.ts', 'model/policy.ts']);

/** Classes that may be extended: those that the language requires to extend. */
const extendable: ReadonlySet<string> = new Set(['Error', 'TypeError', 'RangeError']);

export interface Finding {
  readonly rule: string;
  readonly where: string;
  readonly what: string;
}

interface Source {
  readonly path: string;
  readonly room: string;
  readonly tokens: readonly Token[];
}

type Report = (line: number, what: string) => void;
type Rule = (source: Source, report: Report) => void;

export const rules: Record<string, Rule> = {
  'known-room': knownRoom,
  'imports-downwards': importsDownwards,
  'few-doors': fewDoors,
  'stands-apart': standsApart,
  'pure-imports': pureImports,
  'pure-words': pureWords,
  'package-home': packageHome,
  'three-vectors': threeVectors,
  'version-order': versionOrder,
  'level-by-rules': levelByRules,
  environment: environment,
  barrel: barrel,
  'no-any': noAny,
  'no-enum': noEnum,
  'no-namespace': noNamespace,
  'no-inheritance': noInheritance,
};

/** Everything that the rules find wrong in one file. */
export function inspect(file: SourceFile): Finding[] {
  const findings: Finding[] = [];
  const source = { path: file.path, room: roomOf(file.path), tokens: tokenize(file.text) };
  for (const [rule, check] of Object.entries(rules)) {
    check(source, (line, what) => findings.push({ rule, where: `${file.path}:${line}`, what }));
  }
  return findings;
}

/** `store/table.ts` is in room `store`; `main.ts` is the room `main`. */
export function roomOf(path: string): string {
  const slash = path.indexOf('/');
  return slash < 0 ? path.replace(/\.[cm]?tsx?$/, '') : path.slice(0, slash);
}

function isKnown(room: string): boolean {
  return floorOf(room) >= 0 || rootRooms.includes(room) || Object.hasOwn(apart, room);
}

function floorOf(room: string): number {
  return floors.findIndex((rooms) => rooms.includes(room));
}

function knownRoom({ room }: Source, report: Report): void {
  if (!isKnown(room)) report(1, `room ${room} is on no floor`);
}

function importsDownwards({ path, room, tokens }: Source, report: Report): void {
  const floor = floorOf(room);
  if (floor < 0) return;
  for (const { target, line } of inner(path, tokens)) {
    if (target === room) continue;
    const below = floorOf(target);
    if (below < 0 && Object.hasOwn(apart, target)) continue;
    if (below < 0 || below >= floor) report(line, `${room} imports ${target}`);
  }
}

function fewDoors({ path, room, tokens }: Source, report: Report): void {
  for (const { target, line } of inner(path, tokens)) {
    if (target === room || !Object.hasOwn(doors, target)) continue;
    if (!doors[target]?.includes(room)) report(line, `${room} imports ${target}`);
  }
}

/** A position in a lane is received, applied or durable; `head` says neither. */
function threeVectors({ room, tokens }: Source, report: Report): void {
  const isAbove = pureRooms.has(room) && floorOf(room) > floorOf('store');
  if (!isAbove || room === 'stream') return;
  for (const token of tokens) if (isWord(token, 'head')) report(token.line, 'head');
}

/** Code asks for the rules of a level, and not for its name. */
function levelByRules({ path, room, tokens }: Source, report: Report): void {
  if (!pureRooms.has(room) || levelNamers.has(path)) return;
  for (const token of tokens)
    if (token.kind === 'string' && levelNames.has(token.text)) report(token.line, token.text);
}

/** Records are merged and compared by their resolver. */
function versionOrder({ path, room, tokens }: Source, report: Report): void {
  if (room === 'conflict' || versionComparers.has(posix.basename(path, '.ts'))) return;
  for (const token of tokens)
    if (isWord(token, 'compareVersions')) report(token.line, 'compareVersions');
}

function standsApart({ path, room, tokens }: Source, report: Report): void {
  for (const { target, line } of inner(path, tokens)) {
    if (target === room) continue;
    const sees = apart[room]?.sees.includes(target) ?? true;
    const seen = apart[target]?.seenBy.includes(room) ?? true;
    if (!sees || !seen) report(line, `${room} imports ${target}`);
  }
}

function pureImports({ room, tokens }: Source, report: Report): void {
  if (!pureRooms.has(room)) return;
  for (const { text, line } of outer(tokens)) {
    if (!purePackages[packageOf(text)]?.includes(room)) report(line, `${room} imports ${text}`);
  }
}

function pureWords({ room, tokens }: Source, report: Report): void {
  if (!pureRooms.has(room)) return;
  tokens.forEach((token, at) => {
    if (token.kind !== 'word') return;
    if (impureMembers.has(token.text)) report(token.line, token.text);
    if (isMember(tokens, at)) return;
    if (impureWords.has(token.text)) report(token.line, token.text);
    // Arithmetic is allowed, randomness is not, however it is written: `const { random } = Math`.
    if (token.text === 'Math' && isDice(tokens, at)) report(token.line, 'Math.random');
  });
}

function isDice(tokens: readonly Token[], at: number): boolean {
  return tokens[at + 1]?.text !== '.' || isWord(tokens[at + 2], 'random');
}

function packageHome({ room, tokens }: Source, report: Report): void {
  for (const { text, line } of outer(tokens)) {
    const home = homeOf(packageOf(text));
    if (home !== undefined && home !== room) report(line, `${text} is at home in ${home}`);
  }
}

function homeOf(name: string): string | undefined {
  const scope = `${name.split('/', 1)[0]}/`;
  return packageHomes[name] ?? packageHomes[scope];
}

function environment({ path, tokens }: Source, report: Report): void {
  if (path === environmentReader) return;
  for (const { text, line } of outer(tokens)) {
    if (text === 'node:process' || text === 'process') report(line, `imports ${text}`);
  }
  tokens.forEach((token, at) => {
    if (!isWord(token, 'process') || isMember(tokens, at, ['globalThis'])) return;
    const reads = isWord(tokens[at + 2], 'env') || '[;'.includes(tokens[at + 1]?.text ?? ';');
    if (reads) report(token.line, 'process.env');
  });
}

/** A barrel has nothing of its own: everything that it exports comes from elsewhere. */
function barrel({ tokens }: Source, report: Report): void {
  let exportsOthers = false;
  let at = 0;
  while (at < tokens.length) {
    const end = endOfPassage(tokens, at);
    if (end === undefined) return;
    exportsOthers ||= isWord(tokens[at], 'export');
    at = end;
  }
  if (exportsOthers) report(1, 'holds re-exports only');
}

// The end of an import, or of an export by list or star; undefined if another statement begins.
function endOfPassage(tokens: readonly Token[], start: number): number | undefined {
  const isImport = isWord(tokens[start], 'import');
  if (!isImport && !isWord(tokens[start], 'export')) return undefined;
  let at = start + (isWord(tokens[start + 1], 'type') ? 2 : 1);
  if (!isImport && tokens[at]?.text !== '{' && tokens[at]?.text !== '*') return undefined;
  if (tokens[at]?.text === '{') at = closing(tokens, at) + 1;
  const isPlainList = !isImport && tokens[at - 1]?.text === '}' && !isWord(tokens[at], 'from');
  if (!isPlainList) {
    while (at < tokens.length && tokens[at]?.kind !== 'string') at += 1;
    at += 1;
  }
  return tokens[at]?.text === ';' ? at + 1 : at;
}

function noAny({ tokens }: Source, report: Report): void {
  tokens.forEach((token, at) => {
    const isName = isMember(tokens, at) || tokens[at + 1]?.text === '(';
    if (isWord(token, 'any') && !isName) report(token.line, 'any');
  });
}

function noEnum({ tokens }: Source, report: Report): void {
  tokens.forEach((token, at) => {
    if (isWord(token, 'enum') && tokens[at + 1]?.kind === 'word') report(token.line, 'enum');
  });
}

const binary = new Set(['in', 'of', 'is', 'as', 'extends', 'satisfies', 'instanceof']);

// `namespace` is also a word of our domain; it declares one only before a name and a body.
function noNamespace({ tokens }: Source, report: Report): void {
  tokens.forEach((token, at) => {
    const name = tokens[at + 1];
    if (!isWord(token, 'namespace') || isMember(tokens, at)) return;
    if (name?.kind !== 'word' || binary.has(name.text)) return;
    if ('{.'.includes(tokens[at + 2]?.text ?? ' ')) report(token.line, `namespace ${name.text}`);
  });
}

function noInheritance({ tokens }: Source, report: Report): void {
  tokens.forEach((token, at) => {
    if (!isWord(token, 'class') || isMember(tokens, at)) return;
    const parent = parentOf(tokens, at + 1);
    if (parent !== undefined && !extendable.has(parent)) {
      report(token.line, `class extends ${parent}`);
    }
  });
}

// What follows `extends` in a class's head; an `extends` within `<…>` bounds a type parameter.
function parentOf(tokens: readonly Token[], start: number): string | undefined {
  let angles = 0;
  for (let at = start; at < tokens.length && tokens[at]?.text !== '{'; at += 1) {
    const text = tokens[at]?.text;
    if (text === '<') angles += 1;
    if (text === '>') angles -= 1;
    if (text === 'extends' && angles === 0) return tokens[at + 1]?.text ?? '';
  }
  return undefined;
}

// `turn.process` is a member of ours, not the global.
function isMember(tokens: readonly Token[], at: number, except: readonly string[] = []): boolean {
  const before = tokens[at - 1]?.text;
  if (before !== '.' && before !== '?.') return false;
  return !except.includes(tokens[at - 2]?.text ?? '');
}

/** Imports of our own files, as the rooms they lead to. */
function inner(path: string, tokens: readonly Token[]): { target: string; line: number }[] {
  return specifiers(tokens)
    .filter(({ text }) => text.startsWith('.'))
    .map(({ text, line }) => ({
      target: roomOf(posix.normalize(posix.join(posix.dirname(path), text))),
      line,
    }));
}

/** Imports of packages and of Node's modules. */
function outer(tokens: readonly Token[]): { text: string; line: number }[] {
  return specifiers(tokens).filter(({ text }) => !text.startsWith('.'));
}

function packageOf(specifier: string): string {
  const parts = specifier.split('/');
  return specifier.startsWith('@') ? parts.slice(0, 2).join('/') : (parts[0] ?? '');
}

import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { apart, type Finding, floors, inspect, rootRooms, roomOf, rules } from './floors.ts';
import { readTree } from './source.ts';

const src = join(import.meta.dirname, '..', '..', '..', 'src');

/** Source texts that break one rule each. */
const violations: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['known-room', 'utils/a.ts', 'export const a = 1;'],
  ['known-room', 'helper.ts', 'export const a = 1;'],

  ['imports-downwards', 'base/a.ts', "import { b } from '../model/id.ts';"],
  ['imports-downwards', 'model/a.ts', "import type { B } from '../store/table.ts';"],
  ['imports-downwards', 'store/a.ts', "export const b = import('../host/turn.ts');"],
  ['imports-downwards', 'store/a.ts', "export const b: import('../host/turn.ts').B = 1;"],
  [
    'imports-downwards',
    'conflict/a.ts',
    "export { b } from '../store/table.ts'; export const a = b;",
  ],
  ['imports-downwards', 'quorum/a.ts', "import '../stream/sender.ts';"],
  ['imports-downwards', 'order/deep/a.ts', "import { b } from '../../entropy/exchange.ts';"],
  ['imports-downwards', 'host/a.ts', "import { b } from '../config.ts';"],
  ['imports-downwards', 'http/a.ts', "import { b } from '../adapters/codec.ts';"],
  ['imports-downwards', 'adapters/a.ts', "import { b } from '../http/server.ts';"],
  ['imports-downwards', 'host/a.ts', "import { b } from '../../test/world.ts';"],

  ['few-doors', 'host/a.ts', "import { b } from '../quorum/tally.ts';"],
  ['few-doors', 'main.ts', "import { b } from './consensus/raft.ts';"],
  ['few-doors', 'http/a.ts', "import { step } from '../replica/replica.ts';"],
  ['few-doors', 'adapters/a.ts', "import type { Step } from '../replica/replica.ts';"],

  ['stands-apart', 'api/a.ts', "import { b } from '../store/table.ts';"],
  ['stands-apart', 'api/a.ts', "import { b } from '../http/problem.ts';"],
  ['stands-apart', 'replica/a.ts', "import { b } from '../api/routes.ts';"],
  ['stands-apart', 'adapters/a.ts', "import { b } from '../api/routes.ts';"],
  ['stands-apart', 'client/a.ts', "import { b } from '../store/table.ts';"],
  ['stands-apart', 'client/a.ts', "import { b } from '../config.ts';"],
  ['stands-apart', 'http/a.ts', "import { b } from '../client/session.ts';"],
  ['stands-apart', 'main.ts', "import { b } from './client/session.ts';"],
  ['stands-apart', 'console/a.ts', "import { b } from '../base/heap.ts';"],
  ['stands-apart', 'http/a.ts', "import { b } from '../console/page.ts';"],

  ['pure-imports', 'api/a.ts', "import { Type } from 'typebox';"],
  ['pure-imports', 'api/a.ts', "import { createHash } from 'node:crypto';"],
  ['pure-imports', 'base/a.ts', "import { createHash } from 'node:crypto';"],
  ['pure-imports', 'model/a.ts', "import type { Readable } from 'node:stream';"],
  ['pure-imports', 'host/a.ts', "import heap from 'heap-js';"],
  ['pure-imports', 'host/a.ts', "import type { Readable } from 'stream';"],
  ['pure-imports', 'replica/a.ts', "const b = require('@scope/thing/part');"],

  ['pure-words', 'api/a.ts', 'export const a = Buffer.alloc(1);'],
  ['pure-words', 'base/a.ts', 'export async function a() {}'],
  ['pure-words', 'host/a.ts', 'for await (const a of b) go(a);'],
  ['pure-words', 'model/port.ts', 'export type A = () => Promise<void>;'],
  ['pure-words', 'store/a.ts', 'const now = Date.now();'],
  ['pure-words', 'store/a.ts', 'const now = `at ${`${Date.now()}`}`;'],
  ['pure-words', 'store/a.ts', 'const dice = Math.random();'],
  ['pure-words', 'store/a.ts', 'const { random } = Math;'],
  ['pure-words', 'store/a.ts', "const dice = Math['random']();"],
  ['pure-words', 'quorum/a.ts', 'setTimeout(go, 1);'],
  ['pure-words', 'quorum/a.ts', 'setInterval(go, 1);'],
  ['pure-words', 'quorum/a.ts', 'setImmediate(go);'],
  ['pure-words', 'quorum/a.ts', 'queueMicrotask(go);'],
  ['pure-words', 'order/a.ts', 'console.log(a / b, c / d);'],
  ['pure-words', 'order/a.ts', 'process.nextTick(go);'],
  ['pure-words', 'order/a.ts', 'globalThis.process.nextTick(go);'],
  ['pure-words', 'conflict/a.ts', 'names.sort((a, b) => a.localeCompare(b));'],
  ['pure-words', 'conflict/a.ts', 'const a = performance.now();'],
  ['pure-words', 'conflict/a.ts', 'const a = crypto.randomUUID();'],
  ['pure-words', 'host/a.ts', 'const a = new WeakRef(b);'],
  ['pure-words', 'host/a.ts', 'const a = new FinalizationRegistry(b);'],
  ['pure-words', 'host/a.ts', 'const a = Buffer.alloc(1);'],

  ['package-home', 'adapters/a.ts', "import Fastify from 'fastify';"],
  ['package-home', 'adapters/a.ts', "import type { FastifyInstance } from 'fastify';"],
  ['package-home', 'main.ts', "import files from '@fastify/static';"],
  ['package-home', 'http/a.ts', "import { WebSocket } from 'ws';"],
  ['package-home', 'main.ts', "import { Level } from 'level';"],
  ['package-home', 'http/a.ts', "import type { Logger } from 'pino';"],
  ['package-home', 'http/a.ts', "import { register } from 'prom-client';"],
  ['package-home', 'cli/a.ts', "const { Level } = await import('level');"],

  ['three-vectors', 'replica/a.ts', 'export const a = log.head(origin);'],
  ['three-vectors', 'entropy/a.ts', 'export const a = lane.head + 1;'],
  ['level-by-rules', 'order/a.ts', "if (policy.consistency === 'fifo') wait();"],
  ['level-by-rules', 'replica/desk/a.ts', 'const isWeak = level === "eventual";'],
  ['version-order', 'store/a.ts', 'export const a = compareVersions(left, right) > 0;'],

  ['environment', 'main.ts', 'const port = process.env.PORT;'],
  ['environment', 'cli/a.ts', "const port = process['env'].PORT;"],
  ['environment', 'adapters/a.ts', 'const { env } = process;'],
  ['environment', 'http/a.ts', "import { env } from 'node:process';"],

  ['barrel', 'model/index.ts', "export * from './id.ts';\nexport { type A } from './hlc.ts';"],
  ['barrel', 'model/a.ts', "import { b } from './id.ts';\nexport { b };"],
  ['barrel', 'model/a.ts', "export * as id from './id.ts';"],
  ['barrel', 'model/a.ts', "export type { A } from './id.ts';"],

  ['no-any', 'cli/a.ts', 'const a: any = 1;'],
  ['no-any', 'cli/a.ts', 'const a = b as any;'],
  ['no-any', 'cli/a.ts', 'const a = new Map<string, any>();'],
  ['no-enum', 'cli/a.ts', 'export enum Level { Low }'],
  ['no-enum', 'cli/a.ts', 'const enum Level { Low }'],
  ['no-namespace', 'cli/a.ts', 'export namespace Level { export const low = 1; }'],
  ['no-namespace', 'cli/a.ts', 'declare namespace A.B { const low: 1; }'],
  ['no-inheritance', 'cli/a.ts', 'export class A extends B {}'],
  ['no-inheritance', 'cli/a.ts', 'const A = class extends mixin(B) {};'],
  ['no-inheritance', 'cli/a.ts', 'class A<T extends B> extends Map<T, T> {}'],
];

/** Source texts that break no rule, though they look like it. */
const innocents: readonly (readonly [circumstance: string, path: string, text: string])[] = [
  ['words in comments', 'base/a.ts', '// await Date\n/* Math.random() any */ export const a = 1;'],
  ['words in strings', 'base/a.ts', 'export const a = "await Date" + \'process.env\' + `any`;'],
  [
    'words in expressions',
    'base/a.ts',
    'export const a = /Date "process/.test(b) ? 1 / 2 : 2 / 1;',
  ],
  ['words after templates', 'base/a.ts', 'export const a = `${{ b: `}` }.b} Date`;'],
  ['members with such names', 'replica/a.ts', 'export const a = turn.process(b?.console, c.any);'],
  ['members with longer names', 'replica/a.ts', 'export const a = awaiting + DateOf + promise;'],
  ['arithmetic', 'base/a.ts', 'export const a = Math.max(1, 2);'],
  ['imports downwards', 'store/a.ts', "import { a } from '../base/heap.ts';\nexport const b = a;"],
  ['imports within a room', 'quorum/a.ts', "import { a } from './tally.ts';\nexport const b = a;"],
  ['the host steps', 'host/a.ts', "import { step } from '../replica/replica.ts';\nstep();"],
  ['main composes', 'main.ts', "import { createHost } from './host/host.ts';\ncreateHost();"],
  ['the API', 'http/a.ts', "import { a } from '../api/routes.ts';\nexport const b = a;"],
  ['the client', 'client/a.ts', "import { a } from '../model/id.ts';\nawait a();"],
  ['a command is a client', 'cli/a.ts', "import { get } from '../client/client.ts';\nget();"],
  ['a head of its own', 'stream/a.ts', 'export const a = lane.head;'],
  ['versions by themselves', 'store/idempotency.ts', 'compareVersions(known, write);'],
  ['levels where they are defined', 'model/level.ts', "const LEVELS = ['fifo', 'eventual'];"],
  ['packages at home', 'http/a.ts', "import Fastify from 'fastify';\nFastify();"],
  ['storage at home', 'adapters/a.ts', "import { Level } from 'level';\nnew Level();"],
  ['the environment', 'config/load.ts', 'export const port = process.env.PORT;'],
  ['signals', 'main.ts', "process.on('SIGTERM', stop);"],
  ['the word namespace', 'model/a.ts', 'for (const namespace of all) { go(namespace); }'],
  ['a predicate', 'model/a.ts', 'export function a(namespace: N): namespace is M { return b; }'],
  ['errors', 'base/a.ts', 'export class Bug extends Error {}'],
  ['bounded type parameters', 'base/a.ts', 'export class Heap<T extends object> {}'],
  ['one re-export', 'model/a.ts', "export { b } from './id.ts';\nexport const a = 1;"],
  ['a list of its own', 'model/a.ts', 'const a = 1;\nexport { a };'],
  ['an entry point', 'main.ts', "import { a } from './config.ts';\na();"],
];

describe('the floor plan', () => {
  const files = readTree(src);

  it('is checked against a source that is not empty', () => {
    expect(files).not.toHaveLength(0);
  });

  it('covers every room that exists', () => {
    const rooms = [...floors.flat(), ...rootRooms, ...Object.keys(apart)];
    const existing = rooms.filter((room) => existsSync(join(src, room)));
    const folders = readdirSync(src, { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );
    const read = new Set(files.map(({ path }) => roomOf(path)));
    const unread = [...existing, ...folders.map(({ name }) => name)].filter((r) => !read.has(r));
    expect(unread).toEqual([]);
  });

  it('is obeyed by every file', () => {
    expect(files.flatMap(inspect).map(sentence)).toEqual([]);
  });
});

describe('the floor rules', () => {
  it.each(violations)('report %s in %s: %s', (rule, path, text) => {
    expect(inspect({ path, text }).map((finding) => finding.rule)).toContain(rule);
  });

  it.each(innocents)('accept %s in %s', (_, path, text) => {
    expect(inspect({ path, text }).map(sentence)).toEqual([]);
  });

  it('each have an example of a violation', () => {
    const shown = new Set(violations.map(([rule]) => rule));
    expect(Object.keys(rules).filter((rule) => !shown.has(rule))).toEqual([]);
  });

  it('name the line of a violation', () => {
    const text = '// One.\n/*\n*/\nconst a = `\n${1}\n`;\nconst b = Date.now();\n';
    const [finding] = inspect({ path: 'base/a.ts', text });
    expect(finding?.where).toBe('base/a.ts:7');
  });
});

function sentence({ rule, where, what }: Finding): string {
  return `${where} ${rule}: ${what}`;
}

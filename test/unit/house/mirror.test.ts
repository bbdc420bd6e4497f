import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { elsewhere, mirrored, testsIn, untested } from './mirror.ts';
import { readTree } from './source.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const files = readTree(join(root, 'src')).map(({ path }) => path);
const tests = readTree(join(root, 'test', 'unit')).map(({ path }) => path);
const without = untested(files, tests);

describe('the files of the machine floor and below', () => {
  it('are found in each mirrored room', () => {
    const rooms = new Set(files.map((path) => path.split('/')[0]));
    expect([...mirrored].filter((room) => !rooms.has(room))).toEqual([]);
  });

  it('have a unit test each, or a reason', () => {
    expect(without.filter((path) => elsewhere[path] === undefined)).toEqual([]);
  });

  it('have no reason if they have a test', () => {
    expect(Object.keys(elsewhere).filter((path) => !without.includes(path))).toEqual([]);
  });

  it.each(Object.entries(elsewhere))('are tested elsewhere as the reason says: %s', (_, reason) => {
    expect(testsIn(reason)).not.toEqual([]);
    expect(testsIn(reason).filter((path) => !existsSync(join(root, 'test', path)))).toEqual([]);
  });
});

describe('the rule', () => {
  it('finds a file without a test in a mirrored room, and in no other', () => {
    const paths = ['store/log.ts', 'store/lane.ts', 'http/server.ts', 'main.ts'];
    expect(untested(paths, ['store/log.test.ts'])).toEqual(['store/lane.ts']);
  });
});

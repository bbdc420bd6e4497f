import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { suites } from '../../suites.ts';
import { limits, misshapen } from './shape.ts';
import { readTree, specifiers, tokenize } from './source.ts';

const root = join(import.meta.dirname, '..', '..', '..');

describe('the shape of the source', () => {
  const files = readTree(join(root, 'src'));

  it('is checked against a source that is not empty', () => {
    expect(files).not.toHaveLength(0);
  });

  it('stays within the limits', () => {
    expect(files.flatMap(misshapen)).toEqual([]);
  });
});

describe('the switchboard', () => {
  const files = readTree(join(root, 'src', 'replica'));
  const replica = files.find(({ path }) => path === 'replica.ts')?.text ?? '';

  it('is at most twelve files, besides the folders of the desk and the admission', () => {
    const own = files.map(({ path }) => path).filter((path) => !path.includes('/'));
    expect(own.length).toBeGreaterThan(0);
    expect(own.length).toBeLessThanOrEqual(12);
  });

  it('stays small: replica.ts has at most 300 lines', () => {
    expect(replica).not.toBe('');
    expect(replica.split('\n').length - 1).toBeLessThanOrEqual(300);
  });

  it('imports from at most 20 other files', () => {
    const imports = specifiers(tokenize(replica));
    expect(imports.length).toBeGreaterThan(0);
    expect(imports.length).toBeLessThanOrEqual(20);
  });
});

describe('the test tree', () => {
  it('has no test file outside of the suites', () => {
    const tests = readTree(join(root, 'test')).filter(({ path }) => /\.(test|spec)\./.test(path));
    const strays = tests.filter(
      ({ path }) => !suites.some(({ name }) => path.startsWith(`${name}/`)),
    );
    expect(tests).not.toHaveLength(0);
    expect(strays.map(({ path }) => path)).toEqual([]);
  });
});

describe('the shape rules', () => {
  const head = '// What it is.\n';
  const body = (lines: number) => '  step();\n'.repeat(lines);
  const found = (text: string) => misshapen({ path: 'base/seeded.ts', text });

  it('report a file without a head comment', () => {
    expect(found('export const a = 1;\n')).toEqual(['base/seeded.ts: no head comment']);
  });

  it('accept a head comment after a hashbang', () => {
    expect(found('#!/usr/bin/env node\n// What it is.\n')).toEqual([]);
  });

  it('report a file over the limit and accept one at it', () => {
    expect(found(head + 'go();\n'.repeat(limits.fileLinesMax - 1))).toEqual([]);
    expect(found(head + 'go();\n'.repeat(limits.fileLinesMax))).toEqual([
      'base/seeded.ts: 601 lines',
    ]);
  });

  it.each([
    ['a function', (lines: number) => `function go(a: A) {\n${body(lines)}}\n`],
    ['a return type', (lines: number) => `function go(a: A): Map<K, V[]> {\n${body(lines)}}\n`],
    ['a method', (lines: number) => `class A {\n #go(): void {\n${body(lines)}}\n}\n`],
    ['an arrow', (lines: number) => `const go = () => {\n${body(lines)}};\n`],
  ])('report %s over the limit and accept one at it', (_, source) => {
    expect(found(head + source(limits.functionLinesMax - 2))).toEqual([]);
    expect(found(head + source(limits.functionLinesMax - 1))).toHaveLength(1);
  });

  it('do not take other braces for functions', () => {
    const long = body(limits.functionLinesMax + 1);
    expect(
      found(`${head}if (a) {\n${long}}\nconst t = {\n${long}};\nclass A {\n${long}}\n`),
    ).toEqual([]);
  });
});

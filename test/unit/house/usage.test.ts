// Every program beside `npm test` prints what it does, and has a line of help for each of its
// options.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '..', '..', '..');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
};
const programs = Object.entries(scripts).flatMap(([name, command]): [string, string][] => {
  const main = /\btsx (\S+)/.exec(command)?.[1];
  return main === undefined ? [] : [[name, dirname(main)]];
});

/** The files of a program that may parse options: those beside its main module. */
function sourceOf(folder: string): string {
  const names = readdirSync(join(root, folder)).filter((name) => name.endsWith('.ts'));
  return names.map((name) => readFileSync(join(root, folder, name), 'utf8')).join('\n');
}

describe('the help of', () => {
  it('the programs exists', () => {
    expect(programs.length).toBeGreaterThan(8);
  });

  it.each(programs)(
    'npm run %s says what it does, in sentences, and all its options',
    (name, folder) => {
      const source = sourceOf(folder);
      const usage = new RegExp(`usage = \`npm run ${name} -- \\[options\\]\\n([^]*?)\`;`).exec(
        source,
      )?.[1];
      const [about = '', lines = ''] = (usage ?? '').split(/\n\n([^]*)/);
      expect(about).toMatch(/^[A-Z][^]{60,}\.$/);
      const parsed = source.matchAll(/^\s+'?([a-z-]+)'?: \{ type: '(?:string|boolean)'/gm);
      const inOneLine = source.matchAll(/[{,] ([a-z]+): \{ type: '(?:string|boolean)'/g);
      const options = [...parsed, ...inOneLine].map(([, option = '']) => option);
      expect(options).toContain('help');
      for (const option of options) expect(lines).toMatch(new RegExp(`^  --${option}\\b`, 'm'));
    },
  );
});

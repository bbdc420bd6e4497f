import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { catalogue } from '../../mutants/catalogue.ts';
import { type Mutant, patched, RottenError, sim } from '../../mutants/mutant.ts';
import { titlesOf } from './titles.ts';

const root = join(import.meta.dirname, '..', '..', '..');

describe('the seeded bugs', () => {
  it.each(catalogue.map((mutant) => [mutant.id, mutant] as const))(
    '%s fits the source',
    (_, mutant) => {
      const source = readFileSync(join(root, mutant.file), 'utf8');
      expect(patched(mutant, source)).not.toBe(source);
    },
  );

  it('are found by tests that exist', () => {
    const named = catalogue.flatMap(({ id, foundBy }) =>
      foundBy.kind === 'test' ? [{ id, ...foundBy }] : [],
    );
    const lost = named.filter(({ file, name }) => {
      const contract = file.replace('.test.ts', '.contract.ts');
      const sources = [file, contract].filter((path) => existsSync(join(root, path)));
      const titles = sources.flatMap((path) =>
        titlesOf({ path, text: readFileSync(join(root, path), 'utf8') }).map(({ text }) => text),
      );
      return !isMadeOf(name, titles);
    });
    expect(named.length).toBeGreaterThan(50);
    expect(lost.map(({ id, name }) => `${id}: ${name}`)).toEqual([]);
  });

  it('have names of their own', () => {
    expect(catalogue).not.toHaveLength(0);
    expect(new Set(catalogue.map(({ id }) => id)).size).toBe(catalogue.length);
  });
});

/** Whether a name consists of titles, one after the other, of which the last may be cut short. */
function isMadeOf(name: string, titles: readonly string[]): boolean {
  return titles.some((title) => {
    if (title.startsWith(name)) return true;
    const [found = ''] = patternOf(title).exec(name) ?? [];
    return found !== '' && (found === name || isMadeOf(name.slice(found.length).trim(), titles));
  });
}

/** The holes of a title (`%s`, `$name`) match any text. */
function patternOf(title: string): RegExp {
  const plain = title.replaceAll(/[.*+?^|()[\]\\{}]/g, String.raw`\$&`);
  return new RegExp(`^${plain.replaceAll(/%[a-z]|\$\w+/g, '.+')}(?: |$)`);
}

describe('a seeded bug in a function', () => {
  const source = `interface B {
  two(a: number): void;
}

class A {
  #one(): void {
    go();
  }

  two(
    a: number,
  ): void {
    go();
    if (a) {
      go(a);
    }
  }
}

export function three(): void {
  go();
}
`;
  const bug = (edit: object): Mutant => ({
    id: 'a',
    number: 'own',
    title: '',
    file: 'src/a.ts',
    replace: 'go();',
    with: 'stop();',
    foundBy: sim,
    ...edit,
  });

  it.each([
    ['#one', 1],
    ['two', 2],
    ['three', 3],
  ])('is put into %s alone', (name, place) => {
    const pieces = patched(bug({ in: name }), source).split('go();');
    expect(pieces).toHaveLength(3);
    expect(pieces.findIndex((piece) => piece.includes('stop();')) + 1).toBe(Math.min(place, 3));
    expect(patched(bug({ in: name }), source).replace('stop();', 'go();')).toBe(source);
  });

  it('may have a second place', () => {
    const also = { in: 'two', replace: 'go(a);', with: 'stop(a);' };
    const text = patched(bug({ in: '#one', also }), source);
    expect(text).toContain('stop(a);');
    expect(text).toContain('stop();');
  });

  it('has rotted where its function or its place is gone, or is not the only one', () => {
    for (const edit of [{ in: 'four' }, { in: '#one', replace: 'go(a);' }, { in: undefined }])
      expect(() => patched(bug(edit), source)).toThrow(RottenError);
  });
});

// Documents are compared with the code that they describe, and comments with the documents that
// they name.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { NODE_FLAGS } from '../../../src/cli/node-flags.ts';
import { parse } from 'yaml';
import { MESSAGE_KINDS } from '../../../src/adapters/peer/codec.ts';
import { PROBLEMS } from '../../../src/api/problems.ts';
import { ROUTES } from '../../../src/api/routes.ts';
import { catalogue } from '../../mutants/catalogue.ts';
import { FAULTS } from '../../simulation/plan.ts';
import {
  anchorsOf,
  brokenLinks,
  commentsOf,
  filesOf,
  headingsOf,
  lostFiles,
  quotedIn,
  readText,
  tableBelow,
  type TextFile,
} from './documents.ts';
import { apart, floors, rootRooms } from './floors.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const files = filesOf(root);
const documents = files.filter((path) => path.endsWith('.md')).map((path) => readText(root, path));
const linkable = files.map((path) =>
  path.endsWith('.md') ? readText(root, path) : { path, text: '' },
);
const comments = files
  .filter((path) => /^(src|test|scripts)\/.*\.(ts|mjs)$/.test(path))
  .flatMap((path) => commentsOf(readText(root, path)));

function textOf(path: string): string {
  return documents.find((document) => document.path === path)?.text ?? '';
}

describe('documents', () => {
  it('exist', () => {
    expect(documents.length).toBeGreaterThan(10);
    expect(comments.length).toBeGreaterThan(1000);
  });

  it('begin with a README of at most 200 lines', () => {
    expect(textOf('README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(200);
  });

  it('have links that lead to a file, and to a section of it', () => {
    expect(documents.flatMap((document) => brokenLinks(document, linkable))).toEqual([]);
  });

  it('name files that exist', () => {
    expect(documents.flatMap((document) => lostFiles(document, files))).toEqual([]);
  });

  it('name folders and programs that exist', () => {
    const { scripts } = JSON.parse(readText(root, 'package.json').text) as {
      readonly scripts: { readonly [name: string]: string };
    };
    const isFolder = (name: string) => files.some((path) => path.startsWith(name));
    const lost = documents.flatMap(({ path, text }) => {
      const folders = quotedIn(text).filter((name) =>
        /^(src|test|docs|deploy|scripts)\/.*\/$/.test(name),
      );
      const programs = [...text.matchAll(/npm run ([a-z:-]+)/g)].map(([, name]) => name as string);
      return [
        ...folders.filter((name) => !isFolder(name)),
        ...programs.filter((name) => !Object.hasOwn(scripts, name)),
      ].map((name) => `${path}: ${name}`);
    });
    expect(lost).toEqual([]);
  });

  it('name metrics that exist', () => {
    const source = files
      .filter((path) => path.startsWith('src/') || path === 'test/e2e/metrics.test.ts')
      .map((path) => readText(root, path).text)
      .join('\n');
    const named = documents.flatMap(({ path, text }) =>
      (text.match(/\bconit_[a-z_]*[a-z]/g) ?? []).map((name) => ({ path, name })),
    );
    // Names of docker networks begin in the same way.
    const lost = named.filter(
      ({ name }) => name !== 'conit_wan' && !new RegExp(`\\b${name}\\b`).test(source),
    );
    expect(named.length).toBeGreaterThan(30);
    expect(lost).toEqual([]);
  });
});

describe('flags of Node', () => {
  it('are the same for a container, for a replica of a local cluster, and in the documents', () => {
    const [entry = ''] = /^ENTRYPOINT .*$/m.exec(readText(root, 'Dockerfile').text) ?? [];
    for (const flag of NODE_FLAGS) {
      expect(entry).toContain(`"${flag}"`);
      expect(textOf('docs/operations.md')).toContain(`\`${flag}\``);
    }
  });
});

describe('comments', () => {
  it('name files and documents that exist', () => {
    expect(comments.flatMap((comment) => lostFiles(comment, files))).toEqual([]);
  });

  it('of programs, containers and alerts name files that exist, too', () => {
    const others = files.filter((path) => /^(Dockerfile|.*\.yml|deploy\/.*|\.ci\/.*)$/.test(path));
    const texts = others.map((path) => readText(root, path));
    expect(texts.length).toBeGreaterThan(4);
    expect(texts.flatMap((text) => lostFiles(text, files))).toEqual([]);
  });

  it('name traps, rules of storage and promises that are listed', () => {
    const rows = (path: string, form: RegExp) =>
      new Set([...textOf(path).matchAll(form)].map(([, name]) => name as string));
    const traps = rows('docs/traps.md', /^\| (\d+) \|/gm);
    const rules = rows('docs/storage.md', /^\| (S\d+) \|/gm);
    const promises = rows('docs/promises.md', /^\| ([A-Z]\d) \|/gm);
    const lost = comments.flatMap(({ path, text }) => {
      const named = (form: RegExp, known: ReadonlySet<string>) =>
        [...text.matchAll(form)].flatMap(([all, name]) => (known.has(name ?? '') ? [] : [all]));
      return [
        ...named(/\btraps? (\d+)/gi, traps),
        ...named(/\brules? (S\d+)/g, rules),
        ...named(/\bpromise ([A-Z]\d)\b/g, promises),
      ].map((what) => `${path}: ${what}`);
    });
    expect([traps.size > 30, rules.size, promises.size > 15]).toEqual([true, 10, true]);
    expect(lost).toEqual([]);
  });
});

describe('ARCHITECTURE.md', () => {
  it('draws the floor plan that is enforced', () => {
    const [, section = ''] = textOf('ARCHITECTURE.md').split('## Floor plan\n');
    const picture = section.split('```')[1] ?? '';
    const drawn = picture
      .trim()
      .split(/─+/)
      .map((floor) => [...floor.matchAll(/(?<=^|\s)(\w+)(?:\/|\.ts)(?=\s)/g)])
      .map((rooms) => sorted(rooms.map(([, room]) => room as string)));
    const isBuilt = (room: string) => files.some((path) => path.startsWith(`src/${room}/`));
    const built = floors.toReversed().map((rooms) => rooms.filter(isBuilt));
    const beside = Object.keys(apart).filter(isBuilt);
    const planned = [rootRooms, ...built.filter((rooms) => rooms.length > 0), beside];
    expect(drawn).toEqual(planned.map(sorted));
  });
});

function sorted(names: readonly string[]): string {
  return names.toSorted().join(' ');
}

describe('docs/operations.md', () => {
  it('has a section for every alert, and no section for another', () => {
    const rules = parse(readFileSync(join(root, 'deploy', 'alerts.yml'), 'utf8')) as AlertFile;
    const alerts = rules.groups.flatMap((group) => group.rules);
    const sections = headingsOf(textOf('docs/operations.md')).filter((each) =>
      each.startsWith('Conit'),
    );
    expect(sections.toSorted()).toEqual(alerts.map(({ alert }) => alert).toSorted());
    const runbooks = alerts.map(({ annotations }) => annotations['runbook_url']);
    const anchors = anchorsOf(textOf('docs/operations.md'));
    for (const url of runbooks.filter((each) => each !== undefined))
      expect(anchors).toContain(url.split('#')[1]);
  });

  it('says of each alert whether it pages, as the rule does', () => {
    const rules = parse(readFileSync(join(root, 'deploy', 'alerts.yml'), 'utf8')) as AlertFile;
    const text = textOf('docs/operations.md');
    const said = rules.groups.flatMap((group) =>
      group.rules.map(({ alert, labels }) => {
        const [, section = ''] = text.split(`### ${alert}\n`);
        return [alert, section.trimStart().startsWith(`*${labels.severity}.*`)];
      }),
    );
    expect(said.filter(([, isRight]) => !isRight)).toEqual([]);
  });
});

interface AlertFile {
  readonly groups: readonly {
    readonly rules: readonly {
      readonly alert: string;
      readonly labels: { readonly severity: string };
      readonly annotations: { readonly [name: string]: string };
    }[];
  }[];
}

describe('docs/protocol.md', () => {
  it('lists the kinds of messages with their numbers, as the codec does', () => {
    const rows = tableBelow(textOf('docs/protocol.md'), 'Messages');
    const listed = rows.map(([number, name = '']) => [number, ...quotedIn(name)]);
    expect(listed).toEqual(MESSAGE_KINDS.map((kind, number) => [String(number), kind]));
  });
});

describe('docs/storage.md', () => {
  it('lists the kinds of keys, as the layout does', () => {
    const layout = readFileSync(join(root, 'src', 'store', 'layout.ts'), 'utf8');
    const kinds = [...layout.matchAll(/^const [A-Z_]+ = 0x([67]\w);$/gm)].map(([, code]) =>
      String.fromCharCode(Number.parseInt(code as string, 16)),
    );
    const rows = tableBelow(textOf('docs/storage.md'), 'Keys');
    expect(kinds.length).toBeGreaterThan(8);
    expect(rows.flatMap(([kind = '']) => quotedIn(kind)).toSorted()).toEqual(kinds.toSorted());
  });

  it('lists the values about the replica', () => {
    const names = files
      .filter((path) => path.startsWith('src/'))
      .flatMap((path) => [
        ...readFileSync(join(root, path), 'utf8').matchAll(/metaKey\(['`]([a-z-]+)/g),
      ])
      .map(([, name]) => name as string);
    const rows = tableBelow(textOf('docs/storage.md'), 'Values about the replica');
    const listed = rows.flatMap(([name = '']) => quotedIn(name)).map((name) => name.split('.')[0]);
    expect(listed).toEqual(expect.arrayContaining(names));
    expect(new Set(listed).size).toBe(rows.length);
  });
});

describe('docs/testing.md and docs/promises.md', () => {
  it('name checkers that exist', () => {
    const rows = tableBelow(textOf('docs/testing.md'), 'The checkers');
    const named = rows.flatMap(([, checkers = '']) => quotedIn(checkers));
    const isHere = (name: string) =>
      files.some((path) => /^test\/.*\/[a-z-]+\.ts$/.test(path) && path.endsWith(`/${name}.ts`));
    expect(named.length).toBeGreaterThan(15);
    expect(named.filter((name) => !isHere(name))).toEqual([]);
  });

  it('name seeded bugs and classes of faults that exist', () => {
    const text = textOf('docs/promises.md');
    const known = [...catalogue.map(({ id }) => id), ...FAULTS] as readonly string[];
    const bugs = [...text.matchAll(/seeded bugs? ((?:`[a-z0-9-]+`(?:, )?)+)/g)];
    const classes = [...text.matchAll(/simulation class(?:es)? ((?:`[a-z-]+`(?:, | and )?)+)/g)];
    const named = [...bugs, ...classes].flatMap(([, list]) => quotedIn(list as string));
    expect(named.length).toBeGreaterThan(8);
    expect(named.filter((name) => !known.includes(name))).toEqual([]);
  });
});

describe('docs/api.md', () => {
  it('lists every problem with its status', () => {
    const rows = tableBelow(textOf('docs/api.md'), 'Problems');
    const listed = rows.flatMap(([status, codes = '']) =>
      quotedIn(codes).map((code) => `${status} ${code}`),
    );
    const known = Object.entries(PROBLEMS).map(([code, { status }]) => `${status} ${code}`);
    expect(listed.toSorted()).toEqual(known.toSorted());
    const doubtful = Object.entries(PROBLEMS).filter(([, { indeterminate }]) => indeterminate);
    expect(doubtful.map(([code]) => code).toSorted()).toEqual(['internal', 'outcome-unknown']);
  });

  it('lists every route, and no other', () => {
    const cells = tableBelow(textOf('docs/api.md'), 'Routes').map(([request = '']) => request);
    const listed = cells.flatMap(requestsOf);
    const routes = ROUTES.map(({ method, path }) => `${method} ${path}`);
    expect([...new Set(listed)].toSorted()).toEqual(routes.toSorted());
  });
});

/** `GET`, `HEAD /a`, `/b` are GET /a and GET /b: HEAD comes with GET. */
function requestsOf(cell: string): string[] {
  const method = /[A-Z]+/.exec(cell)?.[0] ?? '';
  const paths = cell.match(/\/[^`,\s?]*/g) ?? [];
  return paths.map((path) => `${method} ${path}`);
}

describe('the rules of documents', () => {
  const page = (text: string): TextFile => ({ path: 'docs/a.md', text });

  it('report a link to nothing, and take one to a section', () => {
    const other = { path: 'docs/b.md', text: '# B\n\n## What it is, and `why`\n' };
    const found = (text: string) => brokenLinks(page(text), [page(text), other]);
    expect(found('[b](b.md) [why](b.md#what-it-is-and-why) [me](#a)\n\n# A\n')).toEqual([]);
    expect(found('[c](c.md)')).toEqual(['docs/a.md: c.md']);
    expect(found('[b](b.md#nothing)')).toEqual(['docs/a.md: b.md#nothing']);
    expect(found('[b](../docs/b.md) [web](https://example.com/x)')).toEqual([]);
  });

  it('report a file that is nowhere', () => {
    const known = ['src/store/table.ts', 'docs/storage.md'];
    const found = (text: string) => lostFiles(page(text), known);
    expect(found('see table.ts, store/table.ts and docs/storage.md.')).toEqual([]);
    expect(found('see tables.ts and STORAGE.md')).toEqual([
      'docs/a.md: tables.ts',
      'docs/a.md: STORAGE.md',
    ]);
  });

  it('find comments, and no text beside them', () => {
    const source = { path: 'a.ts', text: "// one.ts\nconst a = 'two.ts'; /* three.ts */\n" };
    expect(commentsOf(source).map(({ text }) => text)).toEqual(['// one.ts', '/* three.ts */']);
  });
});

import { beforeEach, describe, expect, it } from 'vitest';
import type { Database } from '../../../../src/adapters/disk/level-database.ts';
import { LevelWriter } from '../../../../src/adapters/disk/level-writer.ts';

/** Writes that LevelDB received; the test ends each. */
interface Asked {
  readonly what: 'batch' | 'clear';
  readonly sync: unknown;
  end(error?: Error): Promise<void>;
}

describe('the writer of a database', () => {
  const asked: Asked[] = [];
  const answers: string[] = [];
  let writer: LevelWriter;

  beforeEach(() => {
    asked.length = 0;
    answers.length = 0;
    writer = new LevelWriter(level(asked), true);
  });

  const key = Uint8Array.of(1);
  const commit = (name: string): void =>
    writer.commit({ keys: [key], values: [key] }, (failure) =>
      answers.push(`${name}: ${failure ?? 'done'}`),
    );
  const clear = (name: string): void =>
    writer.clearPiece(key, key, (failure) => answers.push(`${name}: ${failure ?? 'done'}`));
  const under = (): string[] => asked.map(({ what }) => what);

  it('syncs every commit', async () => {
    commit('a');
    expect(asked[0]?.sync).toBe(true);
    await asked[0]?.end();
    expect(answers).toEqual(['a: done']);
  });

  it('makes one write at a time', async () => {
    commit('a');
    clear('b');
    clear('c');
    expect(under()).toEqual(['batch']);
    await asked[0]?.end();
    expect(under()).toEqual(['batch', 'clear']);
    await asked[1]?.end();
    expect(under()).toEqual(['batch', 'clear', 'clear']);
  });

  it('makes a waiting commit before waiting clears', async () => {
    clear('x');
    clear('y');
    commit('a');
    await asked[0]?.end();
    expect(under()).toEqual(['clear', 'batch']);
    await asked[1]?.end();
    commit('b');
    expect(under()).toEqual(['clear', 'batch', 'clear']);
    await asked[2]?.end();
    expect(under()).toEqual(['clear', 'batch', 'clear', 'batch']);
  });

  it('makes a waiting clear even if each commit is followed by the next at once', async () => {
    const batch = { keys: [key], values: [key] };
    writer.commit(batch, () => commit('b'));
    clear('x');
    await asked[0]?.end();
    expect(under()).toEqual(['batch', 'clear']);
    await asked[1]?.end();
    expect(under()).toEqual(['batch', 'clear', 'batch']);
  });

  it('accepts one commit at a time', () => {
    commit('a');
    expect(() => commit('b')).toThrow('one commit at a time');
  });

  it('writes nothing after a failed clear, and reports that to everything that waited', async () => {
    clear('x');
    clear('y');
    commit('a');
    await asked[0]?.end(new Error('no room'));
    await nextTurn();
    expect(under()).toEqual(['clear']);
    expect(answers.toSorted()).toEqual(['a: no room', 'x: no room', 'y: no room']);
    commit('b');
    clear('z');
    await nextTurn();
    expect(answers.slice(3)).toEqual(['b: no room', 'z: no room']);
    expect(under()).toEqual(['clear']);
  });

  it('keeps the first reason of a failure', async () => {
    commit('a');
    await asked[0]?.end(new Error('first'));
    writer.close();
    expect(writer.failure).toBe('first');
  });
});

// The part of LevelDB that the writer uses.
function level(asked: Asked[]): Database {
  const write = (what: Asked['what'], sync?: unknown): Promise<void> =>
    new Promise((resolve, reject) => {
      asked.push({
        what,
        sync,
        async end(error) {
          if (error === undefined) resolve();
          else reject(error);
          await nextTurn();
        },
      });
    });
  const stub = {
    clear: () => write('clear'),
    batch: () => ({
      put: () => {},
      del: () => {},
      write: (options: { sync: boolean }) => write('batch', options.sync),
    }),
  };
  return stub as unknown as Database;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

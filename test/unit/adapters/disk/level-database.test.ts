import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createDatabase, openDatabase } from '../../../../src/adapters/disk/level-database.ts';
import { openLevelStorage } from '../../../../src/adapters/disk/level-storage.ts';
import { UNREADABLE } from '../../../../src/model/port.ts';
import { temporaryFolder } from './temporary-folder.ts';

describe('a database', () => {
  it('is created empty, with its first write synced', async () => {
    const folder = join(temporaryFolder(), 'log');
    await createDatabase(folder);
    expect(readdirSync(folder)).toContain('CURRENT');
    const database = await openDatabase(folder);
    expect(await database.keys().all()).toEqual([]);
    await database.close();
  });

  it('is not created by opening it', async () => {
    const folder = join(temporaryFolder(), 'log');
    await expect(openDatabase(folder)).rejects.toMatchObject({ code: 'missing' });
    mkdirSync(folder, { recursive: true });
    await expect(openDatabase(folder)).rejects.toMatchObject({ code: 'missing' });
  });

  it('is not created over another one', async () => {
    const folder = join(temporaryFolder(), 'log');
    await createDatabase(folder);
    const before = readdirSync(folder);
    await expect(createDatabase(folder)).rejects.toMatchObject({ code: 'exists' });
    expect(readdirSync(folder)).toEqual(before);
  });

  it('is open in one process only, and the error of a second one says so', async () => {
    const folder = join(temporaryFolder(), 'log');
    await createDatabase(folder);
    const database = await openDatabase(folder);
    const second = openDatabase(folder);
    await expect(second).rejects.toMatchObject({ name: 'DataError', code: 'locked' });
    await expect(second).rejects.toThrow(`${folder} is in use by another process`);
    await database.close();
  });

  it('that reports damage is not opened, and not repaired', async () => {
    const folder = join(temporaryFolder(), 'log');
    await createDatabase(folder);
    const manifest = readdirSync(folder).find((name) => name.startsWith('MANIFEST'));
    writeFileSync(join(folder, String(manifest)), 'not a manifest at all, but long enough for one');
    const before = readdirSync(folder).filter((name) => /log$|ldb$/.test(name));
    await expect(openDatabase(folder)).rejects.toMatchObject({ code: 'damaged' });
    expect(readdirSync(folder).filter((name) => /log$|ldb$/.test(name))).toEqual(before);
  });

  it('with unreachable files reports that', async () => {
    const folder = join(temporaryFolder(), 'log');
    writeFileSync(folder, 'a file');
    await expect(openDatabase(folder)).rejects.toMatchObject({ code: 'io' });
  });
});

describe('a closed storage', () => {
  it('refuses reads and writes', async () => {
    const folder = join(temporaryFolder(), 'log');
    await createDatabase(folder);
    const storage = await openLevelStorage({ folder });
    await storage.close();
    const key = Uint8Array.of(1);
    const failure = await new Promise((resolve) =>
      storage.commit({ keys: [key], values: [key] }, resolve),
    );
    expect(failure).toBe('the storage is closed');
    expect(storage.get(key)).toBe(UNREADABLE);
    expect(storage.unreadable).toBe(1);
  });

  it('has finished the commit that was under way', async () => {
    const folder = join(temporaryFolder(), 'log');
    await createDatabase(folder);
    const storage = await openLevelStorage({ folder });
    const key = Uint8Array.of(1);
    const done = new Promise((resolve) => storage.commit({ keys: [key], values: [key] }, resolve));
    await storage.close();
    expect(await done).toBe(undefined);
    const next = await openLevelStorage({ folder });
    expect(next.get(key)).toEqual(Buffer.from(key));
    await next.close();
  });
});

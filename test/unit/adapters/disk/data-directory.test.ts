import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import {
  type DataOptions,
  openDataDir,
  type OpenedData,
} from '../../../../src/adapters/disk/data-directory.ts';
import { createDatabase } from '../../../../src/adapters/disk/level-database.ts';
import { INCARNATION_MAX, type ReplicaId } from '../../../../src/model/id.ts';
import { type Storage, UNREADABLE } from '../../../../src/model/port.ts';
import { temporaryFolder } from './temporary-folder.ts';

const KEY = Uint8Array.of(1);

describe('a data directory', () => {
  it('is created by the first start', async () => {
    const folder = join(temporaryFolder(), 'deep', 'data');
    const opened = await open({ folder });
    expect(opened).toMatchObject({ data: 'fresh', incarnation: 1 });
    expect(identityIn(folder)).toMatchObject({
      format: 2,
      clusterId: 'shop',
      replica: 'eu-1',
      uuid: expect.stringMatching(/^[0-9a-f-]{36}$/),
      incarnation: 1,
    });
    expect(readdirSync(folder).toSorted()).toEqual(['identity.json', 'log']);
  });

  it('of format 1 is read as it is, and becomes format 2 before anything else is written', async () => {
    const folder = temporaryFolder();
    await live(folder);
    rewriteIdentity(folder, { format: 1 });
    const { storage, data, incarnation } = await open({ folder });
    expect({ data, incarnation }).toEqual({ data: 'kept', incarnation: 2 });
    expect(stored(storage)).toBe(1);
    expect(identityIn(folder)).toMatchObject({ format: 2, incarnation: 2 });
  });

  it('is accessible to its owner only', async () => {
    const folder = join(temporaryFolder(), 'data');
    await open({ folder });
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'log')).mode & 0o777).toBe(0o700);
    expect(statSync(join(folder, 'identity.json')).mode & 0o777).toBe(0o600);
  });

  it('keeps its data and its identity, and gives every start a new incarnation', async () => {
    const folder = temporaryFolder();
    const first = await live(folder);
    const second = await live(folder);
    const third = await open({ folder });
    expect(second).toMatchObject({ data: 'kept', incarnation: 2 });
    expect(third).toMatchObject({ data: 'kept', incarnation: 3 });
    expect(third.identity.uuid).toBe(first.identity.uuid);
  });

  it('never gives a number twice, even if no incarnation wrote anything', async () => {
    const folder = temporaryFolder();
    for (const incarnation of [1, 2, 3]) {
      const opened = await open({ folder });
      expect(opened.incarnation).toBe(incarnation);
      await opened.storage.close();
    }
  });

  it('has the number in its identity before it is used', async () => {
    const folder = temporaryFolder();
    const { incarnation } = await open({ folder });
    expect(identityIn(folder)['incarnation']).toBe(incarnation);
  });

  it('continues above what the database remembers, if that is more', async () => {
    const folder = temporaryFolder();
    await live(folder);
    const opened = await open({ folder, lastIncarnation: () => 41 });
    expect(opened).toMatchObject({ data: 'kept', incarnation: 42 });
  });

  it('takes by the clock a number that a lost directory cannot have taken', async () => {
    const folder = temporaryFolder();
    const atMs = Date.UTC(2025, 0, 1) + 5000;
    const first = await open({ folder, comparedWallMs: () => Promise.resolve(atMs) });
    expect(first.incarnation).toBe(5);
    await first.storage.close();
    const again = await open({ folder, comparedWallMs: () => Promise.resolve(atMs + 900) });
    expect(again.incarnation).toBe(6);
    await again.storage.close();
    const other = await open({
      folder: temporaryFolder(),
      comparedWallMs: () => Promise.resolve(atMs + 3000),
    });
    expect(other).toMatchObject({ data: 'fresh', incarnation: 8 });
  });

  it('takes the last number plus one if no majority has confirmed the clock', async () => {
    const folder = temporaryFolder();
    const unconfirmed = { folder, comparedWallMs: () => Promise.resolve(undefined) };
    const numbers: number[] = [];
    for (let life = 0; life < 3; life++) {
      const opened = await open(unconfirmed);
      numbers.push(opened.incarnation);
      await opened.storage.close();
    }
    expect(numbers).toEqual([1, 2, 3]);
  });

  it('that lost its database counts as lost: empty, in a new incarnation', async () => {
    const folder = temporaryFolder();
    await live(folder);
    await live(folder);
    rmSync(join(folder, 'log'), { recursive: true });
    const opened = await open({ folder });
    expect(opened).toMatchObject({ data: 'lost', incarnation: 3 });
    expect(opened.storage.get(KEY)).toBe(undefined);
  });

  it('still counts as lost if the start after the loss failed', async () => {
    const folder = temporaryFolder();
    await live(folder);
    rmSync(join(folder, 'log'), { recursive: true });
    await (await open({ folder })).storage.close();
    expect(await open({ folder })).toMatchObject({ data: 'lost', incarnation: 3 });
  });

  it('counts as lost if an empty database was put in the place of the old one', async () => {
    const folder = temporaryFolder();
    await live(folder);
    rmSync(join(folder, 'log'), { recursive: true });
    await createDatabase(join(folder, 'log'));
    expect(await open({ folder })).toMatchObject({ data: 'lost', incarnation: 2 });
  });

  it('is fresh if its first starts failed: nothing was written, so nothing is lost', async () => {
    const folder = temporaryFolder();
    for (const _ of [1, 2]) await (await open({ folder })).storage.close();
    const opened = await open({ folder });
    expect(opened).toMatchObject({ data: 'fresh', incarnation: 3 });
    await opened.storage.close();
    rmSync(join(folder, 'log'), { recursive: true });
    expect(await open({ folder })).toMatchObject({ data: 'lost', incarnation: 4 });
  });

  it('is fresh if its first start ended before it had a database', async () => {
    const folder = temporaryFolder();
    await live(folder);
    rmSync(join(folder, 'log'), { recursive: true });
    rewriteIdentity(folder, { incarnation: 0 });
    expect(await open({ folder })).toMatchObject({ data: 'fresh', incarnation: 1 });
  });

  it('loses what unfinished starts have left behind', async () => {
    const folder = temporaryFolder();
    writeFileSync(join(folder, 'identity.json.draft-0123456789ab'), '');
    await createDatabase(join(folder, 'log.draft-0123456789ab'));
    await open({ folder });
    expect(readdirSync(folder).toSorted()).toEqual(['identity.json', 'log']);
  });
});

describe('a data directory is refused', () => {
  it('if it holds data without an identity', async () => {
    const folder = temporaryFolder();
    await live(folder);
    rmSync(join(folder, 'identity.json'));
    await expect(open({ folder })).rejects.toMatchObject({ code: 'identity-missing' });
    expect(existsSync(join(folder, 'identity.json'))).toBe(false);
  });

  it.each([
    ['other-cluster', { clusterId: 'bank' }],
    ['other-replica', { replica: 'us-1' as ReplicaId }],
  ])('if it belongs to an%s', async (code, other) => {
    const folder = temporaryFolder();
    await live(folder);
    const before = readdirSync(join(folder, 'log'));
    await expect(open({ folder, ...other })).rejects.toMatchObject({ code });
    expect(identityIn(folder)['incarnation']).toBe(1);
    expect(readdirSync(join(folder, 'log'))).toEqual(before);
  });

  it.each([
    ['identity-damaged', ''],
    ['identity-damaged', '{"format":1,"clusterId":"shop","repl'],
    ['identity-damaged', '[]'],
    ['identity-damaged', identityText({ replica: '../x' })],
    ['identity-damaged', identityText({ clusterId: '' })],
    ['identity-damaged', identityText({ uuid: 'x' })],
    ['identity-damaged', identityText({ incarnation: -1 })],
    ['identity-damaged', identityText({ incarnation: 1.5 })],
    ['identity-damaged', identityText({ incarnation: INCARNATION_MAX + 1 })],
    ['identity-format', identityText({ format: 3 })],
    ['identity-format', identityText({ format: '2' })],
  ])('with %s if its identity is %s', async (code, text) => {
    const folder = temporaryFolder();
    await live(folder);
    writeFileSync(join(folder, 'identity.json'), text);
    await expect(open({ folder })).rejects.toMatchObject({ code });
    expect(readFileSync(join(folder, 'identity.json'), 'utf8')).toBe(text);
  });

  it('if another process has it, and no number is taken', async () => {
    const folder = temporaryFolder();
    await open({ folder });
    await expect(open({ folder })).rejects.toMatchObject({ code: 'locked' });
    expect(identityIn(folder)['incarnation']).toBe(1);
  });

  it('if its database has files but no CURRENT, and the files are not touched', async () => {
    const folder = temporaryFolder();
    await live(folder);
    rmSync(join(folder, 'log', 'CURRENT'));
    const before = readdirSync(join(folder, 'log'));
    await expect(open({ folder })).rejects.toMatchObject({ code: 'damaged' });
    expect(readdirSync(join(folder, 'log'))).toEqual(before);
  });

  it('if the last incarnation cannot be read, and is unlocked for the next try', async () => {
    const folder = temporaryFolder();
    await live(folder);
    const damaged = open({ folder, lastIncarnation: () => undefined });
    await expect(damaged).rejects.toMatchObject({ code: 'damaged' });
    expect(await open({ folder })).toMatchObject({ incarnation: 2 });
  });

  it('if no number is left', async () => {
    const folder = temporaryFolder();
    await live(folder);
    rewriteIdentity(folder, { incarnation: INCARNATION_MAX });
    await expect(open({ folder })).rejects.toMatchObject({ code: 'incarnations-exhausted' });
  });
});

async function open(options: Partial<DataOptions> & { folder: string }): Promise<OpenedData> {
  const owner = { clusterId: 'shop', replica: 'eu-1' as ReplicaId };
  const opened = await openDataDir({
    ...owner,
    sync: true,
    note: () => undefined,
    comparedWallMs: () => Promise.resolve(undefined),
    lastIncarnation: stored,
    ...options,
  });
  onTestFinished(() => opened.storage.close());
  return opened;
}

/**
 * An incarnation that writes its number into the database, which is the first thing that the core
 * does.
 */
async function live(folder: string): Promise<OpenedData> {
  const opened = await open({ folder });
  const batch = { keys: [KEY], values: [Uint8Array.of(opened.incarnation)] };
  await new Promise((resolve) => opened.storage.commit(batch, resolve));
  await opened.storage.close();
  return opened;
}

function stored(storage: Storage): number | undefined {
  const value = storage.get(KEY);
  return value === UNREADABLE ? undefined : (value?.[0] ?? 0);
}

function identityIn(folder: string): { [name: string]: unknown } {
  const text = readFileSync(join(folder, 'identity.json'), 'utf8');
  return JSON.parse(text) as { [name: string]: unknown };
}

function rewriteIdentity(folder: string, changes: object): void {
  const text = JSON.stringify({ ...identityIn(folder), ...changes });
  writeFileSync(join(folder, 'identity.json'), text);
}

function identityText(changes: object): string {
  const uuid = '00000000-0000-4000-8000-000000000000';
  return JSON.stringify({
    format: 1,
    clusterId: 'shop',
    replica: 'eu-1',
    uuid,
    incarnation: 1,
    ...changes,
  });
}

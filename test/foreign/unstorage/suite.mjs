// What unstorage expects of each of its drivers, through its HTTP driver and a small mount, against
// three replicas in turn. The package does not ship the suite of its drivers; these are its cases.
//   node suite.mjs FOLDER-OF-PACKAGES URL URL URL

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { createRest } from '../rest.mjs';
import { startMount } from './mount.mjs';

const [folder, ...urls] = process.argv.slice(2);
const { resolve } = createRequire(join(folder, 'package.json'));
const load = (name) => import(pathToFileURL(resolve(name)).href);
const { createStorage, prefixStorage, snapshot, restoreSnapshot } = await load('unstorage');
const { default: httpDriver } = await load('unstorage/drivers/http');

const mount = await startMount(createRest(urls, `unstorage/${randomUUID()}/`));
const storage = createStorage({ driver: httpDriver({ base: mount.url }) });

const CASES = {
  'has no item at first': async () => {
    assert.equal(await storage.hasItem('s1:a'), false);
    assert.equal(await storage.getItem('s2:a'), null);
    assert.deepEqual(await storage.getKeys(), []);
  },
  'sets, has and gets items': async () => {
    await storage.setItem('s1:a', 'test_data');
    await storage.setItem('s2:a', 'test_data');
    await storage.setItem('s3:a?q=1', 'test_data');
    assert.equal(await storage.hasItem('s1:a'), true);
    assert.equal(await storage.getItem('s1:a'), 'test_data');
    assert.equal(await storage.getItem('s3:a?q=2'), 'test_data');
  },
  'lists keys, all and below a base': async () => {
    assert.deepEqual((await storage.getKeys()).sort(), ['s1:a', 's2:a', 's3:a']);
    assert.deepEqual(await storage.getKeys('s1'), ['s1:a']);
  },
  'keeps objects, numbers, booleans and text': async () => {
    for (const value of [{ json: 'works', deep: [1, { two: 3 }] }, 42, true, [], 'text']) {
      await storage.setItem('/data/value.json', value);
      assert.deepEqual(await storage.getItem('/data/value.json'), value);
    }
  },
  'keeps raw bytes': async () => {
    const value = new Uint8Array([0, 1, 2, 127, 128, 255]);
    await storage.setItemRaw('/data/raw.bin', value);
    const read = await storage.getItemRaw('/data/raw.bin');
    assert.deepEqual(new Uint8Array(read), value);
  },
  'keeps large raw values': async () => {
    const value = new Uint8Array(500_000).fill(7);
    await storage.setItemRaw('/data/large.bin', value);
    assert.equal(new Uint8Array(await storage.getItemRaw('/data/large.bin')).length, 500_000);
  },
  'takes keys of any characters': async () => {
    for (const key of ['größe', 'a b', 'a+b', 'a%b', 'a&b=c', 'quote"s', 'emoji😀']) {
      await storage.setItem(`odd:${key}`, key);
      assert.equal(await storage.getItem(`odd:${key}`), key);
    }
  },
  'tells when an item was written': async () => {
    const { mtime } = await storage.getMeta('s1:a');
    assert.ok(Math.abs(mtime.getTime() - Date.now()) < 600_000);
  },
  'keeps a lifetime': async () => {
    await storage.setItem('ttl:a', 'short', { ttl: 3600 });
    const { ttl } = await storage.getMeta('ttl:a');
    assert.ok(ttl > 3000 && ttl <= 3600);
  },
  'sets and gets many': async () => {
    await storage.setItems([
      { key: 'm:1', value: 'one' },
      { key: 'm:2', value: 'two' },
    ]);
    const items = await storage.getItems(['m:1', 'm:2', 'm:3']);
    assert.deepEqual(
      items.map(({ value }) => value),
      ['one', 'two', null],
    );
  },
  'takes a prefix': async () => {
    const prefixed = prefixStorage(storage, 'pre');
    await prefixed.setItem('x', 'y');
    assert.deepEqual(await prefixed.getKeys(), ['x']);
    assert.equal(await storage.getItem('pre:x'), 'y');
  },
  'takes a snapshot and restores it': async () => {
    const taken = await snapshot(storage, 's1');
    await storage.removeItem('s1:a');
    assert.equal(await storage.hasItem('s1:a'), false);
    await restoreSnapshot(storage, taken, 's1');
    assert.equal(await storage.getItem('s1:a'), 'test_data');
  },
  'removes an item, and one that is not there': async () => {
    await storage.removeItem('s1:a');
    await storage.removeItem('s1:a');
    assert.equal(await storage.hasItem('s1:a'), false);
    assert.equal(await storage.getItem('s1:a'), null);
  },
  'clears a base, and everything': async () => {
    await storage.getMount().driver.clear('odd');
    assert.deepEqual(await storage.getKeys('odd'), []);
    assert.ok((await storage.getKeys()).length > 0);
    await storage.clear();
    assert.deepEqual(await storage.getKeys(), []);
  },
};

let passed = 0;
for (const [name, run] of Object.entries(CASES)) {
  try {
    await run();
    passed++;
  } catch (error) {
    console.log(`${name}: ${error.stack}`);
  }
}
mount.close();
const total = Object.keys(CASES).length;
console.log(`${passed} of ${total} cases`);
process.exitCode = passed === total ? 0 : 1;

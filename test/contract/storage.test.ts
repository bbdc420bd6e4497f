// The storage contract on LevelDB and on the simulated disk, and tests that only one of them
// allows.

import { describe, expect, it } from 'vitest';
import type { Batch, Storage } from '../../src/model/port.ts';
import { MemoryDisk } from '../cluster/memory-disk.ts';
import { MemoryStorage, type MemoryStorageOptions } from '../cluster/memory-storage.ts';
import { createWorld } from '../cluster/world.ts';
import { createLevelStore } from './level-store.ts';
import { bytes, storageContract, type StoreUnderTest } from './storage.contract.ts';

storageContract('LevelDB', createLevelStore);
storageContract('the simulated disk', createMemoryStore);

function createMemoryStore(): Promise<StoreUnderTest> {
  const world = createWorld(1);
  const disk = new MemoryDisk();
  let storage = new MemoryStorage({ world, disk });
  const reopen = (): Promise<void> => {
    storage.cutPower();
    storage = new MemoryStorage({ world, disk });
    return Promise.resolve();
  };
  return Promise.resolve({
    get storage() {
      return storage;
    },
    settle: () => world.run(world.now() + 1000),
    reopen,
    failNextCommit() {
      storage.failNextCommit('no room', 'lost');
      return Promise.resolve(() => {});
    },
    damageMiddle(middle: Uint8Array) {
      disk.damage(middle);
      return reopen();
    },
    close: () => Promise.resolve(),
  });
}

describe('the simulated disk', () => {
  const begin = (options: Partial<MemoryStorageOptions> = {}) => {
    const world = createWorld(1);
    const disk = new MemoryDisk();
    const open = () => new MemoryStorage({ world, disk, ...options });
    return { world, disk, open, storage: open() };
  };
  const one = (key: string, value: string): Batch => ({
    keys: [bytes(key)],
    values: [bytes(value)],
  });
  const answers: (string | undefined)[] = [];
  const put = (storage: Storage, key: string, value = '1'): void =>
    storage.commit(one(key, value), (failure) => answers.push(failure));

  it('shows a commit when it is complete, after the latency of the disk', () => {
    const { world, storage } = begin({ commitMs: 4 });
    let doneMs = -1;
    storage.commit(one('a', '1'), () => {
      doneMs = world.now();
    });
    world.run(3.9);
    expect(storage.get(bytes('a'))).toBe(undefined);
    expect(doneMs).toBe(-1);
    world.run(10);
    expect(storage.get(bytes('a'))).toEqual(bytes('1'));
    expect(doneMs).toBe(4);
  });

  it('can be made slow', () => {
    const { world, storage } = begin({ commitMs: 1 });
    storage.commitMs = 300;
    put(storage, 'a');
    world.run(299);
    expect(storage.get(bytes('a'))).toBe(undefined);
    world.run(300);
    expect(storage.get(bytes('a'))).toEqual(bytes('1'));
  });

  it('refuses a second commit while the first is under way', () => {
    const { storage } = begin();
    put(storage, 'a');
    expect(() => put(storage, 'b')).toThrow('one commit at a time');
  });

  it.each(['lost', 'kept'] as const)('leaves a batch in flight at a power cut %s', (outcome) => {
    const { world, storage, open } = begin();
    answers.length = 0;
    put(storage, 'a');
    storage.cutPower(outcome);
    world.run(1000);
    expect(answers).toEqual([]);
    expect(open().get(bytes('a'))).toEqual(outcome === 'kept' ? bytes('1') : undefined);
  });

  it.each(['lost', 'kept'] as const)('leaves a failed batch %s, after the restart', (outcome) => {
    const { world, storage, open } = begin();
    answers.length = 0;
    storage.failNextCommit('EIO', outcome);
    put(storage, 'a');
    world.run(1000);
    expect(answers).toEqual(['EIO']);
    expect(storage.get(bytes('a'))).toBe(undefined);
    storage.kill();
    expect(open().get(bytes('a'))).toEqual(outcome === 'kept' ? bytes('1') : undefined);
  });

  it('without sync, loses acknowledged data in a power cut, but not in a kill', () => {
    const { world, disk, open, storage } = begin({ sync: false });
    disk.write(one('a', 'old'), true);
    put(storage, 'a', 'new');
    world.run(1000);
    storage.kill();
    const next = open();
    expect(next.get(bytes('a'))).toEqual(bytes('new'));
    next.cutPower();
    expect(open().get(bytes('a'))).toEqual(bytes('old'));
  });

  it('may bring back, after a power cut, ranges that were cleared since the last commit', () => {
    const { world, storage, open } = begin();
    put(storage, 'a');
    world.run(1000);
    storage.clear(bytes('a'), bytes('b'), () => {});
    world.run(2000);
    expect(storage.get(bytes('a'))).toBe(undefined);
    storage.cutPower();
    expect(open().get(bytes('a'))).toEqual(bytes('1'));
  });

  it('changes a stored bit without an error', () => {
    const { world, disk, storage } = begin();
    put(storage, 'a', '1');
    world.run(1000);
    disk.flip(bytes('a'), 0);
    expect(storage.get(bytes('a'))).toEqual(bytes('0'));
  });
});

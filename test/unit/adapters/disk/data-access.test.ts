import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { checkAccess } from '../../../../src/adapters/disk/data-access.ts';
import { temporaryFolder } from './temporary-folder.ts';

let place: string;
let folder: string;
beforeEach(() => {
  place = temporaryFolder();
  folder = join(place, 'data');
  mkdirSync(join(folder, 'log'), { recursive: true, mode: 0o700 });
  for (const name of ['identity.json', 'log/000003.ldb']) {
    writeFileSync(join(folder, name), 'x', { mode: 0o600 });
    chmodSync(join(folder, name), 0o600);
  }
  chmodSync(join(folder, 'log'), 0o700);
  chmodSync(folder, 0o700);
});
afterEach(() => chmodSync(folder, 0o700));

describe.skipIf(process.platform === 'win32')('a data directory', () => {
  it.each([0o700, 0o750, 0o755, 0o555])(
    'that only its owner may write is accepted (%o)',
    async (mode) => {
      chmodSync(folder, mode);
      expect(await checkAccess(folder)).toBeUndefined();
    },
  );

  it('that does not exist yet is accepted', async () => {
    expect(await checkAccess(join(place, 'none'))).toBeUndefined();
  });

  it.each(['', 'identity.json', 'log', 'log/000003.ldb'])(
    'in which every user may write "%s" is refused, with what to do',
    async (name) => {
      chmodSync(join(folder, name), 0o777);
      const refused = checkAccess(folder);
      await expect(refused).rejects.toMatchObject({ code: 'exposed' });
      await expect(refused).rejects.toThrow(`chmod -R go-w ${folder}`);
      await expect(refused).rejects.toThrow(join(folder, name));
    },
  );

  it.each(['', 'identity.json', 'log', 'log/000003.ldb'])(
    'in which a group may write "%s" is reported',
    async (name) => {
      chmodSync(join(folder, name), 0o770);
      expect(await checkAccess(folder)).toContain('may be written by its group');
    },
  );

  it('is refused because of every user before it is reported because of a group', async () => {
    chmodSync(folder, 0o770);
    chmodSync(join(folder, 'log', '000003.ldb'), 0o666);
    await expect(checkAccess(folder)).rejects.toMatchObject({ code: 'exposed' });
  });

  it('may hold links, which have no permission bits of their own', async () => {
    symlinkSync(place, join(folder, 'elsewhere'));
    expect(await checkAccess(folder)).toBeUndefined();
  });
});

// `wal verify`: checks what a stopped replica has stored. It opens the database as the replica
// does, which takes its lock, but writes and repairs nothing. (LevelDB has no read-only mode: as at
// every start, it moves its newest writes into a table.)

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DataError } from '../adapters/disk/data-error.ts';
import { type LevelStorage, openLevelStorage } from '../adapters/disk/level-storage.ts';
import type { RangeResult } from '../model/effect.ts';
import { UNREADABLE } from '../model/port.ts';
import { behind } from '../store/layout.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import { renderJson, renderTable } from './render.ts';
import type { Terminal } from './terminal.ts';
import { type Report, type StoredData, verifyStored } from './verify.ts';

const PAGE_ENTRIES = 1000;
const PAGE_BYTES = 1024 * 1024;

export async function verifyData(
  dataDir: string,
  output: 'table' | 'json',
  terminal: Terminal,
): Promise<ExitCode> {
  const storage = await open(dataDir);
  try {
    const report = await verifyStored(storedIn(storage));
    terminal.out(output === 'json' ? renderJson(report) : renderReport(report));
    return report.ok ? EXIT.ok : EXIT.no;
  } finally {
    await storage.close();
  }
}

async function open(dataDir: string): Promise<LevelStorage> {
  const folder = join(dataDir, 'log');
  if (!existsSync(join(folder, 'CURRENT'))) {
    const advice = 'name the directory of one replica, such as ./conit-data/eu-1';
    throw new CommandError(EXIT.usage, `--data: ${dataDir} holds no data of a replica; ${advice}`);
  }
  try {
    return await openLevelStorage({ folder });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    if (error.code !== 'locked') throw new CommandError(EXIT.no, error.message);
    throw new CommandError(EXIT.unavailable, `${error.message}; stop the replica first`);
  }
}

function storedIn(storage: LevelStorage): StoredData {
  return {
    async *scan(start, to) {
      for (let from = start; ; ) {
        const page = await readPage(storage, from, to);
        if (!page.ok) throw new Error(page.reason);
        yield* page.entries;
        const last = page.entries.at(-1);
        if (!page.more || last === undefined) return;
        from = behind(last.key);
      }
    },
    get(key) {
      const value = storage.get(key);
      if (value === UNREADABLE) throw new Error('the storage cannot read this value');
      return value;
    },
  };
}

function readPage(storage: LevelStorage, from: Uint8Array, to: Uint8Array): Promise<RangeResult> {
  const request = { from, to, reverse: false, limit: PAGE_ENTRIES, bytesMax: PAGE_BYTES };
  return new Promise((resolve) => storage.range(request, resolve));
}

const COLUMNS = [
  { name: 'origin', title: 'LOG OF' },
  { name: 'from', title: 'FROM', alignment: 'right' as const },
  { name: 'head', title: 'TO', alignment: 'right' as const },
  { name: 'entries', title: 'ENTRIES', alignment: 'right' as const },
  { name: 'blocks', title: 'BLOCKS', alignment: 'right' as const },
  { name: 'toReplay', title: 'TO REPLAY', alignment: 'right' as const },
];

function renderReport(report: Report): string {
  const { origins, records, tombstones, others, damages, damaged } = report;
  const rows = origins.map(({ floor, ...lane }) => ({ ...lane, from: floor + 1 }));
  const found = `${records} records, ${tombstones} tombstones, ${others} other values`;
  const lines = damaged.map(({ where, reason }) => `damaged: ${where}: ${reason}`);
  const more = damages - damaged.length;
  if (more > 0) lines.push(`and ${more} more`);
  const verdict = damages === 0 ? 'everything is whole' : `${damages} damages`;
  return `${[renderTable(COLUMNS, rows), found, ...lines, verdict].join('\n')}\n`;
}

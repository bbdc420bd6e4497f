// Tables and quantities for people: columns without lines around them, so that `cut` and `grep`
// work, and one unit for each number.

import { Table } from 'console-table-printer';

interface Column {
  readonly name: string;
  readonly title: string;
  readonly alignment?: 'left' | 'right';
}

export type Row = { readonly [column: string]: string | number };

const NO_LINE = { left: '', mid: '', right: '', other: '' };
const STYLE = {
  headerTop: NO_LINE,
  headerBottom: NO_LINE,
  tableBottom: NO_LINE,
  rowSeparator: NO_LINE,
  vertical: '',
};

/** Lines of aligned columns under a header, without a line end. */
export function renderTable(columns: readonly Column[], rows: readonly Row[]): string {
  const table = new Table({
    style: STYLE,
    shouldDisableColors: true,
    columns: columns.map(({ name, title, alignment = 'left' }) => ({ name, title, alignment })),
  });
  for (const row of rows) table.addRow(row);
  return table
    .render()
    .split('\n')
    .map((line) => line.replace(/^ /, '').trimEnd())
    .filter((line) => line !== '')
    .join('\n');
}

export function renderJson(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}

/** Such as `0 ms`, `85 ms`, `1.2 s`, `3 min`, `2 h`, or `unknown`. */
export function renderMs(ms: number | 'unknown' | undefined): string {
  if (ms === undefined || ms === 'unknown') return 'unknown';
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  return ms < 3_600_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 3_600_000)} h`;
}

/** Control characters as `\xNN`, so that a key cannot control the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16);
    return code.length > 2 ? `\\u{${code}}` : `\\x${code.padStart(2, '0')}`;
  });
}

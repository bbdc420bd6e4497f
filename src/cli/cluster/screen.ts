// The output of `conit cluster`: permanent lines, and on a terminal, below them, one live line that
// is redrawn in place.

import { printable } from '../render.ts';
import type { Terminal } from '../terminal.ts';

export interface Screen {
  /** Prints a permanent line. */
  say(text: string): void;
  /** Replaces the live line; does nothing if the output is no terminal. */
  live(text: string): void;
  /** Removes the live line. */
  close(): void;
}

export function createScreen(terminal: Terminal): Screen {
  let shown = '';
  const erase = (): string => (shown === '' ? '' : '\r\x1b[K');
  return {
    say(text) {
      terminal.say(`${erase()}${text}\n${shown}`);
    },
    live(text) {
      if (!terminal.isSayTty) return;
      const line = fit(text, terminal.columns - 1);
      if (line === shown) return;
      terminal.say(erase() + line);
      shown = line;
    },
    close() {
      terminal.say(erase());
      shown = '';
    },
  };
}

function fit(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, Math.max(0, width - 1))}…`;
}

/** A line of a replica's log that a person should see, or `undefined`. */
export function warningOf(line: string): string | undefined {
  if (!line.startsWith('{')) return line.trim() === '' ? undefined : printable(line);
  const { level, event, time: _time, replica: _replica, ...fields } = parse(line);
  if (level !== 'warn' && level !== 'error' && level !== 'fatal') return undefined;
  if (typeof event === 'string' && TOLD_OTHERWISE.includes(event)) return undefined;
  const details = Object.entries(fields).map(([name, value]) => `${name}=${showField(value)}`);
  const severity = level === 'warn' ? 'warning' : 'error';
  return [`${severity}: ${showField(event)}`, ...details].join('  ');
}

/** These events are left out, because watch.ts reports a lost peer by its state. */
const TOLD_OTHERWISE: readonly string[] = ['peer-unreachable', 'peer-refused'];

function showField(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return printable(text);
}

function parse(line: string): { readonly [member: string]: unknown } {
  try {
    return JSON.parse(line) as { readonly [member: string]: unknown };
  } catch {
    return {};
  }
}

// The log: one JSON object per line, for people and machines, never one per request.
//
// Its texts may come from clients and peers, so control and direction characters are escaped: no
// logged text can begin a line, colour a terminal or reorder what is shown. A note that repeats too
// fast is counted instead of written. Writing never blocks and never fails: lines that a full disk
// or a stuck reader does not accept are dropped, counted, and reported as `log-resumed` when lines
// are written again (log-output.ts).

import { pino } from 'pino';
import type { NoteFields } from '../../model/effect.ts';
import type { Clock, Trace } from '../../model/port.ts';
import { type LogDevice, openLogDevice } from './log-device.ts';
import { LogOutput } from './log-output.ts';
import { systemClock } from '../system-clock.ts';

export interface Log {
  readonly note: Trace['note'];
  /** Lines that could not be written. */
  readonly dropped: number;
  /** Waits until everything is written, for at most a second; true if it is. */
  drain(): Promise<boolean>;
  /** Writes what is buffered, for at most a second, before the process ends. */
  flush(): void;
}

export interface LogOptions {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly replica: string;
  /** Standard output by default. */
  readonly device?: LogDevice;
  readonly clock?: Clock;
}

const STANDARD_OUTPUT = 1;
const FLUSH_MS = 1000;
const TEXT_LENGTH_MAX = 2048;
const WINDOW_MS = 10_000;
const NOTES_PER_WINDOW_MAX = 100;
/** There are few event names; all names beyond this number share one allowance. */
const EVENTS_MAX = 256;

/** Names that the log itself uses. */
const RESERVED = new Set(['level', 'time', 'replica', 'event', 'suppressed']);
/** Fields with these names are never written. */
const SECRET = new Set(
  'key value secret token tokens password authorization cookie session'.split(' '),
);
const UNSAFE = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;

export function createLog(options: LogOptions): Log {
  const { level, replica, clock = systemClock } = options;
  const output = new LogOutput({
    device: options.device ?? openLogDevice(STANDARD_OUTPUT),
    onResumed: (dropped, reason) => log.note('warn', 'log-resumed', { dropped, reason }),
  });
  const logger = pino(
    {
      level,
      base: { replica },
      messageKey: 'event',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    output,
  );
  const admit = createAllowances(clock);
  const log: Log = {
    note(severity, event, fields) {
      const suppressed = admit(event);
      if (suppressed === undefined) return;
      const more = suppressed > 0 ? { suppressed } : {};
      logger[severity]({ ...safeFields(fields), ...more }, safeText(event));
    },
    get dropped() {
      return output.dropped;
    },
    drain: () => output.drain(FLUSH_MS),
    flush: () => output.flushNow(FLUSH_MS),
  };
  return log;
}

interface Allowance {
  endsMs: number;
  given: number;
  suppressed: number;
}

/**
 * Asks to write one more note of an event. Returns how many were suppressed since the last one;
 * `undefined` suppresses this one too.
 */
function createAllowances(clock: Clock): (event: string) => number | undefined {
  const allowances = new Map<string, Allowance>();
  return (event) => {
    const name = allowances.size < EVENTS_MAX || allowances.has(event) ? event : '';
    const nowMs = clock.monoMs();
    const allowance = allowances.get(name) ?? { endsMs: 0, given: 0, suppressed: 0 };
    allowances.set(name, allowance);
    if (nowMs >= allowance.endsMs) {
      allowance.endsMs = nowMs + WINDOW_MS;
      allowance.given = 0;
    }
    if (allowance.given === NOTES_PER_WINDOW_MAX) {
      allowance.suppressed++;
      return undefined;
    }
    const { suppressed } = allowance;
    allowance.given++;
    allowance.suppressed = 0;
    return suppressed;
  };
}

function safeFields(fields: NoteFields): NoteFields {
  const entries = Object.entries(fields).map(([name, value]) => {
    const safeName = RESERVED.has(name) ? `${name}_` : safeText(name);
    if (SECRET.has(name.toLowerCase())) return [safeName, '[redacted]'];
    return [safeName, typeof value === 'string' ? safeText(value) : value];
  });
  return Object.fromEntries(entries) as NoteFields;
}

function safeText(text: string): string {
  const short = text.length > TEXT_LENGTH_MAX ? `${text.slice(0, TEXT_LENGTH_MAX)}…` : text;
  return short.replaceAll(UNSAFE, writtenOut);
}

function writtenOut(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  return `\\u{${code.toString(16)}}`;
}

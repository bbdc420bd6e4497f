import { describe, expect, it } from 'vitest';
import type { LogDevice } from '../../../../src/adapters/telemetry/log-device.ts';
import { createLog, type Log, type LogOptions } from '../../../../src/adapters/telemetry/log.ts';

describe('the log', () => {
  it('has one JSON object in each line', () => {
    const { log, lines } = setUp();
    log.note('warn', 'peer-lost', { peer: 'us-1', afterMs: 12, again: true });
    expect(lines).toHaveLength(1);
    expect(parse(lines[0])).toEqual({
      level: 'warn',
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      replica: 'eu-1',
      event: 'peer-lost',
      peer: 'us-1',
      afterMs: 12,
      again: true,
    });
  });

  it('leaves out what is below its level', () => {
    const { log, lines } = setUp({ level: 'warn' });
    log.note('info', 'small', {});
    log.note('error', 'big', {});
    expect(lines.map((line) => parse(line)['event'])).toEqual(['big']);
  });

  it.each([
    ['a new line', 'a\r\n{"level":"error"}', 'a\\u{d}\\u{a}{"level":"error"}'],
    ['an escape sequence', '\u001b[31mred', '\\u{1b}[31mred'],
    ['an 8-bit escape', '\u009b31m', '\\u{9b}31m'],
    ['a line separator', 'a\u2028b', 'a\\u{2028}b'],
    ['a direction override', 'a\u202eb', 'a\\u{202e}b'],
    ['half a character', 'a\ud800b', 'a\\u{d800}b'],
  ])('writes out %s', (_, text, written) => {
    const { log, lines } = setUp();
    log.note('info', text, { reason: text, [text]: 1 });
    const line = parse(lines[0]);
    expect(lines[0]?.match(/\n/g)).toHaveLength(1);
    expect(line['event']).toBe(written);
    expect(line['reason']).toBe(written);
    expect(line[written]).toBe(1);
  });

  it('cuts long texts', () => {
    const { log, lines } = setUp();
    log.note('info', 'event', { reason: 'x'.repeat(100_000) });
    expect((lines[0] as string).length).toBeLessThan(4000);
  });

  it('redacts a field whose name is that of a secret, a key or a value', () => {
    const { log, lines } = setUp();
    log.note('info', 'event', {
      Secret: 'canary',
      key: 'canary',
      value: 'canary',
      token: 'canary',
    });
    expect(lines[0]).not.toContain('canary');
  });

  it('keeps fields from replacing its own names', () => {
    const { log, lines } = setUp();
    log.note('info', 'event', { level: 'error', replica: 'us-1', event: 'other', time: 0 });
    expect(parse(lines[0])).toMatchObject({
      level: 'info',
      replica: 'eu-1',
      event: 'event',
      level_: 'error',
      replica_: 'us-1',
      event_: 'other',
      time_: 0,
    });
  });

  it('drops notes that come too fast, and reports how many with the next one', () => {
    const { log, lines, pass } = setUp();
    for (let turn = 0; turn < 130; turn++) log.note('info', 'again', { turn });
    expect(lines).toHaveLength(100);
    log.note('info', 'other', {});
    expect(lines).toHaveLength(101);
    pass(10_000);
    log.note('info', 'again', {});
    log.note('info', 'again', {});
    expect(parse(lines[101])).toMatchObject({ event: 'again', suppressed: 30 });
    expect(parse(lines[102])).not.toHaveProperty('suppressed');
  });

  it('holds a bounded number of event names', () => {
    const { log, lines } = setUp();
    for (let turn = 0; turn < 1000; turn++) log.note('info', `event-${turn}`, {});
    expect(lines.length).toBe(256 + 100);
  });
});

function setUp(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  let nowMs = 0;
  const log = createLog({
    level: 'info',
    replica: 'eu-1',
    device: deviceOf(lines),
    clock: { wallMs: () => 0, monoMs: () => nowMs },
    ...options,
  });
  const pass = (ms: number): void => {
    nowMs += ms;
  };
  const note: Log['note'] = (...said) => {
    log.note(...said);
    log.flush();
  };
  return { log: { note }, lines, pass };
}

/** Takes everything at once. */
function deviceOf(lines: string[]): LogDevice {
  const writeNow = (bytes: Uint8Array): number => {
    lines.push(
      ...Buffer.from(bytes)
        .toString()
        .split(/(?<=\n)/),
    );
    return bytes.length;
  };
  return { writeNow, write: (bytes, taken) => taken(undefined, writeNow(bytes)) };
}

function parse(line: string | undefined): { [name: string]: unknown } {
  return JSON.parse(String(line)) as { [name: string]: unknown };
}

import { describe, expect, it } from 'vitest';
import type { LogDevice } from '../../../../src/adapters/telemetry/log-device.ts';
import { LogOutput } from '../../../../src/adapters/telemetry/log-output.ts';
import { until } from '../../../support/wait.ts';

describe('the output of the log', () => {
  it('writes lines in their order, in as few pieces as the device takes', async () => {
    const { output, device } = setUp();
    for (let line = 0; line < 100; line++) output.write(`line ${line}\n`);
    expect(await output.drain(PATIENCE_MS)).toBe(true);
    expect(device.text()).toBe(Array.from({ length: 100 }, (_, at) => `line ${at}\n`).join(''));
    expect(device.writes()).toBe(1);
  });

  it('continues where the device stopped in the middle of a line', async () => {
    const { output, device } = setUp();
    device.room = 7;
    output.write('first line\n');
    output.write('second line\n');
    await until('it has no room', () => device.room === 0);
    device.room = 1000;
    expect(await output.drain(PATIENCE_MS)).toBe(true);
    expect(device.text()).toBe('first line\nsecond line\n');
    expect(output.dropped).toBe(0);
  });

  it('holds a bounded number of bytes for a reader that stands still, and reports how many lines it lost', async () => {
    const { output, device, resumed } = setUp({ bytesMax: 100 });
    device.room = 0;
    for (let line = 0; line < 50; line++) output.write('0123456789\n');
    expect(output.dropped).toBe(41);
    device.room = Number.POSITIVE_INFINITY;
    expect(await output.drain(PATIENCE_MS)).toBe(true);
    expect(device.text()).toBe('0123456789\n'.repeat(9));
    expect(resumed).toEqual([[41, 'the reader of the log does not read it']]);
  });

  it.each(['ENOSPC', 'EPIPE', 'EIO'])(
    'drops what waits on %s, and resumes by itself',
    async (code) => {
      const { output, device, resumed } = setUp();
      device.error = code;
      output.write('lost\n');
      await until('it is lost', () => output.dropped === 1);
      device.error = undefined;
      output.write('written\n');
      expect(await output.drain(PATIENCE_MS)).toBe(true);
      expect(device.text()).toBe('written\n');
      expect(resumed).toEqual([[1, code]]);
    },
  );

  it('ends a line that an error cut before it begins the next line', async () => {
    const { output, device } = setUp();
    device.room = 4;
    output.write('a long line\n');
    await until('it is cut', () => device.room === 0);
    device.error = 'ENOSPC';
    await until('it is lost', () => output.dropped === 1);
    device.error = undefined;
    device.room = 1000;
    output.write('next\n');
    expect(await output.drain(PATIENCE_MS)).toBe(true);
    expect(device.text()).toBe('a lo\nnext\n');
  });

  it('gives up at its deadline when the process ends and nothing is accepted', () => {
    const { output, device } = setUp();
    device.room = 0;
    output.write('waits\n');
    output.flushNow(30);
    expect(output.isEmpty).toBe(false);
    device.room = 1000;
    output.flushNow(30);
    expect(device.text()).toBe('waits\n');
  });

  it('leaves a write that is under way to the thread pool, and writes the rest', async () => {
    const { output, device } = setUp();
    device.isStuck = true;
    output.write('under way\n');
    await until('it is under way', () => device.writes() === 1);
    output.write('rest\n');
    output.flushNow(30);
    expect(device.text()).toBe('rest\n');
  });

  it('gives up after an error when the process ends', () => {
    const { output, device } = setUp();
    device.error = 'ENOSPC';
    output.write('lost\n');
    output.flushNow(PATIENCE_MS);
    expect(device.text()).toBe('');
  });
});

const PATIENCE_MS = 60_000;

function setUp({ bytesMax = 10_000 } = {}) {
  const device = fakeDevice();
  const resumed: [number, string][] = [];
  const output = new LogOutput({
    device,
    bytesMax,
    pauseMs: { full: 1, failed: 1 },
    onResumed: (dropped, reason) => resumed.push([dropped, reason]),
  });
  return { output, device, resumed };
}

interface FakeDevice extends LogDevice {
  /** The bytes that it takes before it is full. */
  room: number;
  error: string | undefined;
  /** Takes the bytes and never reports it. */
  isStuck: boolean;
  text(): string;
  writes(): number;
}

function fakeDevice(): FakeDevice {
  let text = '';
  let writes = 0;
  const device: FakeDevice = {
    room: Number.POSITIVE_INFINITY,
    error: undefined,
    isStuck: false,
    text: () => text,
    writes: () => writes,
    writeNow(bytes) {
      if (device.error !== undefined) throw errorOf(device.error);
      const count = Math.min(bytes.length, device.room);
      device.room -= count;
      text += Buffer.from(bytes.subarray(0, count)).toString();
      return count;
    },
    write(bytes, taken) {
      writes++;
      if (device.isStuck) return;
      if (device.error === undefined) taken(undefined, device.writeNow(bytes));
      else taken(errorOf(device.error), 0);
    },
  };
  return device;
}

function errorOf(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(code), { code });
}

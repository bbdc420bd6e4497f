// Redis' protocol. A put is SET and WAIT 1 0, sent together and counted when WAIT has answered, so
// one replica has the write. A get is GET.

import type { KeyTable } from './keys.ts';
import { type Outcome, outcome, Template, type Wire } from './wire.ts';

const wait = '*3\r\n$4\r\nWAIT\r\n$1\r\n1\r\n$1\r\n0\r\n';
const [minus, plus, dollar] = [45, 43, 36];

export class RespWire implements Wire {
  readonly greeting = undefined;
  readonly #put: Template;
  readonly #get: Template;
  #isPut = false;

  constructor(keys: KeyTable, value: string) {
    const key = `$${keys.stride}\r\n`;
    const set = `*3\r\n$3\r\nSET\r\n${key}`;
    this.#put = new Template(keys, set, `\r\n$${value.length}\r\n`, value, `\r\n${wait}`);
    this.#get = new Template(keys, `*2\r\n$3\r\nGET\r\n${key}`, '\r\n');
  }

  put(key: number, serial: number): Buffer {
    this.#isPut = true;
    return this.#put.forPut(key, serial);
  }

  get(key: number): Buffer {
    this.#isPut = false;
    return this.#get.forKey(key);
  }

  judge(data: Buffer, end: number): Outcome {
    return this.#isPut ? judgePut(data, end) : judgeGet(data, end);
  }
}

function judgePut(data: Buffer, end: number): Outcome {
  const setEnd = lineEnd(data, 0, end);
  const waitEnd = setEnd === undefined ? undefined : lineEnd(data, setEnd, end);
  if (setEnd === undefined || waitEnd === undefined) return outcome.pending;
  if (data[0] !== plus) return outcome.failed;
  const replicas = Number(data.toString('latin1', setEnd + 1, waitEnd - 2));
  return replicas >= 1 ? outcome.ok : outcome.failed;
}

function judgeGet(data: Buffer, end: number): Outcome {
  const sizeEnd = lineEnd(data, 0, end);
  if (sizeEnd === undefined) return outcome.pending;
  if (data[0] !== dollar) return outcome.failed;
  if (data[1] === minus) return outcome.miss;
  const size = Number(data.toString('latin1', 1, sizeEnd - 2));
  return sizeEnd + size + 2 <= end ? outcome.ok : outcome.pending;
}

function lineEnd(data: Buffer, from: number, end: number): number | undefined {
  const at = data.indexOf('\r\n', from, 'latin1');
  return at < 0 || at + 2 > end ? undefined : at + 2;
}

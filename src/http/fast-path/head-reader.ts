// Recognises the head of an ordinary request for a key, to the last byte:
//
//   GET | HEAD | PUT | DELETE  SP  /v1/kv/{ns}/{key…}  SP  HTTP/1.1  CRLF  header lines  CRLF
//
// Any other head is left to Node. One instance serves all connections: its result is in its fields
// until the next call.

import { assert } from '../../base/assert.ts';
import { isKeyTarget } from '../data/key-target.ts';
import { latin1Text } from '../form/latin1.ts';
import { isTargetByte } from './grammar.ts';
import { type HeaderBlock, readHeaderBlock, readSameBlock } from './header-block.ts';

/** Longer targets are left to Node. */
const TARGET_BYTES_MAX = 4096;
const SPACE = 0x20;
const METHODS = ['GET', 'HEAD', 'PUT', 'DELETE'] as const;
const STARTS = METHODS.map((method) => Buffer.from(`${method} /v1/kv/`, 'latin1'));
const LINE_END = Buffer.from(' HTTP/1.1\r\n', 'latin1');

export type FastMethod = (typeof METHODS)[number];

export class HeadReader {
  readonly #bodyBytesMax: number;
  #block: HeaderBlock | undefined = undefined;
  method: FastMethod = 'GET';
  url = '';
  block: HeaderBlock | undefined = undefined;
  /** Where the head ends and the body begins. */
  end = 0;

  /** Requests with a larger body are left to Node. */
  constructor(bodyBytesMax: number) {
    this.#bodyBytesMax = bodyBytesMax;
  }

  /** `known` are the last header lines of the connection. */
  read(chunk: Buffer, from: number, known: HeaderBlock | undefined): boolean {
    assert(from < chunk.length, 'fast path: nothing to read');
    const method = STARTS.findIndex((start) => isAt(start, chunk, from));
    if (method < 0) return false;
    this.method = METHODS[method] as FastMethod;
    const begin = from + this.method.length + 1;
    const end = endOfTarget(chunk, begin);
    if (end < 0 || !isAt(LINE_END, chunk, end)) return false;
    const block = this.#blockAt(chunk, end + LINE_END.length, known);
    if (block === undefined) return false;
    if (block.length > (this.method === 'PUT' ? this.#bodyBytesMax : 0)) return false;
    // A copy: a slice would keep the whole buffer in memory.
    this.url = latin1Text(chunk, begin, end);
    this.block = block;
    this.end = end + LINE_END.length + block.size;
    return isKeyTarget(this.url);
  }

  #blockAt(chunk: Buffer, from: number, known: HeaderBlock | undefined): HeaderBlock | undefined {
    const last = this.#block;
    let block = last && readSameBlock(last, chunk, from);
    if (known !== undefined && known !== last) block ??= readSameBlock(known, chunk, from);
    block ??= readHeaderBlock(chunk, from);
    if (block !== undefined) this.#block = block;
    return block;
  }
}

/** -1 if the target is not ordinary, or continues beyond the buffer. */
function endOfTarget(chunk: Uint8Array, begin: number): number {
  const last = begin + TARGET_BYTES_MAX;
  let at = begin;
  while (at < last && isTargetByte(chunk[at] as number)) at++;
  return chunk[at] === SPACE ? at : -1;
}

function isAt(wanted: Uint8Array, chunk: Uint8Array, from: number): boolean {
  for (let i = 0; i < wanted.length; i++) if (chunk[from + i] !== wanted[i]) return false;
  return true;
}

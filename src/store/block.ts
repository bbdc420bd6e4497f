// A block: the run of entries of one lane that one commit made durable, as one stored value under
// the number of its last entry. So a read from any number on begins with the block that holds it,
// and what is behind a number can be cut off by key.
//
//   one entry    the entry as it is (model/encoding.ts)
//   several      0xb0 | count varint | the length of each, varint | the entries, end to end
//
// A block ends with the end of a run (model/run.ts), so no run is ever in two blocks. It has no
// checksum of its own: each entry has one, and each is chained to the one before it. A reader
// verifies both.
//
// Directories of earlier versions hold each entry by itself, which is a block of one.

import { assert } from '../base/assert.ts';
import { ByteReader, ByteWriter, equalBytes } from '../base/bytes.ts';
import { decodeMutation, isChained } from '../model/encoding.ts';
import type { RangeEntry } from '../model/effect.ts';
import type { Mutation } from '../model/record.ts';
import { RUN_ENTRIES_MAX, runLength } from '../model/run.ts';
import { logKey } from './layout.ts';

/** The first byte of a block with several entries; no version of an entry has this number. */
const SEVERAL = 0xb0;
/** A longer run of entries becomes several blocks, each with whole runs. */
export const BLOCK_ENTRIES_MAX = RUN_ENTRIES_MAX;
/** The same bound in bytes; a larger run is one block. */
export const BLOCK_BYTES_MAX = 256 * 1024;

/** Reused for every block: the encoded bytes are copied out of it. */
const writer = new ByteWriter(1024);

/** Entries that follow each other in one lane; at least one. */
export function encodeBlock(entries: readonly Mutation[]): Uint8Array {
  const [first] = entries;
  assert(first !== undefined, 'block: it has an entry');
  if (entries.length === 1) return first.bytes;
  writer.reset();
  writer.u8(SEVERAL);
  writer.varint(entries.length);
  let length = 0;
  for (const { bytes } of entries) {
    writer.varint(bytes.length);
    length += bytes.length;
  }
  assert(length > 0, 'block: entries have bytes');
  const block = new Uint8Array(writer.at + length);
  block.set(writer.bytes.subarray(0, writer.at));
  let { at } = writer;
  for (const { bytes } of entries) {
    block.set(bytes, at);
    at += bytes.length;
  }
  return block;
}

/** The encoded entries of a block, as views on it; `undefined` if the block is malformed. */
export function entriesOf(block: Uint8Array): readonly Uint8Array[] | undefined {
  if (block[0] !== SEVERAL) return [block];
  const reader = new ByteReader(block, 1);
  const count = reader.varint();
  if (count < 2 || count > BLOCK_ENTRIES_MAX) return undefined;
  const lengths: number[] = [];
  while (lengths.length < count && !reader.failed) lengths.push(reader.varint());
  const entries = lengths.map((length) => reader.view(length));
  return reader.finished ? entries : undefined;
}

/**
 * The verified entries of a block, up to the first that is damaged. Each keeps a view on the block.
 */
export function* decodeBlock(block: Uint8Array): Generator<Mutation | undefined> {
  const entries = entriesOf(block);
  if (entries === undefined) yield undefined;
  else for (const bytes of entries) yield decodeMutation(bytes);
}

/** How many entries a block announces. */
export function countOf(block: Uint8Array): number {
  return block[0] === SEVERAL ? new ByteReader(block, 1).varint() : 1;
}

/**
 * True if every entry can be read, they follow each other, and the key has the number of the last
 * one.
 */
export function isWholeBlock({ key, value }: RangeEntry): boolean {
  let before: Mutation | undefined;
  for (const entry of decodeBlock(value)) {
    if (entry === undefined) return false;
    const isNext = entry.origin === before?.origin && entry.seq === before.seq + 1;
    if (before !== undefined && !(isNext && isChained(entry, before.chain))) return false;
    before = entry;
  }
  return before !== undefined && equalBytes(key, logKey(before.lane, before.origin, before.seq));
}

/** The entries of stored blocks, one after the other; `undefined` stands for a damaged one. */
export function* entriesIn(blocks: readonly RangeEntry[]): Generator<Mutation | undefined> {
  for (const { value } of blocks) yield* decodeBlock(value);
}

/**
 * Splits entries of one lane into blocks, between runs, each within the bounds unless one run is
 * larger.
 */
export function blocksOf(entries: readonly Mutation[]): readonly (readonly Mutation[])[] {
  const blocks: Mutation[][] = [];
  let block: Mutation[] = [];
  let bytes = 0;
  for (let at = 0; at < entries.length; ) {
    const to = at + Math.max(runLength(entries, at), 1);
    let runBytes = 0;
    for (let each = at; each < to; each++) runBytes += (entries[each] as Mutation).bytes.length;
    const isFull = block.length + to - at > BLOCK_ENTRIES_MAX || bytes + runBytes > BLOCK_BYTES_MAX;
    if (isFull && block.length > 0) {
      blocks.push(block);
      block = [];
      bytes = 0;
    }
    for (; at < to; at++) block.push(entries[at] as Mutation);
    bytes += runBytes;
  }
  if (block.length > 0) blocks.push(block);
  return blocks;
}

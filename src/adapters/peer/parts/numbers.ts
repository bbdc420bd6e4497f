// Lists of whole numbers in peer messages: a count, then each number.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';

export const NUMBER_BYTES_MAX = 8;

export function writeNumbers(writer: ByteWriter, numbers: readonly number[]): void {
  writer.varint(numbers.length);
  for (const number of numbers) writer.varint(number);
}

export function readNumbers(reader: ByteReader): readonly number[] | undefined {
  const count = reader.varint();
  if (count > reader.left) return undefined;
  const numbers: number[] = [];
  while (numbers.length < count && !reader.failed) numbers.push(reader.varint());
  return numbers;
}

// The greeting:
//
//   hello = origin | vector | hlc u64 | policy digest u32 | window | url | membership | vote?
//         | remembered vector | superseded
//
// The last two are omitted when empty: an earlier form of version 1 does not have them.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import {
  membershipBytesMax,
  readMembership,
  readOptional,
  readVote,
  voteBytesMax,
  writeMembership,
  writeOptional,
  writeVote,
} from '../../../model/membership-bytes.ts';
import type { Hello } from '../../../model/message.ts';
import { BASE_URL_LENGTH_MAX, isBaseUrl } from '../../../model/url.ts';
import { readOrigin } from '../parts/names.ts';
import { supersededBytesMax, withSuperseded, writeSuperseded } from '../parts/superseded.ts';
import { readVector, vectorBytesMax, writeVector } from '../parts/vector.ts';
import type { MessageCodec } from '../message-codec.ts';

export const helloCodec: MessageCodec<Hello> = { bytesMax, write, read };

function bytesMax(hello: Hello): number {
  const vectors = vectorBytesMax(hello.vector) + vectorBytesMax(hello.remembers ?? []);
  const tenure = membershipBytesMax(hello.membership) + voteBytesMax(hello.vote);
  return vectors + tenure + supersededBytesMax(hello.superseded);
}

function write(writer: ByteWriter, hello: Hello): void {
  writer.text(hello.origin);
  writeVector(writer, hello.vector);
  writer.u64(hello.hlc);
  writer.u32(hello.policyDigest);
  writer.varint(hello.windowBytes);
  writer.text(hello.url);
  writeMembership(writer, hello.membership);
  writeOptional(writer, hello.vote, writeVote);
  const { remembers, superseded } = hello;
  if (remembers !== undefined || superseded !== undefined) writeVector(writer, remembers ?? []);
  writeSuperseded(writer, superseded);
}

function read(reader: ByteReader): Hello | undefined {
  const origin = readOrigin(reader);
  const vector = readVector(reader);
  const hlc = reader.u64();
  const policyDigest = reader.u32();
  const windowBytes = reader.varint();
  const url = reader.text(BASE_URL_LENGTH_MAX);
  const membership = readMembership(reader);
  const vote = readOptional(reader, readVote);
  const remembers = reader.left > 0 ? { remembers: readVector(reader) } : {};
  if (origin === undefined || membership === undefined) return undefined;
  if (url !== '' && !isBaseUrl(url)) return undefined;
  const says = { vector, hlc, policyDigest, windowBytes, url, membership, vote, ...remembers };
  return withSuperseded({ kind: 'hello', origin, ...says }, reader);
}

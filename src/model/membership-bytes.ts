// Memberships and votes as bytes, the same in storage and between replicas. Reading never throws
// and bounds every count and length before it is used; incomplete bytes return `undefined`.
//
//   membership = epoch | seats | former
//   seat       = id region address url since
//   former     = id since address
//   vote       = promised ballot or none | accepted ballot and membership or none

import { assert } from '../base/assert.ts';
import type { ByteReader, ByteWriter } from '../base/bytes.ts';
import { parseOrigin, parseRegion, parseReplicaId } from './id.ts';
import {
  type Ballot,
  type Former,
  FORMER_MAX,
  type Membership,
  type Proposal,
  type Seat,
  type Tenure,
  type Vote,
} from './membership.ts';
import { MEMBERS_MAX } from './member-set.ts';
import { isBaseUrl } from './url.ts';

/** The bound of an address or a URL. */
const PLACE_BYTES_MAX = 300;
const NAME_BYTES_MAX = 80;
const SEAT_BYTES_MAX = 2 * (NAME_BYTES_MAX + PLACE_BYTES_MAX) + 32;

/** An upper bound of its bytes. */
export function membershipBytesMax({ seats, former }: Membership): number {
  return 32 + (seats.length + former.length) * SEAT_BYTES_MAX;
}

export function voteBytesMax(vote: Vote | undefined): number {
  const value = vote?.accepted?.value;
  return 256 + (value === undefined ? 0 : membershipBytesMax(value));
}

export function writeMembership(writer: ByteWriter, membership: Membership): void {
  assert(membership.seats.length <= MEMBERS_MAX, 'membership: as many members as are read');
  assert(membership.former.length <= FORMER_MAX, 'membership: as many former ones as are read');
  writer.varint(membership.epoch);
  writer.varint(membership.seats.length);
  for (const { id, region, peerAddress, httpUrl, since } of membership.seats) {
    writer.text(id);
    writer.text(region);
    writer.text(peerAddress);
    writer.text(httpUrl ?? '');
    writer.varint(since);
  }
  writer.varint(membership.former.length);
  for (const { id, since, peerAddress } of membership.former) {
    writer.text(id);
    writer.varint(since);
    writer.text(peerAddress);
  }
}

export function readMembership(reader: ByteReader): Membership | undefined {
  const epoch = reader.varint();
  const seats = readList(reader, MEMBERS_MAX, readSeat);
  const former = readList(reader, FORMER_MAX, readFormer);
  if (epoch < 1 || seats === undefined || former === undefined || reader.failed) return undefined;
  const isSorted = seats.every((seat, n) => n === 0 || (seats[n - 1] as Seat).id < seat.id);
  return seats.length > 0 && isSorted ? { epoch, seats, former } : undefined;
}

export function writeTenure(writer: ByteWriter, { since, membership }: Tenure): void {
  writer.varint(since);
  writeMembership(writer, membership);
}

export function readTenure(reader: ByteReader): Tenure | undefined {
  const since = reader.varint();
  const membership = readMembership(reader);
  return membership === undefined ? undefined : { since, membership };
}

export function writeVote(writer: ByteWriter, { promised, accepted }: Vote): void {
  writeOptional(writer, promised, writeBallot);
  writeOptional(writer, accepted, writeProposal);
}

export function readVote(reader: ByteReader): Vote | undefined {
  const promised = readOptional(reader, readBallot);
  const accepted = readOptional(reader, readProposal);
  return reader.failed ? undefined : { promised, accepted };
}

export function writeBallot(writer: ByteWriter, { round, by }: Ballot): void {
  writer.varint(round);
  writer.text(by);
}

export function readBallot(reader: ByteReader): Ballot | undefined {
  const round = reader.varint();
  const by = parseOrigin(reader.text(NAME_BYTES_MAX));
  return by === undefined || reader.failed ? undefined : { round, by };
}

export function writeProposal(writer: ByteWriter, { ballot, value }: Proposal): void {
  writeBallot(writer, ballot);
  writeMembership(writer, value);
}

export function readProposal(reader: ByteReader): Proposal | undefined {
  const ballot = readBallot(reader);
  const value = readMembership(reader);
  return ballot === undefined || value === undefined ? undefined : { ballot, value };
}

export function writeOptional<T>(
  writer: ByteWriter,
  value: T | undefined,
  write: (writer: ByteWriter, value: T) => void,
): void {
  writer.u8(value === undefined ? 0 : 1);
  if (value !== undefined) write(writer, value);
}

/** A part that is announced and invalid fails the reader. */
export function readOptional<T>(
  reader: ByteReader,
  read: (reader: ByteReader) => T | undefined,
): T | undefined {
  const flag = reader.u8();
  if (flag === 0) return undefined;
  const value = flag === 1 ? read(reader) : undefined;
  if (value === undefined) reader.fail();
  return value;
}

function readList<T>(
  reader: ByteReader,
  max: number,
  read: (reader: ByteReader) => T | undefined,
): T[] | undefined {
  const count = reader.varint();
  if (count > max) return undefined;
  const list: T[] = [];
  while (list.length < count) {
    const one = read(reader);
    if (one === undefined || reader.failed) return undefined;
    list.push(one);
  }
  return list;
}

function readSeat(reader: ByteReader): Seat | undefined {
  const id = parseReplicaId(reader.text(NAME_BYTES_MAX));
  const region = parseRegion(reader.text(NAME_BYTES_MAX));
  const peerAddress = reader.text(PLACE_BYTES_MAX);
  const told = reader.text(PLACE_BYTES_MAX);
  const since = reader.varint();
  if (id === undefined || region === undefined || since < 1) return undefined;
  // A URL that no reply could contain counts as absent, so that a directory with such a text still
  // opens.
  const httpUrl = isBaseUrl(told) ? told : undefined;
  return { id, region, peerAddress, httpUrl, since };
}

function readFormer(reader: ByteReader): Former | undefined {
  const id = parseReplicaId(reader.text(NAME_BYTES_MAX));
  const since = reader.varint();
  const peerAddress = reader.text(PLACE_BYTES_MAX);
  return id === undefined ? undefined : { id, since, peerAddress };
}

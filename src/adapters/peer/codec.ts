// Peer messages as bytes, version 1 of the peer protocol (tree-codec.ts, snapshot-codec.ts and forward-codec.ts have the
// rest):
//
//   message = kind u8 | length u32 | body            names and keys carry their length, vectors their count
//
// Mutations are never encoded anew: their bytes go out as they came, each with its length in front. Reading verifies
// every mutation (model/encoding.ts) and copies it first, so that what is kept does not hold a receive buffer of many
// kilobytes alive.
//
// Reading never throws. Counts and lengths are bounded and held against what is left before anything is allocated; a
// body must be used up to its last byte; anything else gives `undefined`.

import { unreachable } from '../../base/assert.ts';
import type { ByteReader, ByteWriter } from '../../base/bytes.ts';
import { KEY_BYTES_MAX, parseKey } from '../../model/id.ts';
import {
  membershipBytesMax,
  readBallot,
  readMembership,
  readOptional,
  readProposal,
  readVote,
  voteBytesMax,
  writeBallot,
  writeMembership,
  writeOptional,
  writeProposal,
  writeVote,
} from '../../model/membership-bytes.ts';
import type {
  Ack,
  Behind,
  Entries,
  Heartbeat,
  Hello,
  Message,
  Pull,
  ReadReply,
  ReadRequest,
  Repair,
  Synod,
  TreeRecords,
} from '../../model/message.ts';
import type { Mutation } from '../../model/record.ts';
import { BASE_URL_LENGTH_MAX, isBaseUrl } from '../../model/url.ts';
import { readClaim, readClaimReply, writeClaim, writeClaimReply } from './claim-codec.ts';
import { readNamespace, readOrigin } from './parts/names.ts';
import {
  forwardBytesMax,
  readForwardReply,
  readForwardRequest,
  writeForwardReply,
  writeForwardRequest,
} from './forward-codec.ts';
import { HEALTH_BYTES_MAX, readHealths, writeHealth } from './parts/health.ts';
import {
  ENTRIES_MAX,
  readMutation,
  readRecords,
  recordsBytesMax,
  RunCopy,
  type Sealed,
  writeMutation,
  writeRecords,
} from './parts/mutation.ts';
import { readSnapshot, snapshotBytesMax, writeSnapshot } from './snapshot-codec.ts';
import { readSuperseded, SUPERSEDED_BYTES_MAX, writeSuperseded } from './parts/superseded.ts';
import {
  readSurveyReply,
  readSurveyRequest,
  surveyBytesMax,
  writeSurveyReply,
  writeSurveyRequest,
} from './survey-codec.ts';
import { readTree, treeBytesMax, writeTree } from './tree-codec.ts';
import { readVector, VECTOR_ENTRY_BYTES_MAX, writeVector } from './parts/vector.ts';

const KINDS = [
  'hello',
  'entries',
  'ack',
  'pull',
  'read-request',
  'read-reply',
  'repair',
  'heartbeat',
  'behind',
  'snapshot-request',
  'snapshot-credit',
  'snapshot-chunk',
  'tree-cut-request',
  'tree-cut',
  'tree-request',
  'tree-reply',
  'tree-keys-request',
  'tree-keys',
  'tree-records-request',
  'tree-records',
  'synod',
  'forward-request',
  'forward-reply',
  'survey-request',
  'survey-reply',
  'claim',
  'claim-reply',
] as const satisfies readonly Message['kind'][];
const STEPS = [
  'prepare',
  'promise',
  'accept',
  'accepted',
  'refused',
  'chosen',
] as const satisfies readonly Synod['step'][];

const ANSWERS = [
  'record',
  'absent',
  'damaged',
  'same',
] as const satisfies readonly ReadReply['answer'][];

/** No message needs more besides its vectors and mutations. */
const MESSAGE_BYTES_USUAL = 1536;

/** At least as many bytes as the message takes. */
export function messageBytesMax(message: Message): number {
  switch (message.kind) {
    case 'entries':
      return MESSAGE_BYTES_USUAL + recordsBytesMax(message.entries);
    case 'snapshot-request':
    case 'snapshot-credit':
    case 'snapshot-chunk':
      return MESSAGE_BYTES_USUAL + snapshotBytesMax(message);
    case 'read-reply':
    case 'repair':
      return MESSAGE_BYTES_USUAL + (message.record?.bytes.length ?? 0);
    case 'hello':
      return (
        MESSAGE_BYTES_USUAL +
        (message.vector.length + (message.remembers?.length ?? 0)) * VECTOR_ENTRY_BYTES_MAX +
        membershipBytesMax(message.membership) +
        voteBytesMax(message.vote) +
        supersededBytesMax(message)
      );
    case 'synod':
      return (
        MESSAGE_BYTES_USUAL +
        (message.proposal === undefined ? 0 : membershipBytesMax(message.proposal.value))
      );
    case 'ack':
      // The usual bytes hold the URL.
      return (
        MESSAGE_BYTES_USUAL +
        message.vector.length * VECTOR_ENTRY_BYTES_MAX +
        supersededBytesMax(message)
      );
    case 'heartbeat': {
      const count = message.vector.length + message.heads.length;
      const healthBytes = message.health.length * HEALTH_BYTES_MAX;
      return MESSAGE_BYTES_USUAL + count * VECTOR_ENTRY_BYTES_MAX + healthBytes;
    }
    case 'tree-cut-request':
    case 'tree-cut':
    case 'tree-request':
    case 'tree-reply':
    case 'tree-keys-request':
    case 'tree-keys':
    case 'tree-records-request':
    case 'tree-records':
      return MESSAGE_BYTES_USUAL + treeBytesMax(message);
    case 'forward-request':
    case 'forward-reply':
      return MESSAGE_BYTES_USUAL + forwardBytesMax(message);
    case 'survey-request':
    case 'survey-reply':
      return MESSAGE_BYTES_USUAL + surveyBytesMax(message);
    case 'pull':
    case 'behind':
    case 'read-request':
    case 'claim':
    case 'claim-reply':
      return MESSAGE_BYTES_USUAL;
    default:
      return unreachable(message);
  }
}

function supersededBytesMax({ superseded }: Ack | Hello): number {
  return (superseded?.length ?? 0) * SUPERSEDED_BYTES_MAX;
}

export function writeMessage(writer: ByteWriter, message: Message, sealed: Sealed): void {
  writer.u8(KINDS.indexOf(message.kind));
  writer.u32(0);
  const bodyBytes = writer.at - writer.start;
  writeBody(writer, message, sealed);
  const end = writer.at;
  const body = writer.start + bodyBytes;
  writer.at = body - 4;
  writer.u32(end - body);
  writer.at = end;
}

/** One message, or `undefined` when what stands there is none. */
export function readMessage(reader: ByteReader, sealed: Sealed): Message | undefined {
  const kind = KINDS[reader.u8()];
  const length = reader.u32();
  if (kind === undefined || reader.failed || length > reader.left) return undefined;
  const frameEnd = reader.end;
  reader.end = reader.at + length;
  const message = readBody(reader, kind, sealed);
  if (!reader.finished) return undefined;
  reader.end = frameEnd;
  return message;
}

function writeBody(writer: ByteWriter, message: Message, sealed: Sealed): void {
  switch (message.kind) {
    case 'hello':
      return writeHello(writer, message);
    case 'entries':
      return writeEntries(writer, message, sealed);
    case 'ack':
      writeVector(writer, message.vector);
      writer.varint(message.windowBytes);
      return writeSuperseded(writer, message.superseded);
    case 'pull':
      writer.text(message.origin);
      writer.varint(message.from);
      return writer.varint(message.bytesMax);
    case 'behind':
      writer.text(message.origin);
      return writer.varint(message.floor);
    case 'snapshot-request':
    case 'snapshot-credit':
    case 'snapshot-chunk':
      return writeSnapshot(writer, message, sealed);
    case 'read-request':
      writer.varint(message.id);
      writer.text(message.namespace);
      writer.text(message.key);
      writer.varint(message.known?.seq ?? 0);
      if (message.known !== undefined) writer.text(message.known.origin);
      return;
    case 'read-reply':
      writer.varint(message.id);
      writer.u8(ANSWERS.indexOf(message.answer));
      if (message.record !== undefined) writeMutation(writer, message.record, sealed);
      return;
    case 'repair':
      return writeMutation(writer, message.record, sealed);
    case 'heartbeat':
      return writeHeartbeat(writer, message);
    case 'tree-cut-request':
    case 'tree-cut':
    case 'tree-request':
    case 'tree-reply':
    case 'tree-keys-request':
    case 'tree-keys':
    case 'tree-records-request':
      return writeTree(writer, message);
    case 'tree-records':
      writer.varint(message.id);
      writer.varint(message.taken);
      return writeRecords(writer, message.records, sealed);
    case 'synod':
      writer.u8(STEPS.indexOf(message.step));
      writer.varint(message.epoch);
      writeBallot(writer, message.ballot);
      return writeOptional(writer, message.proposal, writeProposal);
    case 'forward-request':
      return writeForwardRequest(writer, message);
    case 'forward-reply':
      return writeForwardReply(writer, message, sealed);
    case 'survey-request':
      return writeSurveyRequest(writer, message);
    case 'survey-reply':
      return writeSurveyReply(writer, message);
    case 'claim':
      return writeClaim(writer, message);
    case 'claim-reply':
      return writeClaimReply(writer, message);
    default:
      return unreachable(message);
  }
}

function readBody(reader: ByteReader, kind: Message['kind'], sealed: Sealed): Message | undefined {
  switch (kind) {
    case 'hello':
      return readHello(reader);
    case 'entries':
      return readEntries(reader, sealed);
    case 'ack':
      return withSuperseded(
        { kind, vector: readVector(reader), windowBytes: reader.varint() },
        reader,
      );
    case 'pull':
      return readPull(reader);
    case 'behind':
      return readBehind(reader);
    case 'snapshot-request':
    case 'snapshot-credit':
    case 'snapshot-chunk':
      return readSnapshot(reader, kind, sealed);
    case 'read-request':
      return readReadRequest(reader);
    case 'read-reply':
      return readReadReply(reader, sealed);
    case 'repair':
      return readRepair(reader, sealed);
    case 'heartbeat':
      return readHeartbeat(reader);
    case 'tree-cut-request':
    case 'tree-cut':
    case 'tree-request':
    case 'tree-reply':
    case 'tree-keys-request':
    case 'tree-keys':
    case 'tree-records-request':
      return readTree(reader, kind);
    case 'tree-records':
      return readTreeRecords(reader, sealed);
    case 'synod':
      return readSynod(reader);
    case 'forward-request':
      return readForwardRequest(reader);
    case 'forward-reply':
      return readForwardReply(reader, sealed);
    case 'survey-request':
      return readSurveyRequest(reader);
    case 'survey-reply':
      return readSurveyReply(reader);
    case 'claim':
      return readClaim(reader);
    case 'claim-reply':
      return readClaimReply(reader);
    default:
      return unreachable(kind);
  }
}

function writeHello(writer: ByteWriter, hello: Hello): void {
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
  writeSuperseded(writer, hello.superseded);
}

function withSuperseded<M extends Ack | Hello>(message: M, reader: ByteReader): M {
  const superseded = readSuperseded(reader);
  return superseded === undefined ? message : { ...message, superseded };
}

function readHello(reader: ByteReader): Hello | undefined {
  const origin = readOrigin(reader);
  const vector = readVector(reader);
  const hlc = reader.u64();
  const policyDigest = reader.u32();
  const windowBytes = reader.varint();
  const url = reader.text(BASE_URL_LENGTH_MAX);
  const membership = readMembership(reader);
  const vote = readOptional(reader, readVote);
  // Whoever speaks an earlier form of version 1 ends here.
  const remembers = reader.left > 0 ? { remembers: readVector(reader) } : {};
  if (origin === undefined || membership === undefined) return undefined;
  if (url !== '' && !isBaseUrl(url)) return undefined;
  const says = { vector, hlc, policyDigest, windowBytes, url, membership, vote, ...remembers };
  return withSuperseded({ kind: 'hello', origin, ...says }, reader);
}

function readSynod(reader: ByteReader): Synod | undefined {
  const step = STEPS[reader.u8()];
  const epoch = reader.varint();
  const ballot = readBallot(reader);
  const proposal = readOptional(reader, readProposal);
  if (step === undefined || ballot === undefined) return undefined;
  return { kind: 'synod', step, epoch, ballot, proposal };
}

function writeEntries(writer: ByteWriter, { origin, entries }: Entries, sealed: Sealed): void {
  writer.text(origin);
  writer.varint(entries.length);
  for (const entry of entries) writeMutation(writer, entry, sealed);
}

/** All of the named origin, each behind the one before it. */
function readEntries(reader: ByteReader, sealed: Sealed): Entries | undefined {
  const origin = readOrigin(reader);
  const count = reader.varint();
  if (origin === undefined || count > ENTRIES_MAX) return undefined;
  const copy = new RunCopy();
  const entries: Mutation[] = [];
  let seq = 0;
  while (entries.length < count) {
    const mutation = readMutation(reader, sealed, copy);
    if (mutation === undefined || mutation.origin !== origin) return undefined;
    if (entries.length > 0 && mutation.seq !== seq + 1) return undefined;
    seq = mutation.seq;
    entries.push(mutation);
  }
  return { kind: 'entries', origin, entries };
}

function readPull(reader: ByteReader): Pull | undefined {
  const origin = readOrigin(reader);
  const from = reader.varint();
  const bytesMax = reader.varint();
  return origin === undefined ? undefined : { kind: 'pull', origin, from, bytesMax };
}

function readBehind(reader: ByteReader): Behind | undefined {
  const origin = readOrigin(reader);
  const floor = reader.varint();
  return origin === undefined ? undefined : { kind: 'behind', origin, floor };
}

function readTreeRecords(reader: ByteReader, sealed: Sealed): TreeRecords | undefined {
  const id = reader.varint();
  const taken = reader.varint();
  const records = readRecords(reader, sealed);
  return records === undefined ? undefined : { kind: 'tree-records', id, taken, records };
}

function readReadRequest(reader: ByteReader): ReadRequest | undefined {
  const id = reader.varint();
  const namespace = readNamespace(reader);
  const key = parseKey(reader.text(KEY_BYTES_MAX));
  const seq = reader.varint();
  const origin = seq === 0 ? undefined : readOrigin(reader);
  if (namespace === undefined || key === undefined || (seq > 0 && origin === undefined))
    return undefined;
  const known = origin === undefined ? undefined : { origin, seq };
  return { kind: 'read-request', id, namespace, key, known };
}

function readReadReply(reader: ByteReader, sealed: Sealed): ReadReply | undefined {
  const id = reader.varint();
  const answer = ANSWERS[reader.u8()];
  if (answer === undefined || reader.failed) return undefined;
  if (answer !== 'record') return { kind: 'read-reply', id, answer, record: undefined };
  const record = readMutation(reader, sealed);
  return record === undefined ? undefined : { kind: 'read-reply', id, answer, record };
}

function readRepair(reader: ByteReader, sealed: Sealed): Repair | undefined {
  const record = readMutation(reader, sealed);
  return record === undefined ? undefined : { kind: 'repair', record };
}

function writeHeartbeat(writer: ByteWriter, heartbeat: Heartbeat): void {
  writer.u64(heartbeat.hlc);
  writeVector(writer, heartbeat.vector);
  writer.f64(heartbeat.ping);
  writer.f64(heartbeat.echo);
  writer.f64(heartbeat.echoDelayMs);
  writeVector(writer, heartbeat.heads);
  writer.f64(heartbeat.wallMs);
  writer.f64(heartbeat.commitAgeMs);
  writer.varint(heartbeat.health.length);
  for (const each of heartbeat.health) writeHealth(writer, each);
}

function readHeartbeat(reader: ByteReader): Heartbeat | undefined {
  const hlc = reader.u64();
  const vector = readVector(reader);
  const ping = readMs(reader);
  const echo = readMs(reader);
  const echoDelayMs = readMs(reader);
  const heads = readVector(reader);
  const wallMs = readMs(reader);
  const commitAgeMs = readMs(reader);
  const health = readHealths(reader);
  if (health === undefined) return undefined;
  const echoed = { ping, echo, echoDelayMs, heads };
  return { kind: 'heartbeat', hlc, vector, ...echoed, wallMs, commitAgeMs, health };
}

/** A time or a length of time: neither negative nor without end. */
function readMs(reader: ByteReader): number {
  const ms = reader.f64();
  return ms >= 0 && ms < Number.POSITIVE_INFINITY ? ms : reader.fail();
}

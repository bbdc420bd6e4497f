// The periodic message:
//
//   heartbeat = hlc u64 | vector | ping f64 | echo f64 | echo delay f64 | heads | wall f64
//             | commit age f64 | health* | waiting
//
// `waiting` is a vector, and is omitted if it has no entries.
// Times are milliseconds.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import type { Heartbeat } from '../../../model/message.ts';
import { HEALTH_BYTES_MAX, readHealths, writeHealth } from '../parts/lag.ts';
import { readVector, vectorBytesMax, writeVector } from '../parts/vector.ts';
import type { MessageCodec } from '../message-codec.ts';

export const heartbeatCodec: MessageCodec<Heartbeat> = { bytesMax, write, read };

function bytesMax({ vector, heads, health, waiting = [] }: Heartbeat): number {
  const vectors = [vector, heads, waiting].reduce((sum, each) => sum + vectorBytesMax(each), 0);
  return vectors + health.length * HEALTH_BYTES_MAX;
}

function write(writer: ByteWriter, heartbeat: Heartbeat): void {
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
  if (heartbeat.waiting !== undefined) writeVector(writer, heartbeat.waiting);
}

function read(reader: ByteReader): Heartbeat | undefined {
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
  const heartbeat = {
    kind: 'heartbeat',
    hlc,
    vector,
    ...echoed,
    wallMs,
    commitAgeMs,
    health,
  } as const;
  return reader.finished ? heartbeat : { ...heartbeat, waiting: readVector(reader) };
}

/** A time or a duration: finite, and not negative. */
function readMs(reader: ByteReader): number {
  const ms = reader.f64();
  return ms >= 0 && ms < Number.POSITIVE_INFINITY ? ms : reader.fail();
}

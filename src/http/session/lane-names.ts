// How a session token names lanes. A replica has a short name, the hash of its id, so that the
// token of a large cluster fits into a header; where two known replicas have the same, its id is
// written.
//
//   lane     = replica | incarnation and mark | number?
//   replica  = hash u32, or 0 and the id
//
// The mark, the lowest bit beside the incarnation, says that the number of a further lane follows.

import { ByteWriter, type ByteReader } from '../../base/bytes.ts';
import { hashText, mix32 } from '../../base/mix.ts';
import {
  INCARNATION_MAX,
  incarnationOf,
  type LaneId,
  laneIdOf,
  laneOf,
  originOf,
  parseReplicaId,
  replicaOf,
  type ReplicaId,
} from '../../model/id.ts';
import type { SessionFacts } from '../../model/session.ts';

const ID_BYTES_MAX = 63;
const NUMBER_MAX = 65_535;
const VARINT_BYTES_MAX = 8;
/** The name of a lane, at most: id, incarnation and number. */
export const LANE_BYTES_MAX = 5 + ID_BYTES_MAX + 2 * VARINT_BYTES_MAX;
/** The number of names that are kept; further ones are made again each time. */
const NAMES_MAX = 1024;
const NONE: readonly ReplicaId[] = [];

export class LaneNames {
  readonly #facts: Pick<SessionFacts, 'replicas'>;
  readonly #writer = new ByteWriter(64);
  /** The known replicas by their short names, and the list that they were taken from. */
  #ids: ReadonlyMap<number, readonly ReplicaId[]> = new Map();
  #replicas: readonly ReplicaId[] | undefined;
  /** The names of lanes that were written, as long as the replicas are the same. */
  readonly #names = new Map<LaneId, Uint8Array>();

  constructor(facts: Pick<SessionFacts, 'replicas'>) {
    this.#facts = facts;
  }

  write(lane: LaneId, writer: ByteWriter): void {
    this.#refresh();
    let name = this.#names.get(lane);
    if (name === undefined) {
      name = this.#nameOf(lane);
      if (this.#names.size >= NAMES_MAX) this.#names.clear();
      this.#names.set(lane, name);
    }
    writer.raw(name);
  }

  /** `undefined`: its replica is not known here. The reader fails if it is no name of a lane. */
  read(reader: ByteReader): LaneId | undefined {
    this.#refresh();
    const name = reader.u32();
    const ids = name === 0 ? idIn(reader) : this.#idsOf(name);
    const mark = reader.varint();
    const number = mark % 2 === 0 ? 0 : reader.varint();
    const incarnation = Math.floor(mark / 2);
    const [id, ...others] = ids;
    if (id === undefined || others.length > 0) return undefined;
    if (incarnation < 1 || incarnation > INCARNATION_MAX || number > NUMBER_MAX) reader.fail();
    return reader.failed ? undefined : laneIdOf(originOf(id, incarnation), number);
  }

  #nameOf(lane: LaneId): Uint8Array {
    const writer = this.#writer;
    writer.reset();
    const { number } = laneOf(lane);
    const replica = replicaOf(lane);
    const short = shortNameOf(replica);
    const [id, ...others] = this.#idsOf(short);
    const isShort = id === replica && others.length === 0;
    writer.u32(isShort ? short : 0);
    if (!isShort) writer.text(replica);
    writer.varint(2 * incarnationOf(lane) + (number === 0 ? 0 : 1));
    if (number !== 0) writer.varint(number);
    return writer.take();
  }

  #idsOf(name: number): readonly ReplicaId[] {
    return this.#ids.get(name) ?? NONE;
  }

  #refresh(): void {
    const replicas = this.#facts.replicas();
    if (replicas === this.#replicas) return;
    this.#replicas = replicas;
    this.#ids = byShortName(replicas);
    this.#names.clear();
  }
}

function idIn(reader: ByteReader): ReplicaId[] {
  const id = parseReplicaId(reader.text(ID_BYTES_MAX));
  return id === undefined ? [] : [id];
}

function byShortName(replicas: readonly ReplicaId[]): Map<number, ReplicaId[]> {
  const ids = new Map<number, ReplicaId[]>();
  for (const id of replicas) ids.set(shortNameOf(id), [...(ids.get(shortNameOf(id)) ?? []), id]);
  // 0 announces an id.
  ids.delete(0);
  return ids;
}

function shortNameOf(id: ReplicaId): number {
  return mix32(hashText(id));
}

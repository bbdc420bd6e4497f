// The answering side of quorum-lists.ts: a peer asks which versions this replica has under the keys
// of a range. One range read answers it, from durable records, without values. A replica that may
// lack records that it once had, or is too busy, answers `unknown`, and another is asked.
//
// Bounds: RUNNING_MAX range reads at a time, and the common bound of all lists and surveys
// (list-room.ts).

import { assert } from '../base/assert.ts';
import type { Outbox, RangeResult, Turn } from '../model/effect.ts';
import type { SurveyReply, SurveyRequest } from '../model/message.ts';
import { spanOfKeys } from '../store/layout.ts';
import { recordsIn } from '../store/page.ts';
import type { Table } from '../store/table.ts';
import type { Heal } from '../model/heal.ts';
import type { Namespaces } from '../model/namespaces.ts';
import { type Holder, type ListRoom, looksAt, VERSION_BYTES } from './list-room.ts';
import { versionOf } from './list-rows.ts';

const RUNNING_MAX = 512;

interface Asked extends Holder {
  readonly peer: number;
  readonly id: number;
  /** The connection of the question still exists. */
  isThere: boolean;
}

export interface SurveysOptions {
  readonly table: Table;
  readonly namespaces: Namespaces;
}

export class Surveys {
  readonly #options: SurveysOptions;
  readonly #heal: Heal;
  readonly #room: ListRoom;
  readonly #running = new Set<Asked>();

  constructor(options: SurveysOptions, heal: Heal, room: ListRoom) {
    this.#options = options;
    this.#room = room;
    this.#heal = heal;
  }

  onRequest(peer: number, request: SurveyRequest, mayLack: boolean, out: Outbox): void {
    const { id, namespace, from, to, reverse, limit } = request;
    const isKnown = this.#options.namespaces.find(namespace) !== undefined;
    const asked: Asked = { peer, id, isThere: true, held: 0 };
    const isFull = this.#running.size >= RUNNING_MAX;
    if (mayLack || !isKnown || isFull || !this.#room.take(asked, limit * VERSION_BYTES))
      return out.send(peer, unknown(id));
    this.#running.add(asked);
    const limits = { reverse, limit, ...looksAt(false) };
    const span = spanOfKeys(namespace, from, to);
    this.#options.table.reads.in(out, 'durable').read(span, limits, {
      onRead: (result, turn) => this.#onRead(asked, result, turn),
    });
  }

  #onRead(asked: Asked, result: RangeResult, turn: Turn): void {
    const wasRunning = this.#running.delete(asked);
    assert(wasRunning, 'surveys: a range is read once');
    this.#room.hold(asked, 0);
    const { peer, id, isThere } = asked;
    if (!isThere) return;
    const records = result.ok ? recordsIn(result.entries, this.#heal, turn) : undefined;
    if (!result.ok || records === undefined) return turn.send(peer, unknown(id));
    const keys = records.map(versionOf);
    turn.send(peer, { kind: 'survey-reply', id, answer: 'known', keys, more: result.more });
  }

  /** A later connection, and a later incarnation, numbers its questions from the beginning. */
  onDisconnected(peer: number): void {
    for (const asked of this.#running) if (asked.peer === peer) asked.isThere = false;
  }
}

function unknown(id: number): SurveyReply {
  return { kind: 'survey-reply', id, answer: 'unknown', keys: [], more: false };
}

// The answering side of get.ts: a peer asks for this replica's record of a key. It gets the record
// once that is durable here; if this takes long, or too many answers wait already, it gets the
// durable version before it instead. A replica that may lack records that it once had, or does not
// know all versions of the key that wait in causal order, answers `damaged`, and another is asked.

import type { Turn } from '../model/effect.ts';
import type { ReadReply, ReadRequest } from '../model/message.ts';
import { latestOf } from '../model/record.ts';
import type { Cell } from '../store/cells.ts';
import type { Table } from '../store/table.ts';
import { type Waiting, withWaiting } from '../store/waiting-version.ts';

/** A peer's question waits this long for a commit of this replica. */
const HELD_MS_MAX = 200;

export class PeerReads {
  readonly #table: Table;
  readonly #waiting: Waiting;

  constructor(table: Table, waiting: Waiting) {
    this.#table = table;
    this.#waiting = waiting;
  }

  /** `mayLack`: this replica may lack records that it once had. */
  onRequest(peer: number, request: ReadRequest, mayLack: boolean, turn: Turn): void {
    if (mayLack) return turn.send(peer, damaged(request));
    const { namespace, key } = request;
    const { cells } = this.#table;
    const cell = withWaiting(this.#table.read(namespace, key), this.#waiting(namespace, key));
    if (cell === undefined) return turn.send(peer, damaged(request));
    const reply = replyOf(request, cell);
    if (cells.isDurable(cell)) return turn.send(peer, reply);
    turn.send(peer, reply, cell.lsn, {
      atMs: turn.now.monoMs + HELD_MS_MAX,
      message: () => replyOf(request, cells.readDurable(namespace, key)),
    });
  }
}

function replyOf(request: ReadRequest, cell: Cell): ReadReply {
  if (cell.damaged) return damaged(request);
  const { id, known } = request;
  const { record } = cell;
  if (record === undefined) return { kind: 'read-reply', id, answer: 'absent', record };
  const { origin, seq } = latestOf(record);
  const isSame = known?.seq === seq && known.origin === origin;
  return isSame
    ? { kind: 'read-reply', id, answer: 'same', record: undefined }
    : { kind: 'read-reply', id, answer: 'record', record };
}

function damaged({ id }: ReadRequest): ReadReply {
  return { kind: 'read-reply', id, answer: 'damaged', record: undefined };
}

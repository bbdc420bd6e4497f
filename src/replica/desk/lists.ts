// Where lists go: one that asks no other replica is read here alone (listing.ts), any other compares replicas
// (quorum-lists.ts); and what peers ask for their lists (surveys.ts).

import type { ListCommand } from '../../model/command.ts';
import type { Outbox, Turn } from '../../model/effect.ts';
import type { FaultCode } from '../../model/fault.ts';
import type { SurveyReply, SurveyRequest } from '../../model/message.ts';
import { isReachable } from '../../quorum/tally.ts';
import { refuse } from '../../model/refuse.ts';
import { ListRoom } from '../../quorum/list-room.ts';
import { Lists, type ListsOptions } from './listing.ts';
import { type ListParts, QuorumLists, type QuorumListsOptions } from './quorum-lists.ts';
import { Surveys, type SurveysOptions } from '../../quorum/surveys.ts';

export interface ListDeskOptions extends ListsOptions, QuorumListsOptions, SurveysOptions {}

export class ListDesk {
  readonly #options: ListDeskOptions;
  readonly #alone: Lists;
  readonly #quorum: QuorumLists;
  readonly #surveys: Surveys;

  constructor(options: ListDeskOptions, parts: ListParts) {
    this.#options = options;
    const room = new ListRoom(options.settings.listsHeldBytesMax, options.metrics);
    this.#alone = new Lists(options, parts.heal, room);
    this.#quorum = new QuorumLists(options, parts, room);
    this.#surveys = new Surveys(options, parts.heal, room);
  }

  get waiting(): number {
    return this.#alone.waiting + this.#quorum.waiting;
  }

  begin(command: ListCommand, turn: Turn): void {
    const { namespaces, self } = this.#options;
    const namespace = namespaces.find(command.namespace);
    const r = command.r === undefined ? namespace?.r : namespace?.requirement(command.r);
    if (namespace !== undefined && r === undefined) {
      const detail = `r exceeds the ${namespace.members.length} replicas of the namespace`;
      refuse(command.client, turn, 'invalid-parameter', detail);
    } else if (r === undefined || isReachable(r, 1 << self.index)) {
      this.#alone.begin(command, turn);
    } else {
      this.#quorum.begin(command, r, turn);
    }
  }

  /** `mayLack`: this replica may lack what it once had. */
  onMessage(
    peer: number,
    message: SurveyRequest | SurveyReply,
    mayLack: boolean,
    turn: Turn,
  ): void {
    if (message.kind === 'survey-reply') this.#quorum.onReply(peer, message, turn);
    else this.#surveys.onRequest(peer, message, mayLack, turn);
  }

  onDisconnected(peer: number, turn: Turn): void {
    this.#surveys.onDisconnected(peer);
    this.#quorum.onDisconnected(peer, turn);
  }

  onDurable(turn: Turn): void {
    this.#quorum.onDurable(turn);
  }

  onDue(turn: Turn): void {
    this.#alone.onDue(turn);
    this.#quorum.onDue(turn);
  }

  failAll(code: FaultCode, out: Outbox): void {
    this.#alone.failAll(code, out);
    this.#quorum.failAll(code, out);
  }
}

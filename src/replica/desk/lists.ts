// Directs lists: one that asks no other replica is read here alone (listing.ts), any other compares
// replicas (quorum-lists.ts); and answers peers' questions for their lists (surveys.ts).

import type { ListCommand } from '../../model/command.ts';
import type { Asker, Outbox, Turn } from '../../model/effect.ts';
import type { Fault, FaultCode } from '../../model/fault.ts';
import { single } from '../../model/member-set.ts';
import type { SurveyReply, SurveyRequest } from '../../model/message.ts';
import type { Settings } from '../../model/settings.ts';
import { isReachable } from '../../quorum/tally.ts';
import type { Terms } from '../../model/terms.ts';
import { ListRoom } from '../../quorum/list-room.ts';
import type { Admits } from './desk.ts';
import { Lists, type ListsOptions } from './listing.ts';
import { type ListParts, QuorumLists, type QuorumListsOptions } from './quorum-lists.ts';
import { Surveys, type SurveysOptions } from '../../quorum/surveys.ts';

export interface ListDeskOptions extends ListsOptions, QuorumListsOptions, SurveysOptions {
  readonly settings: Settings;
}

export interface ListDeskParts extends ListParts {
  readonly admits: Admits;
}

export class ListDesk {
  readonly #options: ListDeskOptions;
  readonly #admits: Admits;
  readonly #alone: Lists;
  readonly #quorum: QuorumLists;
  readonly #surveys: Surveys;

  constructor(options: ListDeskOptions, parts: ListDeskParts) {
    this.#options = options;
    this.#admits = parts.admits;
    const room = new ListRoom(options.settings.listsHeldBytesMax, options.metrics);
    this.#alone = new Lists(options, parts.heal, room);
    this.#quorum = new QuorumLists(options, parts, room);
    this.#surveys = new Surveys(options, parts.heal, room);
  }

  get waiting(): number {
    return this.#alone.waiting + this.#quorum.waiting;
  }

  begin(command: ListCommand<Asker>, terms: Terms, turn: Turn): void {
    if (!this.#admits(command, terms, turn)) return;
    if (this.#isAlone(terms)) this.#alone.begin(command, terms, turn);
    else this.#quorum.begin(command, terms, turn);
  }

  /** Why a list on these terms cannot wait here; `undefined` if it can. */
  fullness(terms: Terms): Fault | undefined {
    return this.#isAlone(terms) ? this.#alone.fullness : this.#quorum.fullness;
  }

  #isAlone({ quorum }: Terms): boolean {
    return isReachable(quorum, single(this.#options.self.index));
  }

  /** `mayLack`: this replica may lack records that it once had. */
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

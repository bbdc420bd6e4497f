// Where requests come in. The entrance asks the gates in their order, finds the namespace of a
// request once, and hands the request with its terms to the desk of the namespace's level. A
// request that a gate parks waits in the parking lot, and begins at the arrival gates again; if the
// lot is full, it is refused as `overloaded`.

import { assert, unreachable } from '../../base/assert.ts';
import type { Command } from '../../model/command.ts';
import type { Asker, Turn } from '../../model/effect.ts';
import type { DeskName } from '../../model/level.ts';
import type { Namespaces } from '../../model/namespaces.ts';
import { refuse, refuseWith } from '../../model/refuse.ts';
import {
  type ClusterCommand,
  type DataCommand,
  isDataCommand,
  type ReadOrList,
  type Terms,
  termsOf,
} from '../../model/terms.ts';
import type { ParkingLot } from '../../quorum/parking-lot.ts';
import type { LevelDesk } from '../desk/desk.ts';
import type { DoorGate, AnyGate, Passage, RequestGate } from './gate.ts';

export interface EntranceOptions {
  readonly namespaces: Namespaces;
  /** The gates in the order in which they are asked. */
  readonly gates: readonly AnyGate[];
  readonly desks: { readonly [name in DeskName]: LevelDesk };
  readonly lot: ParkingLot;
  readonly forward: (command: ReadOrList, terms: Terms, turn: Turn) => void;
  readonly serve: (command: ClusterCommand, turn: Turn) => void;
}

type GatesOf<G extends AnyGate> = { readonly [kind in Command['kind']]?: readonly G[] };

export class Entrance {
  readonly #options: EntranceOptions;
  readonly #door: GatesOf<DoorGate>;
  readonly #arrival: GatesOf<RequestGate>;
  readonly #wait: GatesOf<RequestGate>;

  constructor(options: EntranceOptions) {
    this.#options = options;
    const { gates } = options;
    const others = gates.filter((gate): gate is RequestGate => gate.at !== 'door');
    this.#door = byKind(gates.filter((gate): gate is DoorGate => gate.at === 'door'));
    this.#arrival = byKind(others.filter(({ at }) => at === 'arrival'));
    this.#wait = byKind(others.filter(({ at }) => at === 'wait'));
  }

  enter(command: Command<Asker>, turn: Turn): void {
    for (const gate of this.#door[command.kind] ?? []) {
      const passage = gate.ask(command, turn);
      if (passage.kind === 'refuse') return refuseWith(command.client, turn, passage.fault);
    }
    if (!isDataCommand(command)) return this.#options.serve(command, turn);
    const namespace = this.#options.namespaces.find(command.namespace);
    if (namespace === undefined)
      refuse(command.client, turn, 'namespace-not-found', 'no policy names this namespace');
    else this.#arrive(command, termsOf(command, namespace, turn.now.monoMs), turn);
  }

  /** Asked by desks. False: the request may not wait there; it is answered, or it returns later. */
  admits(command: DataCommand, terms: Terms, turn: Turn): boolean {
    const { namespace } = terms.namespace.policy;
    assert(namespace === command.namespace, 'entrance: a request has the terms of its namespace');
    return this.#passes(this.#wait, command, terms, turn);
  }

  #arrive(command: DataCommand, terms: Terms, turn: Turn): void {
    if (!this.#passes(this.#arrival, command, terms, turn)) return;
    const desk = this.#options.desks[terms.namespace.level.desk];
    switch (command.kind) {
      case 'read':
        return desk.read(command, terms, turn);
      case 'list':
        return desk.list(command, terms, turn);
      case 'explain':
        return desk.explain(command, terms, turn);
      case 'write':
      case 'run':
        return desk.write(command, terms, turn);
      default:
        return unreachable(command);
    }
  }

  #passes(gates: GatesOf<RequestGate>, command: DataCommand, terms: Terms, turn: Turn): boolean {
    for (const gate of gates[command.kind] ?? []) {
      const passage = gate.ask(command, terms, turn);
      if (passage.kind === 'admit') continue;
      this.#turnAway(passage, command, terms, turn);
      return false;
    }
    return true;
  }

  #turnAway(
    passage: Exclude<Passage, { readonly kind: 'admit' }>,
    command: DataCommand,
    terms: Terms,
    turn: Turn,
  ): void {
    const { lot, forward } = this.#options;
    const { client } = command;
    if (passage.kind === 'refuse') return refuseWith(client, turn, passage.fault);
    if (passage.kind === 'forward') {
      assert(command.kind === 'read' || command.kind === 'list', 'entrance: forwards reads only');
      return forward(command, terms, turn);
    }
    const parked = {
      client,
      onReached: (later: Turn) => this.#arrive(command, terms, later),
      onLate: (later: Turn) => refuseWith(client, later, passage.late(later)),
    };
    if (!lot.park(parked, passage.until, terms.deadlineMs, turn))
      refuseWith(client, turn, lot.full);
  }
}

function byKind<G extends AnyGate>(gates: readonly G[]): GatesOf<G> {
  const kinds: { [kind in Command['kind']]?: G[] } = {};
  for (const gate of gates) for (const kind of gate.of) (kinds[kind] ??= []).push(gate);
  return kinds;
}

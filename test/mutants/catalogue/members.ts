// Members that change while the cluster runs: two changes chosen for one epoch, a forgotten vote, a
// replica that returns although it was given up.

import type { Mutant } from '../mutant.ts';

const synod = 'test/unit/membership/synod.test.ts';
const scenario = 'test/scenario/membership.test.ts';

export const members: readonly Mutant[] = [
  {
    id: 'members-without-majority',
    number: 34,
    title: 'a membership is chosen by one vote less than a majority',
    file: 'src/membership/synod.ts',
    replace: 'this.#majority = majority(options.current.seats.length);',
    with: 'this.#majority = Math.max(1, majority(options.current.seats.length) - 1);',
    foundBy: {
      kind: 'test',
      file: 'test/property/synod.property.test.ts',
      name: 'the next membership is decided once, whatever happens, and is found when all faults have ended',
    },
  },
  {
    id: 'vote-before-durable',
    number: 'own',
    title: 'an acceptor answers before its vote is durable',
    file: 'src/membership/synod.ts',
    replace: "out.send(peer, { kind: 'synod', step, epoch, ballot, proposal }, out.lsn);",
    with: "out.send(peer, { kind: 'synod', step, epoch, ballot, proposal });",
    foundBy: {
      kind: 'test',
      file: synod,
      name: 'an acceptor promises nothing before the promise is durable',
    },
  },
  {
    id: 'vote-forgotten-with-disk',
    number: 'own',
    title: 'a replica that lost its disk votes again before it has heard what it may have promised',
    file: 'src/membership/synod.ts',
    replace: 'if (this.#vote !== undefined || this.#heard.size < others) return;',
    with: 'if (this.#vote !== undefined || this.#heard.size > others) return;',
    foundBy: {
      kind: 'test',
      file: synod,
      name: 'an acceptor takes over the votes of the others when its disk was lost',
    },
  },
  {
    id: 'found-value-overruled',
    number: 'own',
    title: 'a proposer prefers its own value to one that may already be chosen',
    file: 'src/membership/synod.ts',
    replace: 'const value = attempt.found?.value ?? this.#asked?.value;',
    with: 'const value = this.#asked?.value ?? attempt.found?.value;',
    foundBy: {
      kind: 'test',
      file: synod,
      name: 'a proposer finishes a value that was accepted before, and reports the conflict to its caller',
    },
  },
  {
    id: 'newcomer-not-asked',
    number: 'own',
    title: 'a newcomer is proposed to the members before any of them has reached it',
    file: 'src/http/jobs/newcomer.ts',
    replace: 'if (isKnown(context, place)) return undefined;',
    with: 'if (isKnown(context, place) || place.region !== "") return undefined;',
    foundBy: {
      kind: 'test',
      file: 'test/unit/http/members.test.ts',
      name: 'a newcomer has to name itself before it is proposed',
    },
  },
  {
    id: 'same-join-is-chosen',
    number: 'own',
    title: 'a join that changes nothing begins another epoch',
    file: 'src/membership/succession.ts',
    replace:
      'if (isEqualMembership({ ...value, epoch: this.membership.epoch }, this.membership)) {',
    with: 'if (isEqualMembership({ ...value, epoch: this.membership.epoch + 1 }, this.membership)) {',
    foundBy: {
      kind: 'test',
      file: scenario,
      name: 'a join that changes nothing succeeds at once: no vote, no epoch, no new incarnation',
    },
  },
  {
    id: 'epoch-unchecked',
    number: 'own',
    title: 'a peer of an earlier epoch is accepted and counted',
    file: 'src/membership/succession.ts',
    replace: 'if (membership.epoch !== epoch) return false;',
    with: 'if (membership.epoch < epoch) return true;',
    foundBy: {
      kind: 'test',
      file: scenario,
      name: 'a change of the members excludes a peer of the earlier epoch: it is sent the members, and counts for nothing',
    },
  },
  {
    id: 'tenure-unchecked',
    number: 'own',
    title: 'a replica that joined again under the same name is accepted with its old directory',
    file: 'src/membership/succession.ts',
    replace: 'if (since === undefined || (this.#isBound && since !== this.#tenure.since))',
    with: 'if (since === undefined)',
    foundBy: {
      kind: 'test',
      file: scenario,
      name: 'a replica that is forgotten joins again with an empty directory, and its old directory is refused all the same',
    },
  },
  {
    id: 'former-lanes-dropped',
    number: 16,
    title: 'a vector entry of a forgotten member is dropped',
    file: 'src/peers/greeting.ts',
    replace: 'vector: peers.get(peer)?.news(log.durable) ?? [],',
    with: 'vector: (peers.get(peer)?.news(log.durable) ?? []).filter(([of]) => settings.members.some(({ id }) => of.startsWith(`${id}.`))),',
    foundBy: {
      kind: 'test',
      file: scenario,
      name: 'a replica that is forgotten had written what only one of the others holds: it spreads among them',
    },
  },
  {
    id: 'return-forgotten',
    number: 22,
    title: 'after a restart, a replica that is recovering what it lost believes that it has it all',
    file: 'src/lag/catch-up.ts',
    replace: 'if (isEmpty || get(RETURNING) !== undefined)',
    with: 'if (isEmpty)',
    foundBy: {
      kind: 'test',
      file: scenario,
      name: 'a replica that joins serves no client after a restart in the middle of catching up',
    },
  },
  {
    id: 'one-claim-suffices',
    number: 'own',
    title: 'a single peer that claims a later membership ends this replica',
    file: 'src/membership/claims.ts',
    replace: 'if (against >= majority(ground.current.seats.length))',
    with: 'if (against > ground.current.seats.length)',
    foundBy: {
      kind: 'test',
      file: 'test/unit/membership/claims.test.ts',
      name: 'the claim of one peer about a later membership is not believed while a majority is connected that has accepted nothing',
    },
  },
];

// `recover`: for a cluster that has lost a majority of its members for good, when this directory
// has a complete copy. No majority can agree on the next members then, so a person decides. The
// command replaces the membership in the directory of a stopped replica by one without the lost
// members, one epoch later for each of them. The other members adopt it when they connect to this
// replica.
//
// Writes that only the lost members had acknowledged are lost; the command first shows what this
// directory knows of them. One synced batch writes the membership and a fresh vote; nothing else
// changes. If the remaining members are a majority, the command refuses: they can forget the others
// themselves, and then lose nothing that a majority acknowledged.

import { join } from 'node:path';
import { DataError } from '../adapters/disk/data-error.ts';
import { databasePath } from '../adapters/disk/data-place.ts';
import { readIdentity } from '../adapters/disk/identity.ts';
import { type LevelStorage, openLevelStorage } from '../adapters/disk/level-storage.ts';
import { parseReplicaId, type ReplicaId } from '../model/id.ts';
import { type Membership, seatOf, type Tenure, without } from '../model/membership.ts';
import { UNREADABLE } from '../model/port.ts';
import { majority } from '../model/quorum.ts';
import { heldKey, decode } from '../peers/memory.ts';
import { returningKey } from '../lag/catch-up.ts';
import { beginningOf, readStoredTenure, tenureKey } from '../membership/succession.ts';
import { storedHeads } from '../store/tip.ts';
import { CommandError, EXIT, type ExitCode } from './exit.ts';
import type { Terminal } from './terminal.ts';

export interface RecoverOptions {
  readonly data: string;
  /** Members that are gone for good. */
  readonly giveUp: readonly string[];
  /** Members that remain, but have lost their data. */
  readonly lost: readonly string[];
  readonly acceptDataLoss: boolean;
}

export async function recover(options: RecoverOptions, terminal: Terminal): Promise<ExitCode> {
  const identity = await readIdentity(join(options.data, 'identity.json'));
  if (identity === undefined)
    throw refusal(EXIT.usage, `--data: ${options.data} holds no data of a replica`);
  const storage = await open(options.data);
  try {
    const tenure = tenureIn(storage);
    const next = decide(options, identity.replica, tenure);
    terminal.say(warningOf(options, identity.replica, tenure.membership, storage));
    if (!options.acceptDataLoss)
      throw refusal(
        EXIT.usage,
        'nothing was changed; to accept this loss, repeat the command with --accept-data-loss',
      );
    await write(storage, { since: tenure.since, membership: next });
    const ids = next.seats.map(({ id }) => id).join(', ');
    terminal.out(`epoch ${next.epoch}: ${ids}; start ${identity.replica} again\n`);
    return EXIT.ok;
  } finally {
    await storage.close();
  }
}

function decide(
  { giveUp, lost }: RecoverOptions,
  self: ReplicaId,
  { membership }: Tenure,
): Membership {
  const gone = giveUp.map((name) => memberOf(membership, name));
  const empty = lost.map((name) => memberOf(membership, name));
  if (gone.length === 0) throw refusal(EXIT.usage, '--give-up names no member');
  if ([...gone, ...empty].includes(self))
    throw refusal(
      EXIT.usage,
      `${self} is the replica whose data is kept, so it cannot be given up or lost`,
    );
  const broken = new Set([...gone, ...empty]);
  const whole = membership.seats.length - broken.size;
  if (whole >= majority(membership.seats.length)) {
    const left = `${whole} of ${membership.seats.length} members keep their data, which is a majority`;
    throw refusal(EXIT.no, `${left}: use conit forget, which loses nothing that they hold`);
  }
  return [...new Set(gone)].reduce(without, membership);
}

function memberOf(membership: Membership, name: string): ReplicaId {
  const id = parseReplicaId(name);
  if (id === undefined || seatOf(membership, id) === undefined)
    throw refusal(EXIT.usage, `${name} is no member of epoch ${membership.epoch}`);
  return id;
}

function warningOf(
  { giveUp, lost }: RecoverOptions,
  self: ReplicaId,
  membership: Membership,
  storage: LevelStorage,
): string {
  const lines = [
    `No longer members: ${giveUp.join(', ')}. Their directories never serve again.`,
    `Every write that only ${[...giveUp, ...lost].join(', ')} acknowledged is lost for good:`,
    'writes with w=1, and writes with a larger w for which these members were enough.',
    `What ${self} holds becomes the data of the cluster. Make sure that no other copy is newer.`,
  ];
  const headOf = storedHeads((key) => storage.get(key));
  for (const { id } of membership.seats) {
    const stored = storage.get(heldKey(id));
    if (stored === undefined || stored === UNREADABLE) continue;
    for (const [origin, seq] of decode(stored)) {
      const head = headOf(origin) ?? 0;
      if (seq > head)
        lines.push(`${id} had ${origin} up to entry ${seq}; this copy ends at entry ${head}.`);
    }
  }
  return `${lines.join('\n')}\n`;
}

function tenureIn(storage: LevelStorage): Tenure {
  const tenure = readStoredTenure(storage.get(tenureKey()));
  if (tenure === 'damaged')
    throw refusal(EXIT.damaged, 'the stored membership is damaged: recover another replica');
  if (tenure === undefined)
    throw refusal(
      EXIT.usage,
      'this replica was never connected to another one: there is nothing to recover',
    );
  if (storage.get(returningKey()) !== undefined)
    throw refusal(EXIT.no, 'this replica has lost data itself: recover one that has not');
  return tenure;
}

function write(storage: LevelStorage, tenure: Tenure): Promise<void> {
  return new Promise((resolve, reject) => {
    storage.commit(beginningOf(tenure), (failure) => {
      if (failure === undefined) resolve();
      else
        reject(
          refusal(
            EXIT.unknown,
            `the membership may or may not have been written (${failure}): run the command again`,
          ),
        );
    });
  });
}

async function open(folder: string): Promise<LevelStorage> {
  try {
    return await openLevelStorage({ folder: databasePath(folder), sync: true });
  } catch (error) {
    if (!(error instanceof DataError)) throw error;
    if (error.code !== 'locked') throw refusal(EXIT.damaged, error.message);
    throw refusal(EXIT.unavailable, `${error.message}; stop the replica first`);
  }
}

function refusal(exit: ExitCode, message: string): CommandError {
  return new CommandError(exit, message);
}

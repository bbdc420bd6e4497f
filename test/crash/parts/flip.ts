// One changed byte in one file of one of three replicas, which starts with it while its peers run.
// The replica may answer everything as before, refuse with a reason, or end with a code and a
// reason. It must not show a wrong value, report a key as absent that others have, send others
// something wrong, hang, or end without a message. A changed key means that a record is gone
// without an error: the scrub has to notice that, and the peers have to return it.
//
// Two clusters run at once, so that both cores are used: one keeps its logs, the other truncates
// them, so that some of its records are in no log. Every start has the same directory except for
// its byte. After some ends the directory is removed, and the replica must get everything from its
// peers.

import { cpSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Prng } from '../../../src/base/prng.ts';
import { startCluster, type TestCluster, type TestReplica } from '../../support/processes.ts';
import { becomeEqual } from '../../support/converged.ts';
import { changeByte, copyFolder, type FileKind, filesOf } from '../directory.ts';
import { FlipTally, judgeLater, judgeStart, mayPass } from '../flip-judge.ts';
import { listAll } from '../held.ts';
import { Ledger } from '../ledger.ts';
import type { Part, Result } from '../part.ts';
import { nextSecond, startOnce } from '../victim.ts';
import { writeAll } from '../writers.ts';
import { GUARD_MS } from '../../support/wait.ts';

/** How many of a hundred flips hit each kind of file. */
const SHARES: readonly (readonly [FileKind, number])[] = [
  ['log', 30],
  ['table', 45],
  ['manifest', 13],
  ['identity', 8],
  ['current', 4],
];
/** What the storage lost without an error must be found while the test waits. */
const SOON = { CONIT_SCRUB_DELAY: '1s', CONIT_SCRUB_EVERY: '10s', CONIT_COMPARE_EVERY: '1s' };
const WIPE_EACH = 8;
const FINDINGS_MAX = 10;

export const flip: Part = {
  name: 'flip',
  about: 'one-byte changes in the files of one of three',
  roundsDefault: 300,
  async run({ rounds, prng, folder, memory }): Promise<Result> {
    const tally = new FlipTally();
    const lanes = [
      { name: 'kept', flips: Math.ceil(rounds / 2), each: [150, 50, 50], env: {} },
      {
        name: 'cut',
        flips: Math.floor(rounds / 2),
        each: [500, 50, 50],
        env: { CONIT_LOG_RETAIN: '0' },
      },
    ];
    await Promise.all(
      lanes
        .filter(({ flips }) => flips > 0)
        .map((lane) =>
          flipLane(
            {
              ...lane,
              folder: join(folder, lane.name),
              memory: join(memory, lane.name),
              prng: prng.split(lane.name),
            },
            tally,
          ),
        ),
    );
    return { told: tally.toString(), findings: tally.findings, passing: tally.passing };
  },
};

interface Lane {
  readonly name: string;
  readonly flips: number;
  /** Each of two clients writes twice at the victim and at the others. */
  readonly each: readonly number[];
  readonly env: Readonly<Record<string, string>>;
  readonly folder: string;
  readonly memory: string;
  readonly prng: Prng;
}

async function flipLane(lane: Lane, tally: FlipTally): Promise<void> {
  const ledger = new Ledger(`${lane.memory}.jsonl`);
  const env = { CONIT_LOG_LEVEL: 'info', ...SOON, ...lane.env };
  const options = { dataDir: lane.folder, env, readyTimeoutMs: GUARD_MS };
  const cluster = await startCluster({ ...options, regions: ['ap', 'eu', 'us'] });
  try {
    await fill(lane, cluster, ledger);
    // It dials the others, so it need not wait for them.
    const [victim, peer] = cluster.replicas as [TestReplica, TestReplica];
    await victim.stop();
    const whole = `${lane.memory}.whole`;
    copyFolder(victim.dataDir, whole);
    for (let nth = 0; nth < lane.flips && tally.findings.length < FINDINGS_MAX; nth++) {
      await flipOnce({ lane, nth, victim, peer, ledger, whole }, tally);
    }
  } finally {
    await cluster.stop();
  }
}

/** A start writes the log of LevelDB into tables; after it there are tables and a log. */
async function fill(lane: Lane, { replicas }: TestCluster, ledger: Ledger): Promise<void> {
  const { prng, each } = lane;
  for (const phase of ['a', 'b', 'c']) {
    const writes = replicas.map((replica, at) => {
      const who = { places: [replica], prefix: `${phase}${at}`, each: each[at] ?? 0 };
      return writeAll({ ...who, ledger, prng, clients: 2, w: 2 });
    });
    await Promise.all(writes);
    await becomeEqual(replicas);
    if (phase === 'c') return;
    const [victim] = replicas as [TestReplica];
    await victim.kill9();
    await nextSecond(victim);
    await victim.restart();
  }
}

interface Flip {
  readonly lane: Lane;
  readonly nth: number;
  readonly victim: TestReplica;
  readonly peer: TestReplica;
  readonly ledger: Ledger;
  readonly whole: string;
}

async function flipOnce(flipped: Flip, tally: FlipTally): Promise<void> {
  const { lane, nth, victim, peer, ledger, whole } = flipped;
  const { prng } = lane;
  copyFolder(whole, victim.dataDir);
  const kind = kindOf(prng, nth);
  const files = filesOf(whole).get(kind) ?? [];
  const file = files[prng.below(Math.max(1, files.length))];
  if (file === undefined) throw new Error(`there is no ${kind} to change`);
  const at = prng.below(statSync(join(whole, file)).size);
  const mask = 1 + prng.below(255);
  changeByte(join(victim.dataDir, file), at, mask);
  const damaged = `${lane.memory}.${nth}`;
  cpSync(victim.dataDir, damaged, { recursive: true });
  await nextSecond(victim);
  const start = await startOnce(victim);
  const what = `${lane.name} ${nth}: ${file} byte ${at} ^ ${mask}`;
  const found = await judgeStart({ victim, peer, ledger, kind, start }, tally);
  const passing = found.filter((finding) => mayPass(kind, finding));
  const findings = found.filter((finding) => !passing.includes(finding));
  if (passing.length > 0) {
    const later = await judgeLater(victim, ledger);
    findings.push(...later.map((finding) => `not mended: ${finding}`));
    tally.passing.push(`${what}: ${passing.join('; ')}`);
  }
  await victim.kill9();
  tally.findings.push(...findings.map((finding) => `${what}: ${finding} (kept: ${damaged})`));
  if (findings.length === 0) rmSync(damaged, { recursive: true });
  if (start.kind === 'left' && tally.left % WIPE_EACH === 1) await comeBack(flipped, tally);
}

/** Without its directory a replica gets everything from its peers. */
async function comeBack({ victim, ledger }: Flip, tally: FlipTally): Promise<void> {
  rmSync(victim.dataDir, { recursive: true });
  await nextSecond(victim);
  const { kind } = await startOnce(victim);
  tally.wipes++;
  if (kind === 'ready') {
    tally.findings.push(...ledger.compare('after a wipe', await listAll(victim)));
  } else tally.findings.push(`after a wipe: ${kind}`);
  await victim.kill9();
}

/** In turn, as often as their shares require, and the rare ones early. */
function kindOf(prng: Prng, nth: number): FileKind {
  const turn = SHARES[nth]?.[0];
  if (turn !== undefined) return turn;
  let die = prng.below(100);
  for (const [kind, share] of SHARES) {
    if (die < share) return kind;
    die -= share;
  }
  return 'table';
}

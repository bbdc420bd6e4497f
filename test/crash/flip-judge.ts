// Judges the answers of a replica with a changed byte: every key by itself and by scan, and the
// answers of another replica.

import { setTimeout as sleep } from 'node:timers/promises';
import type { TestReplica } from '../support/processes.ts';
import type { FileKind } from './directory.ts';
import { type Answer, getAll, listAll, Refused } from './held.ts';
import { type Ledger, shorten } from './ledger.ts';
import { endOf, hasLeft, type Start } from './victim.ts';
import { GUARD_MS } from '../support/wait.ts';

const MEND_STEP_MS = 500;

/** The results of all flips of both clusters. */
export class FlipTally {
  readonly findings: string[] = [];
  readonly passing: string[] = [];
  readonly #kinds = new Map<FileKind, number>();
  flips = 0;
  same = 0;
  refused = 0;
  left = 0;
  wipes = 0;

  count(kind: FileKind): void {
    this.flips++;
    this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
  }

  toString(): string {
    const kinds = [...this.#kinds].map(([kind, times]) => `${kind} ${times}`).join(', ');
    const others = `${this.refused} refused, ${this.left} left with a reason`;
    const ends = `${this.same} all as before, ${others}, ${this.passing.length} lacked something for a while`;
    return `${this.flips} flips (${kinds}): ${ends}; ${this.wipes} came back after a wipe`;
  }
}

export interface Judged {
  readonly victim: TestReplica;
  /** Another replica. */
  readonly peer: TestReplica;
  readonly ledger: Ledger;
  readonly kind: FileKind;
  readonly start: Start;
}

export async function judgeStart(judged: Judged, tally: FlipTally): Promise<string[]> {
  const { start, kind, victim, peer, ledger } = judged;
  tally.count(kind);
  if (start.kind === 'left') return judgeEnd(start, tally);
  const { findings, refusals } = await judgeAnswers(victim, ledger);
  if (await hasLeft(victim)) {
    // It found the damage while it was asked; its answers up to then count.
    findings.push(...judgeEnd(await endOf(victim), tally));
  } else if (refusals > 0) tally.refused++;
  else if (findings.length === 0) tally.same++;
  if (start.kind === 'waits' && refusals === 0) findings.push('is not ready and refuses nothing');
  findings.push(...ledger.compare(`spread to ${peer.id}`, await listAll(peer)));
  return findings;
}

/**
 * LevelDB does not check a block of a table that it reads. A record whose key has changed is not
 * found, so the checksum in the record cannot show that. The scrub and the comparison of hash trees
 * find it and fetch it from a peer.
 */
export function mayPass(kind: FileKind, finding: string): boolean {
  return kind === 'table' && /^\d+ missing by get|^by scan: \d+ lost/.test(finding);
}

/** What is still wrong after scrub and comparison; nothing if the replica ended with a reason. */
export async function judgeLater(victim: TestReplica, ledger: Ledger): Promise<string[]> {
  const deadline = performance.now() + GUARD_MS;
  for (;;) {
    const { findings } = await judgeAnswers(victim, ledger);
    if (findings.length === 0 || (await hasLeft(victim))) return [];
    if (performance.now() > deadline) return findings;
    await sleep(MEND_STEP_MS);
  }
}

function judgeEnd({ how, why }: Start & { kind: 'left' }, tally: FlipTally): string[] {
  tally.left++;
  if (how === 'code 0') return ['left with code 0'];
  return why === '' ? [`left without a word (${how})`] : [];
}

interface Answers {
  readonly findings: string[];
  readonly refusals: number;
}

async function judgeAnswers(victim: TestReplica, ledger: Ledger): Promise<Answers> {
  const keys = ledger.acked();
  const answers = await getAll(victim, keys);
  const of = (kind: Answer['kind']) => keys.filter((key) => answers.get(key)?.kind === kind);
  const wrong = keys.filter((key) => {
    const answer = answers.get(key);
    return answer?.kind === 'value' && answer.value !== ledger.valueOf(key);
  });
  const findings = Object.entries({ wrong, missing: of('absent'), hung: of('hung') })
    .filter(([, found]) => found.length > 0)
    .map(([name, found]) => `${found.length} ${name} by get: ${shorten(found)}`);
  const scan = await scanOf(victim, ledger);
  findings.push(...scan.findings);
  return { findings, refusals: of('refused').length + scan.refusals };
}

async function scanOf(victim: TestReplica, ledger: Ledger): Promise<Answers> {
  try {
    const held = await listAll(victim);
    return { findings: ledger.compare('by scan', held), refusals: 0 };
  } catch (error) {
    if (error instanceof Refused || (await hasLeft(victim))) return { findings: [], refusals: 1 };
    throw error;
  }
}

// One list that asks several replicas: its request, its result so far, and its present round. The
// steps are in quorum-lists.ts.

import type { ReadOwner } from '../model/effect.ts';
import { NO_MEMBERS } from '../model/member-set.ts';
import { SURVEY_KEYS_MAX, type SurveyReply } from '../model/message.ts';
import type { Namespace } from '../model/namespaces.ts';
import type { Requirement } from '../model/quorum.ts';
import { encodedOf } from '../model/record.ts';
import { covers, type Vector } from '../model/vector.ts';
import type { KeyRange } from '../store/key-range.ts';
import type { Inquiry } from './inquiry.ts';
import { COMPARED_PAGE_BYTES_MAX, isFull, type ListPage } from './list-page.ts';
import { LIST_PAGE_BYTES, VERSION_BYTES } from './list-room.ts';
import { isBefore, type Row } from './list-rows.ts';
import { Tally } from './tally.ts';

const ROUNDS_MAX = 64;

export interface Listing extends ListPage, Inquiry {
  readonly id: number;
  readonly requirement: Requirement;
  readonly namespace: Namespace;
  /** What is left to list. */
  range: KeyRange;
  /** The deletes and expired versions that the page leaves out. */
  readonly hidden: Vector;
  rounds: number;
  // ---- of the round
  surveyId: number;
  tally: Tally;
  askedMs: number;
  answers: (SurveyReply | undefined)[];
  /** It waits until the named versions are durable here. */
  isCatchingUp: boolean;
  /** The read of this replica's own records. */
  reading: ReadOwner | undefined;
  rows: Row[];
  open: number;
  /** The key up to which the rows are complete; `undefined`: the end. */
  coveredTo: string | undefined;
}

/**
 * Its page is this replica's own: keys that are read by themselves could overtake earlier writes.
 */
export function isByStream({ namespace }: Listing): boolean {
  return namespace.level.repairs === 'stream';
}

export function freshRound(requirement: Requirement, nowMs: number) {
  return {
    surveyId: 0,
    tally: new Tally(requirement),
    asked: NO_MEMBERS,
    askedMs: nowMs,
    askedLaterMs: undefined,
    hedgeAtMs: Number.POSITIVE_INFINITY,
    answers: [] as (SurveyReply | undefined)[],
    isCatchingUp: false,
    reading: undefined as ReadOwner | undefined,
    rows: [] as Row[],
    open: 0,
    coveredTo: undefined as string | undefined,
  };
}

/**
 * With a delimiter most of a survey may be skipped; without one all of it is used, as far as there
 * is room.
 */
export function keysOf({ command, items, prefixes }: Listing): number {
  const room = command.limit + 1 - items.length - prefixes.length;
  return Math.min(Math.max(room, 16), SURVEY_KEYS_MAX);
}

/** The bytes of a round: its page, and the versions that all replicas name. */
export function roundBytes(listing: Listing): number {
  const { command, requirement } = listing;
  const named = keysOf(listing) * VERSION_BYTES * (requirement.count + 1);
  return command.values ? LIST_PAGE_BYTES + named : named;
}

/** What its page holds. */
export function pageBytes({ rows }: Listing): number {
  let bytes = 0;
  for (const { key, own } of rows)
    bytes += VERSION_BYTES + key.length + (own === undefined ? 0 : encodedOf(own).length);
  return bytes;
}

/** The keys one after the other, within the range, and not more than requested. */
export function isAnswer({ keys, more }: SurveyReply, listing: Listing): boolean {
  const { command, range } = listing;
  if (keys.length > keysOf(listing) || (more && keys.length === 0)) return false;
  let last: string | undefined;
  for (const { key } of keys) {
    if (key < range.from || (range.to !== '' && key >= range.to)) return false;
    if (last !== undefined && !isBefore(last, key, command.reverse)) return false;
    last = key;
  }
  return true;
}

export function isEnough(listing: Listing, nowMs: number): boolean {
  return (
    listing.rounds >= ROUNDS_MAX ||
    nowMs >= listing.enoughMs ||
    isFull(listing, COMPARED_PAGE_BYTES_MAX)
  );
}

/** The key is left out, because of its newest version. */
export function hide({ hidden }: Listing, { newest }: Row): void {
  if (!covers(hidden, newest)) hidden.set(newest.origin, newest.seq);
}

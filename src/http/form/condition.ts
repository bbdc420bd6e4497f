// If-Match, If-None-Match, If-Modified-Since and If-Unmodified-Since (RFC 9110 section 13). An
// entity tag is the version in quotes. If-Match compares strongly, so a weak tag in it never
// matches; If-None-Match compares weakly and treats weak tags like strong ones. A date counts only
// without the header with tags of the same direction, and an invalid date is ignored. Dates are
// whole seconds, like Last-Modified: use tags to distinguish versions of one second.

import { malformed } from '../../api/readers.ts';
import type { Fault } from '../../model/fault.ts';
import type { Condition } from '../../model/command.ts';
import { type Hlc, hlcToMs } from '../../model/hlc.ts';
import { parseHttpDate } from './http-date.ts';

/** An element of a list, which may be empty, and the separator behind it. */
const ELEMENT = /[ \t]*(?:(W\/)?"([!#-~\x80-\xff]*)"[ \t]*)?(,|$)/y;
const VERSIONS_MAX = 32;

interface Tags {
  readonly isAny: boolean;
  readonly versions: readonly string[];
}

/** The conditions of a write, in the order in which they are checked. */
export function writeConditions(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
  ifUnmodifiedSince?: string,
): readonly Condition[] | Fault {
  if (ifMatch === undefined && ifNoneMatch === undefined && ifUnmodifiedSince === undefined)
    return NO_CONDITIONS;
  const conditions: Condition[] = [];
  if (ifMatch !== undefined) {
    const tags = parseTags(ifMatch, false);
    if (tags === undefined) return malformed('If-Match');
    conditions.push(
      tags.isAny ? { kind: 'match-any' } : { kind: 'match', versions: tags.versions },
    );
  }
  if (ifMatch === undefined && ifUnmodifiedSince !== undefined) {
    const dateMs = parseHttpDate(ifUnmodifiedSince, Date.now());
    if (dateMs !== undefined) conditions.push({ kind: 'unmodified-since', dateMs });
  }
  if (ifNoneMatch !== undefined) {
    const tags = parseTags(ifNoneMatch, true);
    if (tags === undefined) return malformed('If-None-Match');
    conditions.push(
      tags.isAny ? { kind: 'absent' } : { kind: 'none-match', versions: tags.versions },
    );
  }
  return conditions;
}

const NO_CONDITIONS: readonly Condition[] = [];

/** Whether the header's tags name `version`; `undefined` for a malformed header. */
export function namesVersion(
  header: string,
  version: string,
  comparison: 'strong' | 'weak',
): boolean | undefined {
  const tags = parseTags(header, comparison === 'weak');
  return tags === undefined ? undefined : tags.isAny || tags.versions.includes(version);
}

/**
 * Lists may have empty elements (RFC 9110 section 5.6.1); a comma in quotes is part of its element.
 */
function parseTags(header: string, takeWeak: boolean): Tags | undefined {
  if (header.trim() === '*') return { isAny: true, versions: [] };
  const versions: string[] = [];
  let count = 0;
  ELEMENT.lastIndex = 0;
  for (let isLast = false; !isLast; ) {
    const match = ELEMENT.exec(header);
    if (match === null) return undefined;
    const [, weak, version, end] = match;
    if (version !== undefined && ++count > VERSIONS_MAX) return undefined;
    if (version !== undefined && (takeWeak || weak === undefined)) versions.push(version);
    isLast = end === '';
  }
  return count === 0 ? undefined : { isAny: false, versions };
}

/** The second in which a version was written, in ms: the value of Last-Modified. */
function secondOf(hlc: Hlc): number {
  return Math.floor(hlcToMs(hlc) / 1000) * 1000;
}

/** Whether the version is newer than the date; `undefined` if the header is not a valid date. */
export function isModifiedSince(header: string, hlc: Hlc): boolean | undefined {
  const dateMs = parseHttpDate(header, Date.now());
  return dateMs === undefined ? undefined : secondOf(hlc) > dateMs;
}

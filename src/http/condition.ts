// If-Match and If-None-Match (RFC 9110 section 13.1). An entity tag is the version in quotes. Weak tags never match
// strongly, so in If-Match they stand for nothing; If-None-Match compares weakly and takes them like strong ones.

import { type Fault, fault } from '../model/fault.ts';
import type { Condition } from '../model/command.ts';

const TAG = /^(W\/)?"([!#-~\x80-\xff]*)"$/;
const VERSIONS_MAX = 32;

interface Tags {
  readonly isAny: boolean;
  readonly versions: readonly string[];
}

/** The conditions of a write, in the order in which they are checked. */
export function writeConditions(
  ifMatch: string | undefined,
  ifNoneMatch: string | undefined,
): readonly Condition[] | Fault {
  if (ifMatch === undefined && ifNoneMatch === undefined) return NO_CONDITIONS;
  const conditions: Condition[] = [];
  if (ifMatch !== undefined) {
    const tags = parseTags(ifMatch, false);
    if (tags === undefined) return malformed('If-Match');
    conditions.push(
      tags.isAny ? { kind: 'match-any' } : { kind: 'match', versions: tags.versions },
    );
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

export function malformed(header: string): Fault {
  return fault('invalid-parameter', `the header ${header} is malformed`);
}

function parseTags(header: string, takeWeak: boolean): Tags | undefined {
  if (header.trim() === '*') return { isAny: true, versions: [] };
  const versions: string[] = [];
  const texts = header.split(',');
  if (texts.length > VERSIONS_MAX) return undefined;
  for (const text of texts) {
    const match = TAG.exec(text.trim());
    if (match === null) return undefined;
    if (takeWeak || match[1] === undefined) versions.push(match[2] as string);
  }
  return { isAny: false, versions };
}

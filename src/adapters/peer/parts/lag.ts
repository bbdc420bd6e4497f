// What a heartbeat reports of each namespace that is not in state `serving`, as bytes.

import type { ByteReader, ByteWriter } from '../../../base/bytes.ts';
import { LAG_RULES, LAG_STATES, LAG_TOLD_MAX, type NamespaceLag } from '../../../model/lag.ts';
import { NAME_BYTES_MAX, readNamespace } from './names.ts';

/** Besides the member's name: five numbers of at most nine bytes. */
export const HEALTH_BYTES_MAX = NAME_BYTES_MAX + 64;

/** Whole ms and entries, plus one: 0 is unknown. */
export function writeHealth(writer: ByteWriter, health: NamespaceLag): void {
  const { namespace, state, rule, forMs, answers, missingMs, missingEntries } = health;
  writer.text(namespace);
  writer.u8(LAG_STATES.indexOf(state));
  writer.u8(rule === undefined ? 0 : LAG_RULES.indexOf(rule) + 1);
  writer.u8(answers ? 1 : 0);
  writer.varint(Math.floor(forMs));
  writer.varint(missingMs === undefined ? 0 : Math.ceil(missingMs) + 1);
  writer.varint(missingEntries === undefined ? 0 : missingEntries + 1);
}

export function readHealths(reader: ByteReader): NamespaceLag[] | undefined {
  const count = reader.varint();
  if (count > LAG_TOLD_MAX) return undefined;
  const healths: NamespaceLag[] = [];
  while (healths.length < count && !reader.failed) {
    const health = readHealth(reader);
    if (health === undefined) return undefined;
    healths.push(health);
  }
  return healths;
}

function readHealth(reader: ByteReader): NamespaceLag | undefined {
  const namespace = readNamespace(reader);
  const state = LAG_STATES[reader.u8()];
  const ruleAt = reader.u8();
  const answers = reader.u8();
  const forMs = reader.varint();
  const missingMs = reader.varint();
  const missingEntries = reader.varint();
  const rule = LAG_RULES[ruleAt - 1];
  if (namespace === undefined || state === undefined || answers > 1) return undefined;
  if (ruleAt > 0 && rule === undefined) return undefined;
  return {
    namespace,
    state,
    rule,
    forMs,
    answers: answers === 1,
    missingMs: missingMs === 0 ? undefined : missingMs - 1,
    missingEntries: missingEntries === 0 ? undefined : missingEntries - 1,
  };
}

// The replies to clients, and whether a replica holds what follows from them. Every key is written
// once, with a value that no other write has.
//
//  lost     acknowledged, and absent              refused  refused, and present
//  wrong    present with another value            phantom  present, and never written
//  dot      two writes got the same dot
//
// Each reply is a line of a file that no fault reaches.

import { appendFileSync } from 'node:fs';
import type { Outcome } from '../checkers/operation.ts';

interface Write {
  readonly value: string;
  /** `undefined` until the reply arrives. */
  ok: Outcome | undefined;
  /** The place of the reply among all replies. */
  told: number;
}

export interface LedgerCounts {
  acked: number;
  refused: number;
  unknown: number;
}

export interface Comparison {
  /** Only replies before this moment, as `Ledger.now` returned it; all of them by default. */
  readonly until?: number;
  /** Only keys with this prefix. */
  readonly prefix?: string;
}

/** A description. */
export function toldOf({ acked, refused, unknown }: LedgerCounts): string {
  return `${acked} acknowledged, ${refused} refused, ${unknown} unknown`;
}

const SHOWN_MAX = 5;

export class Ledger {
  readonly counts: LedgerCounts = { acked: 0, refused: 0, unknown: 0 };
  readonly #file: string;
  readonly #writes = new Map<string, Write>();
  readonly #dots = new Map<string, string>();
  readonly #twice: string[] = [];
  #told = 0;

  constructor(file: string) {
    this.#file = file;
  }

  /** A moment: every reply so far came before it. */
  get now(): number {
    return this.#told;
  }

  begin(key: string, value: string): void {
    if (this.#writes.has(key)) throw new Error(`${key} is written twice`);
    this.#writes.set(key, { value, ok: undefined, told: 0 });
  }

  end(key: string, ok: Outcome, dot: string): void {
    const write = this.#writes.get(key);
    if (write === undefined) throw new Error(`${key} was never begun`);
    write.ok = ok;
    write.told = ++this.#told;
    this.counts[ok === true ? 'acked' : ok === false ? 'refused' : 'unknown']++;
    appendFileSync(this.#file, `${JSON.stringify({ key, ok, dot })}\n`);
    if (ok === true) this.#noteDot(key, dot);
  }

  /** The acknowledged keys with this prefix. */
  acked(prefix = ''): string[] {
    return [...this.#writes]
      .filter(([key, { ok }]) => ok === true && key.startsWith(prefix))
      .map(([key]) => key);
  }

  valueOf(key: string): string | undefined {
    return this.#writes.get(key)?.value;
  }

  /** What is wrong with the contents of `where`, in a line for each kind. */
  compare(where: string, held: ReadonlyMap<string, string>, comparison: Comparison = {}): string[] {
    const { until = this.#told, prefix = '' } = comparison;
    const lost = this.acked(prefix).filter((key) => !held.has(key) && this.#toldBy(key, until));
    const there = [...held];
    const isWrong = (key: string, value: string): boolean =>
      this.valueOf(key) !== undefined && this.valueOf(key) !== value;
    const kinds = {
      lost,
      wrong: there.filter(([key, value]) => isWrong(key, value)).map(([key]) => key),
      refused: there.map(([key]) => key).filter((key) => this.#writes.get(key)?.ok === false),
      phantom: there.map(([key]) => key).filter((key) => !this.#writes.has(key)),
      'dot given twice': this.#twice,
    };
    return Object.entries(kinds)
      .filter(([, keys]) => keys.length > 0)
      .map(([kind, keys]) => `${where}: ${keys.length} ${kind}: ${shorten(keys)}`);
  }

  #toldBy(key: string, until: number): boolean {
    return (this.#writes.get(key)?.told ?? 0) <= until;
  }

  #noteDot(key: string, dot: string): void {
    const other = this.#dots.get(dot);
    if (other !== undefined || dot === '') this.#twice.push(`${dot || 'none'} (${other}, ${key})`);
    this.#dots.set(dot, key);
  }
}

export function shorten(keys: readonly string[]): string {
  const more = keys.length > SHOWN_MAX ? `, and ${keys.length - SHOWN_MAX} more` : '';
  return `${keys.slice(0, SHOWN_MAX).join(', ')}${more}`;
}

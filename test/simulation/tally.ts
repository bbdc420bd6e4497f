// The results of many runs, and whether they pass the gate.

import { SOMETIMES, type Sometimes } from './reached.ts';
import type { Summary } from './summary.ts';

export class Tally {
  readonly failures: Summary[] = [];
  runs = 0;
  ranTwice = 0;
  virtualMs = 0;
  cpuSeconds = 0;
  events = 0;
  ok = 0;
  refused = 0;
  unknown = 0;
  readonly strikes = new Map<string, number>();
  readonly reached = new Map<Sometimes, number>();

  add(summary: Summary): void {
    this.runs++;
    if (summary.ranTwice) this.ranTwice++;
    if (summary.findings.length > 0) this.failures.push(summary);
    this.virtualMs += summary.virtualMs;
    this.cpuSeconds += summary.cpuSeconds;
    this.events += summary.events;
    this.ok += summary.ok;
    this.refused += summary.refused;
    this.unknown += summary.unknown;
    for (const [fault, count] of Object.entries(summary.strikes)) raise(this.strikes, fault, count);
    for (const [name, count] of summary.reached) raise(this.reached, name, count);
  }

  get unreached(): readonly Sometimes[] {
    return SOMETIMES.filter((name) => !this.reached.has(name));
  }

  /** Virtual seconds for each second of CPU, including the checkers. */
  get speed(): number {
    return this.virtualMs / 1000 / this.cpuSeconds;
  }

  line(): string {
    const parts = [
      `${this.runs} seeds`,
      `${this.failures.length} failed`,
      `${Math.round(this.virtualMs / 1000).toLocaleString('en')} virtual s at ${Math.round(this.speed)} per CPU s`,
      `${this.ok.toLocaleString('en')} ok, ${this.refused.toLocaleString('en')} refused, ${this.unknown.toLocaleString('en')} unknown`,
      `${SOMETIMES.length - this.unreached.length} of ${SOMETIMES.length} states reached`,
      `${this.ranTwice} run twice`,
    ];
    return parts.join('; ');
  }

  details(): string {
    const faults = [...this.strikes].toSorted(([a], [b]) => a.localeCompare(b, 'en'));
    return [
      `faults: ${faults.map(([fault, count]) => `${fault} ${count}`).join(', ')}`,
      ...(this.unreached.length > 0 ? [`never reached: ${this.unreached.join('; ')}`] : []),
    ].join('\n');
  }
}

function raise<Name>(counts: Map<Name, number>, name: Name, by: number): void {
  counts.set(name, (counts.get(name) ?? 0) + by);
}

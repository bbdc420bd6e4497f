// The guarantees of sessions, by their names (session.ts says what each means).

export const GUARANTEES = ['ryw', 'mr', 'mw', 'wfr'] as const;
export type Guarantee = (typeof GUARANTEES)[number];
export type Guarantees = ReadonlySet<Guarantee>;
export const ALL_GUARANTEES: Guarantees = new Set(GUARANTEES);

/** The guarantees of these names; `undefined` for another name, and for one that is repeated. */
export function guaranteesOf(names: readonly unknown[]): Guarantees | undefined {
  const named = new Set(GUARANTEES.filter((each) => names.includes(each)));
  return named.size === names.length ? named : undefined;
}

/** In the usual order. */
export function namesOf(guarantees: Guarantees): readonly Guarantee[] {
  return GUARANTEES.filter((each) => guarantees.has(each));
}

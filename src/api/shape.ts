// Shapes of JSON: plain JSON schemas that carry the type of the values they describe, so one
// definition is documentation, check and type. An object refuses members that the shape does not
// name.

/** Carries the type only; no shape has this member at run time. */
declare const shown: unique symbol;

export interface Shape<T> {
  readonly [keyword: string]: unknown;
  readonly [shown]?: T;
}

/** The type of what a shape describes. */
export type Shown<S> = S extends Shape<infer T> ? T : never;

/** A member that may be absent. */
interface Maybe<T> {
  readonly maybe: Shape<T>;
}

type Members = { readonly [name: string]: Shape<unknown> | Maybe<unknown> };
type NamesOf<M extends Members> = keyof M & string;
type Optional<M extends Members> = {
  [Name in NamesOf<M>]: M[Name] extends { readonly maybe: unknown } ? Name : never;
}[NamesOf<M>];

type ObjectOf<M extends Members> = {
  readonly [Name in Exclude<NamesOf<M>, Optional<M>>]: Shown<M[Name]>;
} & {
  readonly [Name in Optional<M>]?: M[Name] extends { readonly maybe: infer S } ? Shown<S> : never;
};

export function text(about?: string): Shape<string> {
  return { type: 'string', ...described(about) };
}

export function whole(about?: string): Shape<number> {
  return { type: 'integer', ...described(about) };
}

export function number(about?: string): Shape<number> {
  return { type: 'number', ...described(about) };
}

export function flag(about?: string): Shape<boolean> {
  return { type: 'boolean', ...described(about) };
}

/** One of several words. */
export function words<const T extends string>(known: readonly T[], about?: string): Shape<T> {
  return { type: 'string', enum: [...known], ...described(about) };
}

/** This word and no other. */
export function only<const T extends string>(word: T): Shape<T> {
  return { type: 'string', const: word };
}

export function either<S extends readonly Shape<unknown>[]>(
  shapes: readonly [...S],
  about?: string,
): Shape<Shown<S[number]>> {
  return { anyOf: [...shapes], ...described(about) };
}

export function orNull<T>(shape: Shape<T>, about?: string): Shape<T | null> {
  return { anyOf: [shape, { type: 'null' }], ...described(about) };
}

export function list<T>(items: Shape<T>, about?: string): Shape<readonly T[]> {
  return { type: 'array', items, ...described(about) };
}

/** An object whose member names are data. */
export function byName<T>(values: Shape<T>, about?: string): Shape<{ readonly [name: string]: T }> {
  return { type: 'object', patternProperties: { '^.*$': values }, ...described(about) };
}

export function maybe<T>(shape: Shape<T>): Maybe<T> {
  return { maybe: shape };
}

export function object<M extends Members>(members: M, about?: string): Shape<ObjectOf<M>> {
  const all = Object.entries(members);
  const required = all.filter(([, member]) => !isMaybe(member)).map(([name]) => name);
  const properties = all.map(([name, member]) => [name, isMaybe(member) ? member.maybe : member]);
  return {
    type: 'object',
    ...(required.length === 0 ? {} : { required }),
    properties: Object.fromEntries(properties) as Members,
    additionalProperties: false,
    ...described(about),
  };
}

function isMaybe(member: Shape<unknown> | Maybe<unknown>): member is Maybe<unknown> {
  return 'maybe' in member;
}

function described(about: string | undefined): { readonly description?: string } {
  return about === undefined ? {} : { description: about };
}

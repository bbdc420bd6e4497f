// The kinds of value that a setting can have. A kind parses what a flag, a variable or a file
// contains, shows a value in the form of a file, and describes itself to people (unit, bound) and
// to tools (JSON schema). Flags and variables give text, files give any JSON value.

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string };

export type JsonSchema = { readonly [keyword: string]: unknown };

export interface Kind<T> {
  /** The placeholder of the value in `--help`: `--heartbeat <duration>`. */
  readonly placeholder: string;
  /** The unit of a bare number; '' if the kind is not a quantity. */
  readonly unit: string;
  /** The acceptable values, in words. */
  readonly bound: string;
  readonly schema: JsonSchema;
  parse(raw: unknown): Parsed<T>;
  show(value: T): unknown;
}

export function accept<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function decline(reason: string): { readonly ok: false; readonly reason: string } {
  return { ok: false, reason };
}

/** Text that a parser of the model accepts: names, addresses. */
export function named<T extends string>(
  placeholder: string,
  bound: string,
  door: (text: string) => T | undefined,
  pattern?: string,
): Kind<T> {
  return {
    placeholder,
    unit: '',
    bound,
    schema: { type: 'string', ...(pattern === undefined ? {} : { pattern }) },
    parse(raw) {
      const value = typeof raw === 'string' ? door(raw) : undefined;
      return value === undefined ? decline(`must be ${bound}`) : accept(value);
    },
    show: (value) => value,
  };
}

export const path: Kind<string> = named('path', 'a path', (text) =>
  text === '' || text.includes('\0') ? undefined : text,
);

export function choice<const T extends string>(words: readonly T[]): Kind<T> {
  const bound = words.join(', ');
  return {
    placeholder: 'word',
    unit: '',
    bound,
    schema: { enum: words },
    parse(raw) {
      const word = words.find((known) => known === raw);
      return word === undefined ? decline(`must be one of ${bound}`) : accept(word);
    },
    show: (value) => value,
  };
}

interface Scale {
  readonly placeholder: string;
  readonly unit: string;
  /** The factor for a number without a unit; without a factor such a number is refused. */
  readonly bare: number | undefined;
  /** From the smallest; each is the text behind a number. */
  readonly units: readonly (readonly [suffix: string, factor: number])[];
}

const COUNT: Scale = { placeholder: 'number', unit: '', bare: 1, units: [['', 1]] };

const TIME: Scale = {
  placeholder: 'duration',
  unit: 'ms, s, m, h or d',
  bare: undefined,
  units: [
    ['ms', 1],
    ['s', 1000],
    ['m', 60_000],
    ['h', 3_600_000],
    ['d', 86_400_000],
  ],
};

const SIZE: Scale = {
  placeholder: 'size',
  unit: 'B, KiB, MiB or GiB',
  bare: 1,
  units: [
    ['B', 1],
    ['KiB', 2 ** 10],
    ['MiB', 2 ** 20],
    ['GiB', 2 ** 30],
  ],
};

/** A whole number in [least, most]. */
export function count(least: number, most: number): Kind<number> {
  return quantity(COUNT, least, most);
}

/**
 * Milliseconds: `200ms`, `3s`, `5m`, `24h`, `7d`. A bare number is refused, because one person
 * reads it as milliseconds and the next as seconds.
 */
export function duration(least: number, most: number): Kind<number> {
  return quantity(TIME, least, most);
}

/** Bytes: `512B`, `64KiB`, `1MiB`, `2GiB`, or a bare number of bytes. */
export function size(least: number, most: number): Kind<number> {
  return quantity(SIZE, least, most);
}

function quantity(scale: Scale, least: number, most: number): Kind<number> {
  const bound = `${inUnits(scale, least)} to ${inUnits(scale, most)}`;
  return {
    placeholder: scale.placeholder,
    unit: scale.unit,
    bound,
    schema: quantitySchema(scale, least, most),
    parse(raw) {
      const value = readQuantity(scale, raw);
      const fits = value !== undefined && value >= least && value <= most;
      return fits ? accept(value) : decline(`must be ${bound}`);
    },
    show: (value) => (scale === COUNT ? value : inUnits(scale, value)),
  };
}

function quantitySchema(scale: Scale, least: number, most: number): JsonSchema {
  const suffixes = scale.units.map(([suffix]) => suffix).join('|');
  const isOptional = scale.bare === undefined ? '' : '?';
  const text = { type: 'string', pattern: `^[0-9]+ ?(${suffixes})${isOptional}$` };
  if (scale.bare === undefined) return text;
  return { anyOf: [{ type: 'integer', minimum: least, maximum: most }, text] };
}

function readQuantity({ units, bare = Number.NaN }: Scale, raw: unknown): number | undefined {
  const text = typeof raw === 'number' ? String(raw) : raw;
  if (typeof text !== 'string') return undefined;
  const match = /^([0-9]{1,16}) ?([A-Za-z]*)$/.exec(text.trim());
  if (match === null) return undefined;
  const factor = match[2] === '' ? bare : units.find(([suffix]) => suffix === match[2])?.[1];
  const value = Number(match[1]) * (factor ?? Number.NaN);
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The number in the largest unit that divides it. */
function inUnits({ units }: Scale, value: number): string {
  const fitting = units.filter(([, factor]) => value % factor === 0 && value >= factor);
  const [suffix, factor] = fitting.at(-1) ?? units[0] ?? ['', 1];
  return `${value / factor}${suffix}`;
}

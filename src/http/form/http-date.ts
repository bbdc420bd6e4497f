// Parses a date as HTTP writes it, in the present form and in the two obsolete ones that a
// recipient has to accept (RFC 9110 section 5.6.7). Any other text is no date, and a condition with
// it counts as absent.

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const TIME = '(?<hour>\\d\\d):(?<minute>\\d\\d):(?<second>\\d\\d)';
const DAY = '(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)';
const LONG_DAY = '(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day';
const FORMS: readonly RegExp[] = [
  new RegExp(`^${DAY}, (?<day>\\d\\d) (?<month>[A-Z][a-z]{2}) (?<year>\\d{4}) ${TIME} GMT$`),
  new RegExp(`^${LONG_DAY}, (?<day>\\d\\d)-(?<month>[A-Z][a-z]{2})-(?<year>\\d\\d) ${TIME} GMT$`),
  new RegExp(`^${DAY} (?<month>[A-Z][a-z]{2}) (?<day>[ \\d]\\d) ${TIME} (?<year>\\d{4})$`),
];

/** In ms since 1970, a whole second; `nowMs` decides the century of a two-digit year. */
export function parseHttpDate(text: string, nowMs: number): number | undefined {
  for (const form of FORMS) {
    const parts = form.exec(text)?.groups;
    if (parts !== undefined) return msOf(parts, nowMs);
  }
  return undefined;
}

function msOf(parts: { readonly [name: string]: string }, nowMs: number): number | undefined {
  const { day, month = '', year = '', hour, minute, second } = parts;
  const at = MONTHS.indexOf(month);
  if (at < 0 || Number(hour) > 23 || Number(minute) > 59 || Number(second) > 60) return undefined;
  const date = new Date(0);
  date.setUTCFullYear(
    year.length === 2 ? fullYear(Number(year), nowMs) : Number(year),
    at,
    Number(day),
  );
  if (date.getUTCDate() !== Number(day)) return undefined;
  date.setUTCHours(Number(hour), Number(minute), Number(second));
  return date.getTime();
}

/** A two-digit year more than 50 years ahead is in the past (RFC 9110 section 5.6.7). */
function fullYear(digits: number, nowMs: number): number {
  const now = new Date(nowMs).getUTCFullYear();
  const year = now - (now % 100) + digits;
  return year > now + 50 ? year - 100 : year;
}

// The host names by which web clients may call this replica, and the origins of the pages that may.
//
//   hosts    db.example.com, *.example.com (every name below it), or * for every name
//   origins  https://console.example.com, http://localhost:5173: scheme, host and port as a browser
//            writes them

import { splitList } from './address.ts';
import { accept, decline, type Kind } from './kind.ts';

const LIST_MAX = 64;
const HOST_BOUND = `up to ${LIST_MAX} host names without a port; *.NAME allows all names below NAME, * every name`;
const ORIGIN_BOUND = `up to ${LIST_MAX} origins, such as https://console.example.com`;
const HOST =
  /^(?:\*|(?:\*\.)?[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9_])?\.?|\[[0-9A-Fa-f:.]{2,45}\])$/;
const WEB_ORIGIN = /^https?:\/\/[^/?#@\\\s*]+$/i;
const OTHER_ORIGIN = /^[a-z][a-z0-9+.-]*:\/\/[A-Za-z0-9._-]+$/;

export const hostNames: Kind<readonly string[]> = list(HOST_BOUND, (text) =>
  HOST.test(text) ? text.toLowerCase().replace(/\.$/, '') : undefined,
);

/** `*` is refused: it would allow every page that the operator's browser opens. */
export const webOrigins: Kind<readonly string[]> = list(ORIGIN_BOUND, (text) => {
  const bare = text.replace(/\/$/, '');
  if (!WEB_ORIGIN.test(bare)) return OTHER_ORIGIN.test(bare) ? bare : undefined;
  return URL.canParse(bare) ? new URL(bare).origin : undefined;
});

function list(bound: string, door: (text: string) => string | undefined): Kind<readonly string[]> {
  return {
    placeholder: 'list',
    unit: '',
    bound,
    schema: {
      anyOf: [{ type: 'string' }, { type: 'array', maxItems: LIST_MAX, items: { type: 'string' } }],
    },
    parse(raw) {
      const parts = typeof raw === 'string' ? splitList(raw) : raw;
      if (!Array.isArray(parts) || parts.length > LIST_MAX) return decline(`must be ${bound}`);
      const found: string[] = [];
      for (const part of parts as readonly unknown[]) {
        const one = typeof part === 'string' ? door(part.trim()) : undefined;
        if (one === undefined) return decline(`"${String(part)}" is not acceptable: ${bound}`);
        found.push(one);
      }
      return accept(found);
    },
    show: (values) => values,
  };
}

// The reply to a request that the replica has no room for, assembled from parts that are made once:
// under overload most of a replica's work may be refusing. It has the same bytes as the reply of
// shed.ts.

import { type HttpContext, isDraining } from '../context.ts';
import { statusOf } from '../../api/problems.ts';
import { bodiesOf, problemHead } from '../data/refuse.ts';
import { OVERLOADED } from '../guard/admission.ts';
import { dateLine, headLines, keepAliveLines } from './reply-text.ts';

export interface QuickRefusal {
  /** `undefined` if the reply needs further headers. */
  reply(method: string): string | undefined;
}

export function createQuickRefusal(context: HttpContext): QuickRefusal {
  const { admission, meter, limits } = context;
  const nextBody = bodiesOf(context, OVERLOADED);
  const head = headLines(statusOf(OVERLOADED.code), problemHead(context, OVERLOADED, []));
  const keepAlive = keepAliveLines(limits.keepAliveMs);
  return {
    reply(method) {
      if (isDraining(context)) return undefined;
      admission.refuse();
      meter?.refused(OVERLOADED.code);
      const body = nextBody();
      const end = `${dateLine()}${keepAlive}\r\n${method === 'HEAD' ? '' : body}`;
      return `${head}Content-Length: ${body.length}\r\n${end}`;
    },
  };
}

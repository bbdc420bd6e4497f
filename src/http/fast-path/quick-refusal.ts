// The reply to a request for which the replica has no room, joined from parts that are made once:
// under overload a replica may spend most of its time on refusals. The bytes are the same as those
// of the reply of shed.ts.

import { type HttpContext, isDraining } from '../context.ts';
import { statusOf } from '../../api/problems.ts';
import { bodiesOf, problemHead } from '../data/refuse.ts';
import { OVERLOADED } from '../guard/admission.ts';
import { dateLine, headLines, keepAliveLines } from './reply-text.ts';

export interface QuickRefusal {
  /** `undefined` if the reply needs more headers. */
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

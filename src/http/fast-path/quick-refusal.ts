// The reply to a request that the replica has no room for, put together from parts that are made once: under overload most of
// what a replica does may be refusing. It is what shed.ts answers, to the byte.

import { type HttpContext, isDraining } from '../context.ts';
import { statusOf } from '../../api/problems.ts';
import { bodiesOf, problemHead } from '../data/refuse.ts';
import { OVERLOADED } from '../guard/admission.ts';
import { dateLine, headLines, keepAliveLines } from './reply-text.ts';

export interface QuickRefusal {
  /** `undefined` where the reply has to say more than that. */
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

// A document that is the same as long as the process runs: made once, when it is first asked for, and named by its digest, so
// that who has it is told so (304). Anybody may ask for it without a token, and must not cost a serialisation each time.

import { createHash } from 'node:crypto';
import type { FastifyReply } from 'fastify';
import { namesVersion } from '../form/condition.ts';
import type { HttpContext } from '../context.ts';
import { commonHeaders } from './reply.ts';

export interface Frozen {
  send(context: HttpContext, reply: FastifyReply): FastifyReply;
}

export function freeze(type: string, make: () => string): Frozen {
  let made: { readonly body: Buffer; readonly tag: string } | undefined;
  const document = (): { readonly body: Buffer; readonly tag: string } => {
    if (made !== undefined) return made;
    const body = Buffer.from(make(), 'utf8');
    made = { body, tag: createHash('sha256').update(body).digest('base64url').slice(0, 22) };
    return made;
  };
  return {
    send(context, reply) {
      const { body, tag } = document();
      commonHeaders(context, reply);
      // To be kept, and asked after.
      reply.header('Cache-Control', 'no-cache').header('ETag', `"${tag}"`);
      const known = reply.request.headers['if-none-match'];
      const isKnown = known !== undefined && namesVersion(known, tag, 'weak') === true;
      return isKnown ? reply.code(304).send() : reply.type(type).send(body);
    },
  };
}

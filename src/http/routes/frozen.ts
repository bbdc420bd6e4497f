// A document that is constant while the process runs: made on the first request, and tagged with
// its digest, so that a client that has it gets a 304. Any client may request it without a token,
// so a request must not cost a serialisation.

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
      // Clients keep it, and ask whether it is still current.
      reply.header('Cache-Control', 'no-cache').header('ETag', `"${tag}"`);
      const known = reply.request.headers['if-none-match'];
      const isKnown = known !== undefined && namesVersion(known, tag, 'weak') === true;
      return isKnown ? reply.code(304).send() : reply.type(type).send(body);
    },
  };
}

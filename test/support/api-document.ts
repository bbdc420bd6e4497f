// Compares replies with the OpenAPI document of the server that sent them: the document describes
// the status, the media type and every header of ours, and the body fits its schema.

import { Compile } from 'typebox/schema';

export interface SeenReply {
  readonly method: string;
  /** The target, with its query. */
  readonly path: string;
  readonly status: number;
  /** Names in lower case. */
  readonly header: (name: string) => string | undefined;
  readonly headerNames: readonly string[];
  readonly body: Uint8Array;
}

interface Described {
  readonly $ref?: string;
  readonly headers?: Readonly<Record<string, unknown>>;
  readonly content?: Readonly<Record<string, { readonly schema?: object }>>;
}

interface Operation {
  readonly responses: Readonly<Record<string, Described>>;
}

export interface ApiDocument {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: {
    readonly responses: Readonly<Record<string, Described>>;
  };
}

/** What is wrong with a reply; `undefined` if it is as the document describes it. */
export type ReplyCheck = (reply: SeenReply) => readonly string[];

type Check = (body: unknown) => readonly string[];

export function createReplyCheck(document: ApiDocument): ReplyCheck {
  const checks = new Map<object, Check>();
  const checkOf = (schema: object): Check => {
    const known = checks.get(schema) ?? compile(document, schema);
    checks.set(schema, known);
    return known;
  };
  return (reply) => {
    // The page of the documentation, which is made for people.
    if (/^\/docs(?:[/?]|$)/.test(reply.path)) return [];
    const described = describedBy(document, reply);
    if (described === undefined) return [`${reply.status} is not described`];
    return [...headerFlaws(reply, described), ...contentFlaws(reply, described, checkOf)];
  };
}

/** A schema may refer to the components of the document. */
function compile({ components }: ApiDocument, schema: object): Check {
  const validator = Compile({ components, ...schema } as object);
  return (body) => {
    if (validator.Check(body)) return [];
    const [, errors] = validator.Errors(body);
    return errors.map(({ instancePath, message }) => `body${instancePath} ${message}`);
  };
}

function describedBy(document: ApiDocument, reply: SeenReply): Described | undefined {
  const path = reply.path.split('?', 1)[0] as string;
  const template = Object.keys(document.paths).find((one) => matches(one, path));
  const methods = template === undefined ? undefined : document.paths[template];
  const operation = methods?.[reply.method.toLowerCase()];
  if (operation === undefined) {
    const problem = document.components.responses['Problem'];
    return reply.status >= 400 ? problem : undefined;
  }
  const { responses } = operation;
  const found = responses[reply.status] ?? (reply.status >= 400 ? responses['default'] : undefined);
  const name = found?.$ref?.split('/').at(-1);
  return name === undefined ? found : document.components.responses[name];
}

/** `{key}` matches the rest of the path. */
function matches(template: string, path: string): boolean {
  const wanted = template.split('/');
  const given = path.split('/');
  const takesRest = template.endsWith('/{key}') && given.length > wanted.length;
  if (given.length !== wanted.length && !takesRest) return false;
  return wanted.every((part, at) => part.startsWith('{') || part === given[at]);
}

const OURS = /^(?:conit-|etag$|last-modified$|location$|link$|retry-after$|allow$|accept-ranges$)/;

function headerFlaws({ headerNames }: SeenReply, { headers = {} }: Described): string[] {
  const described = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  return headerNames
    .filter((name) => OURS.test(name) && !described.has(name))
    .map((name) => `the header ${name} is not described`);
}

function contentFlaws(
  { method, header, body }: SeenReply,
  { content }: Described,
  checkOf: (schema: object) => Check,
): readonly string[] {
  if (method === 'HEAD' || body.length === 0) return [];
  if (content === undefined) return ['there is a body, and none is described'];
  const type = (header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
  const media = content[type] ?? content['*/*'];
  if (media === undefined) return [`the media type "${type}" is not described`];
  if (media.schema === undefined || !/[/+]json$/.test(type)) return [];
  if (content[type] === undefined) return [];
  return checkOf(media.schema)(JSON.parse(Buffer.from(body).toString()) as unknown);
}

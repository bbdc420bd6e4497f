// Digests of a body that its sender announces: Content-Digest and Repr-Digest (RFC 9530), and the
// two that these replaced, Digest (RFC 3230) and Content-MD5 (RFC 1864). Here a body is the whole
// representation, without a content coding, so all of them are digests of the same bytes. Every
// digest must match; one that cannot be checked is refused.

import { createHash } from 'node:crypto';
import { equalBytes } from '../../base/bytes.ts';
import { fromBase64 } from './key-text.ts';
import { type Refusal, refusal } from '../problem.ts';

/** The headers as received. */
export interface Digests {
  readonly contentDigest: string | undefined;
  readonly reprDigest: string | undefined;
  readonly digest: string | undefined;
  readonly contentMd5: string | undefined;
}

const FIELD = /^(sha-256|sha-512)=:([A-Za-z0-9+/]*={0,2}):$/;
const INSTANCE = /^(md5|sha-256|sha-512)=([A-Za-z0-9+/]*={0,2})$/i;
const HASHES: Readonly<Record<string, string>> = {
  md5: 'md5',
  'sha-256': 'sha256',
  'sha-512': 'sha512',
};

/** `undefined` if none is given, so that a request without any costs four comparisons. */
export function digestsOf(given: Digests): Digests | undefined {
  const { contentDigest, reprDigest, digest, contentMd5 } = given;
  if (
    contentDigest === undefined &&
    reprDigest === undefined &&
    digest === undefined &&
    contentMd5 === undefined
  )
    return undefined;
  return { contentDigest, reprDigest, digest, contentMd5 };
}

/** Why the body does not match the announced digests; `undefined` if it does. */
export function refuseDigests(given: Digests, body: Uint8Array): Refusal | undefined {
  return (
    check('Content-Digest', given.contentDigest, FIELD, body) ??
    check('Repr-Digest', given.reprDigest, FIELD, body) ??
    check('Digest', given.digest, INSTANCE, body) ??
    check('Content-MD5', given.contentMd5 && `md5=${given.contentMd5.trim()}`, INSTANCE, body)
  );
}

const TAKES: Readonly<Record<string, string>> = {
  'Content-Digest': 'sha-256=:…: and sha-512=:…:',
  'Repr-Digest': 'sha-256=:…: and sha-512=:…:',
  Digest: 'SHA-256=…, SHA-512=… and MD5=…',
  'Content-MD5': 'the MD5 of the body in base64',
};

function check(
  name: string,
  header: string | undefined,
  form: RegExp,
  body: Uint8Array,
): Refusal | undefined {
  if (header === undefined) return undefined;
  for (const text of header.split(',')) {
    const match = form.exec(text.trim());
    const claimed = match === null ? undefined : fromBase64(match[2] as string);
    const hash = HASHES[(match?.[1] ?? '').toLowerCase()];
    if (claimed === undefined || hash === undefined)
      return refusal('invalid-parameter', `the header ${name} takes ${TAKES[name]}`);
    if (!equalBytes(createHash(hash).update(body).digest(), claimed))
      return refusal('digest-mismatch', `the body does not match its ${name}; nothing was written`);
  }
  return undefined;
}

// Bearer tokens as the operator's file lists them: `[{name, sha256, roles}]`. Only the SHA-256 of a
// token is kept, so neither the file nor the memory discloses one. `roles` maps a namespace, or `*`
// for all others and for the cluster as a whole, to what the token may do there.

import { type NamespaceName, parseNamespace } from '../model/id.ts';
import { type Role, ROLES } from './routes.ts';

export interface Token {
  readonly name: string;
  /** SHA-256. */
  readonly digest: Uint8Array;
  readonly roles: ReadonlyMap<NamespaceName | '*', Role>;
}

export type Tokens =
  | { readonly ok: true; readonly tokens: readonly Token[] }
  | { readonly ok: false; readonly problems: readonly string[] };

const MEMBERS: readonly string[] = ['name', 'sha256', 'roles'];
const NAME = /^[\x20-\x7e]{1,64}$/;
const SHA256 = /^[0-9a-f]{64}$/i;
const RANK: Readonly<Record<Role, number>> = { metrics: 0, read: 1, write: 2, admin: 3 };

type Fields = { readonly [name: string]: unknown };

/** Parses the text of a tokens file. Problems name the entry, never the token. */
export function parseTokens(document: unknown): Tokens {
  if (!Array.isArray(document)) return { ok: false, problems: ['must be a list of tokens'] };
  const tokens: Token[] = [];
  const problems: string[] = [];
  for (const [index, entry] of document.entries()) {
    const token = parseToken(entry);
    if (typeof token === 'string') problems.push(`[${index}]: ${token}`);
    else tokens.push(token);
  }
  problems.push(...repeated(tokens));
  if (document.length === 0) problems.push('holds no token');
  return problems.length > 0 ? { ok: false, problems } : { ok: true, tokens };
}

/** True if the token's role there covers `role`. */
export function permits(token: Token, scope: NamespaceName | '*', role: Role): boolean {
  const granted = token.roles.get(scope) ?? token.roles.get('*');
  return granted !== undefined && includes(granted, role);
}

/** True if the token has the role in at least one namespace. */
export function permitsSomewhere(token: Token, role: Role): boolean {
  return [...token.roles.values()].some((granted) => includes(granted, role));
}

function includes(granted: Role, role: Role): boolean {
  if (role === 'metrics') return granted === 'metrics' || granted === 'admin';
  return RANK[granted] >= RANK[role];
}

function parseToken(entry: unknown): Token | string {
  if (!isFields(entry)) return 'must be an object';
  const unknown = Object.keys(entry).find((member) => !MEMBERS.includes(member));
  if (unknown !== undefined) return 'has a member that is not name, sha256 or roles';
  const { name, sha256, roles } = entry;
  if (typeof name !== 'string' || !NAME.test(name)) return 'name must be 1 to 64 characters';
  if (typeof sha256 !== 'string' || !SHA256.test(sha256)) {
    return 'sha256 must be the 64 hex digits of the SHA-256 of the token';
  }
  const granted = parseRoles(roles);
  if (typeof granted === 'string') return granted;
  return { name, digest: bytesOfHex(sha256), roles: granted };
}

function parseRoles(roles: unknown): ReadonlyMap<NamespaceName | '*', Role> | string {
  if (!isFields(roles) || Object.keys(roles).length === 0) return 'roles must name at least one';
  const granted = new Map<NamespaceName | '*', Role>();
  for (const scope of Object.keys(roles)) {
    const name = scope === '*' ? scope : parseNamespace(scope);
    const role = roles[scope];
    if (name === undefined) return 'roles has a name that is not a namespace or *';
    if (!isRole(role)) return `a role is one of ${ROLES.join(', ')}`;
    if (role === 'metrics' && name !== '*') return 'the role metrics is for * only';
    granted.set(name, role);
  }
  return granted;
}

function repeated(tokens: readonly Token[]): string[] {
  const names = new Set(tokens.map((token) => token.name));
  const digests = new Set(tokens.map((token) => token.digest.join()));
  if (names.size === tokens.length && digests.size === tokens.length) return [];
  return ['two entries have the same name or the same token'];
}

function isRole(value: unknown): value is Role {
  return ROLES.some((role) => role === value);
}

function bytesOfHex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

// From single values to a consistent configuration: finds members, policies and secret, derives the
// values that follow from them, and checks every rule. Problems and warnings are collected, not
// thrown.

import { join, resolve as absolute } from 'node:path';
import { assert } from '../base/assert.ts';
import { HTTP_LIMITS_DEFAULT, type HttpLimits } from '../api/limits.ts';
import type { Token } from '../api/token.ts';
import { compilePolicies, type Policy, type PolicyProblem } from '../model/policy.ts';
import type { Member } from '../model/quorum.ts';
import { SETTINGS_DEFAULT, type Settings } from '../model/settings.ts';
import { type Address, formatAddress, isLoopback } from '../model/address.ts';
import { clusterSecretOf, secondSecretOf, tokensOf } from './credential.ts';
import type { Delay } from './delays.ts';
import { type Membership, membershipOf, PEER_DEFAULT } from './membership.ts';
import type { Complain, Problem, Resolved } from './resolve.ts';
import { checkRules } from './rules.ts';
import type { Secret } from './secret.ts';
import { coreValues, webValues } from './option.ts';
import { spoken, TABLE, type Values } from './table.ts';

export interface Config {
  /** The core's bounds, windows and periods, and the members. */
  readonly settings: Settings;
  readonly self: Member;
  readonly policies: readonly Policy[];
  /** The source of the policies, to compile them again when the members change. */
  readonly namespaces: Values['namespaces'];
  readonly clusterId: string;
  readonly dataDir: string;
  readonly http: Address;
  readonly peer: Address;
  readonly secret: Secret;
  /** Session tokens of this one are accepted as well. */
  readonly secondSecret: Secret | undefined;
  /** `undefined`: clients need no token. */
  readonly tokens: readonly Token[] | undefined;
  /** Further names by which clients may call this replica. */
  readonly hosts: readonly string[];
  /** Origins of web pages that may use the API. */
  readonly origins: readonly string[];
  /** The HTTP server's bounds, the largest value among them. */
  readonly limits: HttpLimits;
  /** How many connections at the peer port may be unproved at a time; `undefined`: the default. */
  readonly strangersMax: number | undefined;
  readonly sync: 'full' | 'unsafe-none';
  /** Whether requests are measured. */
  readonly metrics: boolean;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly wan: readonly Delay[];
  readonly shutdownMs: number;
  /** How long after the begin of a stop the last checkpoint may take. */
  readonly lastCheckpointMs: number;
}

interface Assembled {
  /** `undefined` exactly when there are problems. */
  readonly config: Config | undefined;
  /** The given values and the derived ones. */
  readonly effective: Values;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

/** `fileName` is the file of the namespaces, for messages. */
export function assemble(
  resolved: Resolved<typeof TABLE>,
  fileName: string | undefined,
): Assembled {
  const problems: Problem[] = [...resolved.problems];
  const warnings: Problem[] = [...resolved.warnings];
  const complain: Complain = (where, reason) => problems.push({ where, reason });
  const warn: Complain = (where, reason) => warnings.push({ where, reason });
  const secret = clusterSecretOf(resolved, complain, warn);
  const secondSecret = secondSecretOf(resolved, complain, warn);
  const tokens = tokensOf(resolved, complain);
  const membership = membershipOf(resolved, complain);
  const effective =
    membership === undefined ? resolved.values : fillIn(resolved.values, membership);
  const policies =
    membership === undefined ? [] : policiesOf(effective, membership, fileName, complain);
  checkRules(effective, complain, warn);
  const isWhole = problems.length === 0 && secret !== undefined && membership !== undefined;
  const config = isWhole
    ? configOf({ values: effective, membership, policies, secret, secondSecret, tokens })
    : undefined;
  return { config, effective, problems, warnings };
}

function fillIn(values: Values, { own }: Membership): Values {
  return {
    ...values,
    region: own.region,
    peers: values.peers ?? [own],
    peer: values.peer ?? own.peer,
    advertise: values.advertise ?? own.http ?? loopbackUrl(values.http),
    dataDir: absolute(values.dataDir ?? join('conit-data', own.id)),
  };
}

/**
 * The URL of a replica on loopback follows from its address, unless port 0 leaves the port open.
 */
function loopbackUrl(at: Address): string | undefined {
  return isLoopback(at.host) && at.port > 0 ? `http://${formatAddress(at)}` : undefined;
}

/**
 * Lag is measured to within two heartbeats, and a replica returns only when it is below half of the
 * limit: so a limit needs more than four heartbeats.
 */
const BEATS_TOLD = 5;

function policiesOf(
  { namespaces, heartbeat }: Values,
  { members, self }: Membership,
  fileName: string | undefined,
  complain: Complain,
): readonly Policy[] {
  const compiled = compilePolicies(namespaces, members, self);
  const prefix = fileName === undefined ? '' : `${fileName}: `;
  if (compiled.ok) {
    for (const { namespace, staleAfter } of compiled.policies)
      if ((staleAfter?.timeMs ?? Number.POSITIVE_INFINITY) < BEATS_TOLD * heartbeat)
        complain(
          `${prefix}namespaces.${namespace}.staleAfter.timeMs`,
          `must be at least ${BEATS_TOLD} times ${spoken('heartbeat')}: lag is measured by heartbeats`,
        );
    return compiled.policies;
  }
  for (const { path, reason } of compiled.problems) complain(`${prefix}${path}`, reason);
  return [];
}

interface Parts {
  readonly values: Values;
  readonly membership: Membership;
  readonly policies: readonly Policy[];
  readonly secret: Secret;
  readonly secondSecret: Secret | undefined;
  readonly tokens: readonly Token[] | undefined;
}

function configOf(parts: Parts): Config {
  const { values, membership, policies, secret, secondSecret, tokens } = parts;
  return Object.freeze({
    settings: Object.freeze(settingsOf(values, membership)),
    self: membership.self,
    policies: Object.freeze(policies),
    namespaces: values.namespaces,
    clusterId: values.clusterId,
    dataDir: values.dataDir ?? '',
    http: values.http,
    peer: values.peer ?? PEER_DEFAULT,
    secret,
    secondSecret,
    tokens,
    hosts: values.hosts ?? [],
    origins: values.origins ?? [],
    limits: limitsOf(values),
    strangersMax: undefined,
    sync: values.sync,
    metrics: values.metrics === 'on',
    logLevel: values.logLevel,
    wan: values.wan ?? [],
    shutdownMs: values.shutdown,
    lastCheckpointMs: Math.round(values.shutdown * CHECKPOINT_SHARE),
  });
}

/** The share of a stop's time for requests that are in progress. */
const DRAIN_SHARE = 0.6;
/** The last checkpoint has until this share of the time; the rest is enough to close files. */
const CHECKPOINT_SHARE = 0.9;
/**
 * The share of a stop's time in which the listener stays open, so that new clients get an answer.
 */
const NOTICE_SHARE = 0.25;

function limitsOf(values: Values): HttpLimits {
  return Object.freeze({
    ...HTTP_LIMITS_DEFAULT,
    ...webValues(TABLE, values),
    fastPath: values.fastPath === 'on',
    drainMs: Math.round(values.shutdown * DRAIN_SHARE),
    noticeMs: Math.min(values.shutdownNotice, Math.round(values.shutdown * NOTICE_SHARE)),
  });
}

function settingsOf(values: Values, { members, self }: Membership): Settings {
  return {
    ...SETTINGS_DEFAULT,
    ...coreValues(TABLE, values),
    self: self.id,
    members,
    clientUrl: values.advertise ?? '',
    helloWaitMs: values.peerTimeout,
  };
}

/**
 * The policies for these members, or the reason why they do not fit. This replica need not be a
 * member: it also checks the policies of a membership before it votes for it.
 */
export function policiesAmong(
  { self, namespaces }: Config,
  members: readonly Member[],
): readonly Policy[] | string {
  const one = members.find(({ id }) => id === self.id) ?? members[0];
  if (one === undefined) return 'a cluster has at least one member';
  const compiled = compilePolicies(namespaces, members, one);
  return compiled.ok ? compiled.policies : reasonsOf(compiled.problems);
}

/** The same configuration with these members, of which this replica is one. */
export function amongMembers(
  config: Config,
  members: readonly Member[],
  policies: readonly Policy[],
): Config {
  const self = members.find(({ id }) => id === config.self.id);
  assert(self !== undefined, 'config: this replica is one of its members');
  const settings = Object.freeze({ ...config.settings, members });
  return Object.freeze({ ...config, settings, self, policies });
}

function reasonsOf(problems: readonly PolicyProblem[]): string {
  return problems.map(({ path, reason }) => `${path} ${reason}`).join('; ');
}

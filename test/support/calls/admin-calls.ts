/** What admins do to the rules, in one line each. */
import { randomUUID } from 'node:crypto';

import type { Api } from '../services/api.js';
import type { Problem } from './venue-system.js';

export interface Ratio {
  readonly id: string;
  readonly version: number;
  readonly status: 'SCHEDULED' | 'ACTIVE' | 'SUPERSEDED' | 'CANCELLED';
  readonly tiers: readonly { readonly floor: string; readonly cap: string | null; readonly ratio: string }[];
  readonly effectiveFrom: string;
  readonly effectiveTo: string | null;
  readonly appliedAt: string | null;
  readonly cancelledAt: string | null;
  readonly changedBy: string | null;
}

const RATIO = `id version status tiers { floor cap ratio } userCap platformCap effectiveFrom effectiveTo appliedAt
  cancelledAt cancelledBy cancelReason reason changedBy`;
const POLICY = `id version effectiveFrom reason changedBy liquidatesAtEquality maintenanceMethod liquidationFeeRate warningRatio
  marginCallRatio liquidationRatio { numerator denominator } isolatedInMultiAsset debtMarginRate
  transferFloor { notionalRate maintenanceMultiple } openOrders { initial maintenance openLoss } interest { asset { symbol } hourlyRate freeThreshold }
  autoExchange { thresholds { asset { symbol } balance } } guardRails { maxStep minNoticeHours }`;
const TIERS = 'tiers { tier floor cap maintenanceRate maintenanceAmount maxLeverage }';

/** Of any rule. */
export const VERSION = 'id version status effectiveFrom changedBy reason';
/** What every change answers. */
const CHANGED = `replaced { ${VERSION} } impact { transitions { from to accounts } }`;

const SELECTIONS = {
  changeCollateralRatio: `collateralRatio { ${RATIO} } replaced { ${VERSION} }`,
  cancelRuleChange: `version { ${VERSION} }`,
  cancelCollateralRatio: `collateralRatio { ${RATIO} }`,
  changeInterestRate: `policy { ${POLICY} } ${CHANGED}`,
  changeMarginPolicy: `policy { ${POLICY} } ${CHANGED}`,
  changeMaintenanceTiers: `instrument { symbol venue { code } tiersVersion ${TIERS} } version { ${VERSION} } ${CHANGED}`,
};

export interface Version {
  readonly id: string;
  readonly version: number;
  readonly status: Ratio['status'];
  readonly effectiveFrom: string;
}

export interface Transition {
  readonly from: string;
  readonly to: string;
  readonly accounts: number;
}

export type AdminMutation = keyof typeof SELECTIONS;

export interface AdminOutcome {
  readonly collateralRatio?: Ratio | null;
  readonly policy?: (Record<string, unknown> & { readonly version: number }) | null;
  readonly instrument?: Record<string, unknown> | null;
  readonly version?: Version | null;
  readonly replaced?: readonly Version[];
  readonly impact?: { readonly transitions: readonly Transition[] } | null;
  readonly errors: readonly Problem[];
}

export function adminMutation(name: AdminMutation): string {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input!`;
  const errors = 'errors { code message field required available }';
  return `mutation ($input: ${type}) { ${name}(input: $input) { ${SELECTIONS[name]} ${errors} } }`;
}

/** One mutation, with a reason and a key of its own where none are given. */
export async function govern(api: Api, name: AdminMutation, input: object): Promise<AdminOutcome> {
  const data = await api.ask<Record<string, AdminOutcome>>(adminMutation(name), {
    input: { reason: 'test', idempotencyKey: randomUUID(), ...input },
  });
  const outcome = data[name];
  if (outcome === undefined) throw new Error(`No answer to ${name}.`);
  return outcome;
}

/** What was refused. */
export function codesOf({ errors }: AdminOutcome): string[] {
  return errors.map(({ code }) => code);
}

export interface Place {
  readonly venue: string;
  readonly chain?: string | null;
  readonly asset: string;
}

/** All versions of a rule, newest first: of a venue's policy, or of an instrument's tiers. */
export async function ruleHistory(api: Api, id: string): Promise<Version[]> {
  const query = `query ($id: ID!) { ruleHistory(id: $id, first: 100) { nodes { ${VERSION} } } }`;
  return (await api.ask<{ ruleHistory: { nodes: Version[] } }>(query, { id })).ruleHistory.nodes;
}

/** All versions of a ratio, newest first. */
export async function ratioHistory(api: Api, place: Place): Promise<Ratio[]> {
  const query = `query ($venue: String!, $chain: String, $asset: String!) {
    collateralRatioHistory(venue: $venue, chain: $chain, asset: $asset, first: 100) { nodes { ${RATIO} } } }`;
  const found = await api.ask<{ collateralRatioHistory: { nodes: Ratio[] } }>(query, place);
  return found.collateralRatioHistory.nodes;
}

export async function newestVersion(api: Api, place: Place): Promise<number> {
  return (await ratioHistory(api, place))[0]?.version ?? 0;
}

/** The versions in force at an instant, as "4 0.1"; null: now. */
export async function ratioInForce(api: Api, place: Place, at: string | null = null): Promise<string[]> {
  const query = `query ($venue: String, $chain: String, $asset: String, $at: DateTime) {
    collateralRatios(venue: $venue, chain: $chain, asset: $asset, at: $at) { version tiers { ratio } } }`;
  const found = await api.ask<{ collateralRatios: Ratio[] }>(query, { ...place, at });
  return found.collateralRatios.map(({ version, tiers }) => `${version} ${tiers.map(({ ratio }) => ratio).join()}`);
}

export interface Entry {
  readonly id: string;
  readonly actor: string;
  readonly action: string;
  readonly done: boolean;
  readonly subject: string | null;
  readonly subjectKey: string;
  readonly before: string | null;
  readonly after: string | null;
  readonly reason: string | null;
  readonly at: string;
}

/** The audit, newest first. */
export async function auditLog(
  api: Api,
  args: { first?: number; after?: string; subject?: string } = {},
): Promise<{
  nodes: Entry[];
  pageInfo: { hasNextPage: boolean; endCursor: string | null };
}> {
  const query = `query ($first: Int, $after: String, $subject: ID) {
    auditLog(first: $first, after: $after, subject: $subject) {
      nodes { id actor action done subject subjectKey before after reason at } pageInfo { hasNextPage endCursor } } }`;
  return (await api.ask<{ auditLog: Awaited<ReturnType<typeof auditLog>> }>(query, { first: 100, ...args })).auditLog;
}

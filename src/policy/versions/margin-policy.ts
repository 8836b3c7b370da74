/**
 * A venue's policy, as a rule that admins change: its parameters, or the interest on debts in one asset. Either change
 * makes a new version of the whole policy, with the values of the last one where the draft names none.
 */
import { ZERO, toPlain } from '../../margin/decimal.js';
import { AT_PAR } from '../../margin/curve.js';
import type { AutoExchangeThreshold, CollateralTier, ExchangeRate, InterestRule } from '../../margin/model.js';
import { refuse } from '../../margin/refusal.js';
import type { Refusal } from './refusal.js';
import {
  POLICY_PARAMETERS,
  contradictionIn,
  parametersBy,
  type ParameterName,
  type PolicyParameters,
} from './policy-parameters.js';
import { insertPolicyVersion, readPolicyVersions } from './policy-store.js';
import { isDearer } from './policy-tables.js';
import { MARGIN_POLICY, type GuardRails, type PolicyVersion } from './policy-version.js';
import { invalid, problemOfAsset, problemOfVenueCode } from './problems.js';
import { outOfHalfOrDouble } from './versioned-rule.js';
import { fromThenOn, inForce, type VersionRecord } from './rule-version.js';
import { exchangeTierProblems, problemOfFallingRates, rateBelowRatio } from './tiers.js';
import type { Breach, KnownRules, VersionedRule } from './versioned-rule.js';

/** Fields that are undefined stay as they are. */
export type PolicyDraft = { readonly [K in ParameterName]?: PolicyParameters[K] | undefined } & {
  readonly venue: string;
  /** All of them; empty: nothing is exchanged. */
  readonly autoExchange?: readonly AutoExchangeThreshold[] | undefined;
  /** All of them; empty: everything is credited in full. */
  readonly exchangeRates?: readonly ExchangeRate[] | undefined;
};

/** The rate and the free threshold of one asset; a rate of 0 ends its interest. */
export interface InterestDraft extends InterestRule {
  readonly venue: string;
}

/** The same maximum as for tiers, which is more than any venue has. */
const MAX_THRESHOLDS = 50;
const MAX_EXCHANGE_RATES = 50;

export const marginPolicy: VersionedRule<PolicyVersion, PolicyDraft> = {
  kind: MARGIN_POLICY,
  table: 'margin_policies',
  lockPrefix: 'policy:',
  notFound: 'RULE_NOT_FOUND',
  guardsLiquidation: true,
  holdsBeforeFirst: true,

  keyOf: ({ venue }) => venue,
  chainOf: () => undefined,
  isKnown: ({ venue }, known) => known.venues.has(venue),

  read: readPolicyVersions,
  insert: insertPolicyVersion,

  about: ({ venue }, known) => ({ subject: subjectOf(venue, known), subjectKey: venue }),
  check: (draft, known) => {
    const problems = POLICY_PARAMETERS.map(({ name, type, code }) => {
      const value = draft[name];
      const problem = value === undefined ? null : type.problem(value);
      return problem === null ? null : refuse(code, problem, [name]);
    });
    problems.push(...problemsOfThresholds(draft.autoExchange ?? [], known));
    problems.push(...problemsOfExchangeRates(draft.exchangeRates ?? [], known));
    return checked(draft.venue, problems, known);
  },
  next: (draft, followed, head, known) => {
    const before = existing(followed, head);
    const asked = parametersBy(({ name }) => draft[name] ?? before[name]);
    const autoExchange = draft.autoExchange === undefined ? before.autoExchange : inOrder(draft.autoExchange);
    const exchangeRates = draft.exchangeRates === undefined ? before.exchangeRates : inOrder(draft.exchangeRates);
    const next: PolicyVersion = { ...before, ...asked, autoExchange, exchangeRates, ...head };
    const refusal =
      contradictionIn(next) ??
      contradictionWithTiers(draft, next, known) ??
      contradictionWithRatios(draft, head, known);
    return refusal === null ? next : { refusal };
  },

  subjectOf: ({ venue }) => `Venue:${venue}`,
  facts: (policy) => {
    const { version, effectiveFrom, liabilities, interest, autoExchange, exchangeRates } = policy;
    const parameters = Object.fromEntries(POLICY_PARAMETERS.map(({ name }) => [name, policy[name]]));
    const required = liabilities.length === 0 ? {} : { liabilities };
    const rates = exchangeRates.length === 0 ? {} : { exchangeRates };
    return { version, effectiveFrom, ...parameters, ...required, interest, autoExchange, ...rates };
  },

  isStricter: (followed, next) =>
    followed !== null &&
    (POLICY_PARAMETERS.some((parameter) => parameter.isStricter(followed[parameter.name], next[parameter.name])) ||
      costsMore(followed.interest, next.interest) ||
      exchangesMore(followed.autoExchange, next.autoExchange) ||
      isDearer(followed.exchangeRates, next.exchangeRates)),
  breaches: (followed, next, rails) =>
    followed === null ? [] : [...steps(followed, next, rails), ...rateSteps(followed.interest, next.interest)],
};

export const interestRate: VersionedRule<PolicyVersion, InterestDraft> = {
  ...marginPolicy,
  about: ({ venue, asset }, known) => ({ subject: subjectOf(venue, known), subjectKey: `${venue}/${asset}` }),
  check: ({ venue, asset, hourlyRate, freeThreshold }, known) => {
    const isPart = hourlyRate.gte(ZERO) && hourlyRate.lte(1);
    const problems = [
      problemOfAsset(known, asset, ['asset']),
      isPart ? null : invalid('Expected a part of 1, from 0 to 1.', ['hourlyRate']),
      freeThreshold.lt(ZERO) ? invalid('Expected a threshold of 0 or more.', ['freeThreshold']) : null,
    ];
    return checked(venue, problems, known);
  },
  next: ({ asset, hourlyRate, freeThreshold }, followed, head) => {
    const before = existing(followed, head);
    const others = before.interest.filter((rule) => rule.asset !== asset);
    const interest = hourlyRate.isZero() ? others : [...others, { asset, hourlyRate, freeThreshold }];
    return { ...before, interest: inOrder(interest), ...head };
  },
  breaches: (followed, next) => (followed === null ? [] : rateSteps(followed.interest, next.interest)),
};

function subjectOf(venue: string, known: KnownRules): string | null {
  return known.venues.has(venue) ? `Venue:${venue}` : null;
}

function checked(
  venue: string,
  problems: readonly (Refusal | null)[],
  known: KnownRules,
): { readonly venue: string; readonly key: string } | { readonly refusals: readonly Refusal[] } {
  const refusals = [...problemOfVenueCode(known, venue), ...problems].filter((problem) => problem !== null);
  return refusals.length > 0 ? { refusals } : { venue, key: venue };
}

function existing(followed: PolicyVersion | null, { venue }: VersionRecord): PolicyVersion {
  if (followed === null) throw new Error(`The venue ${venue} has no policy.`);
  return followed;
}

/** With the maintenance tiers of now, and with those that are scheduled. */
function contradictionWithTiers(
  { maintenanceMethod }: PolicyDraft,
  next: PolicyVersion,
  known: KnownRules,
): Refusal | null {
  for (const symbol of known.instruments.get(next.venue)?.keys() ?? []) {
    for (const { tiers } of fromThenOn(known.maintenanceVersions(next.venue, symbol), next.createdAt)) {
      const problem = problemOfFallingRates(tiers, next);
      if (problem === null) continue;
      const field = maintenanceMethod === undefined ? 'openOrders' : 'maintenanceMethod';
      return refuse('POLICY_INVALID', `${symbol}: ${problem.message}`, [field]);
    }
  }
  return null;
}

/** With the ratios of now on every chain, and with those that are scheduled: an exchange must lower no margin balance. */
function contradictionWithRatios(
  { exchangeRates = [] }: PolicyDraft,
  { venue, createdAt }: VersionRecord,
  known: KnownRules,
): Refusal | null {
  for (const [index, { asset, tiers }] of exchangeRates.entries()) {
    for (const { place, ratios } of ratiosThatCanHold(venue, asset, createdAt, known)) {
      const found = rateBelowRatio(tiers, ratios);
      if (found === null) continue;
      const [tier, least] = [found.rateTier + 1, toPlain(found.ratio)];
      const message =
        `The exchange rate of tier ${tier} of ${asset} must be at least ${least}, a ratio of ${place}, and is ` +
        `${toPlain(found.rate)}: an exchange would lower margin balances.`;
      return refuse('POLICY_INVALID', message, ['exchangeRates', `${index}`, 'tiers', `${found.rateTier}`, 'rate']);
    }
  }
  return null;
}

/** By place: "ASTER/BNB_CHAIN". The unit counts in full where a venue's table leaves it out (rules: 3). */
function ratiosThatCanHold(
  venue: string,
  asset: string,
  at: Date,
  known: KnownRules,
): { readonly place: string; readonly ratios: readonly CollateralTier[] }[] {
  const record = known.venues.get(venue);
  const chains = record === undefined || record.chains.length === 0 ? [null] : record.chains;
  return chains.flatMap((chain) => {
    const versions = known.ratioVersions(venue, chain, asset);
    const isLeftOut = asset === record?.unit && inForce(versions, at) === null;
    const tables = [...fromThenOn(versions, at), ...(isLeftOut ? [AT_PAR] : [])];
    return tables.map(({ tiers }) => ({ place: chain === null ? venue : `${venue}/${chain}`, ratios: tiers }));
  });
}

/** Parameters that move farther than the policy's step. */
function steps(followed: PolicyVersion, next: PolicyVersion, { guardMaxStep }: GuardRails): Breach[] {
  return POLICY_PARAMETERS.flatMap(({ name, stepOf }) => {
    const step = stepOf?.(followed[name], next[name]) ?? ZERO;
    if (step.lte(guardMaxStep)) return [];
    const message = `the step of ${name} is ${toPlain(step)}, and may be ${toPlain(guardMaxStep)}`;
    return [{ message, field: name, required: step, available: guardMaxStep }];
  });
}

/** The first rate of an asset is no step, since no interest was due before. A rate that ends goes to 0. */
function rateSteps(before: readonly InterestRule[], after: readonly InterestRule[]): Breach[] {
  return before.flatMap(({ asset, hourlyRate }) => {
    const next = after.find((rule) => rule.asset === asset)?.hourlyRate ?? ZERO;
    return outOfHalfOrDouble(`the hourly rate of ${asset}`, 'hourlyRate', hourlyRate, next);
  });
}

function costsMore(before: readonly InterestRule[], after: readonly InterestRule[]): boolean {
  return after.some(({ asset, hourlyRate, freeThreshold }) => {
    const old = before.find((rule) => rule.asset === asset);
    return old === undefined || hourlyRate.gt(old.hourlyRate) || freeThreshold.lt(old.freeThreshold);
  });
}

function exchangesMore(before: readonly AutoExchangeThreshold[], after: readonly AutoExchangeThreshold[]): boolean {
  return after.some(({ asset, balance }) => {
    const old = before.find((rule) => rule.asset === asset);
    return old === undefined || balance.gt(old.balance);
  });
}

function problemsOfThresholds(thresholds: readonly AutoExchangeThreshold[], known: KnownRules): (Refusal | null)[] {
  const place = ['autoExchange'];
  if (thresholds.length > MAX_THRESHOLDS) {
    return [invalid(`Expected at most ${MAX_THRESHOLDS} thresholds, got ${thresholds.length}.`, place)];
  }
  return thresholds.flatMap(({ asset, balance }, index) => [
    problemOfAsset(known, asset, [...place, String(index), 'asset']),
    balance.gt(ZERO)
      ? invalid('Expected a balance of 0 or less: a debt is negative.', [...place, String(index), 'balance'])
      : null,
    thresholds.findIndex((other) => other.asset === asset) < index
      ? invalid('Expected one threshold an asset.', [...place, String(index), 'asset'])
      : null,
  ]);
}

function problemsOfExchangeRates(rates: readonly ExchangeRate[], known: KnownRules): (Refusal | null)[] {
  const place = ['exchangeRates'];
  if (rates.length > MAX_EXCHANGE_RATES) {
    return [invalid(`Expected rates of at most ${MAX_EXCHANGE_RATES} assets, got ${rates.length}.`, place)];
  }
  return rates.flatMap(({ asset, tiers }, index) => [
    problemOfAsset(known, asset, [...place, String(index), 'asset']),
    rates.findIndex((other) => other.asset === asset) < index
      ? invalid('Expected one rate an asset, of one tier or more.', [...place, String(index), 'asset'])
      : null,
    ...exchangeTierProblems(tiers).map(({ code, message, tier, field }) => {
      const within = [tier, field].filter((part) => part !== null).map(String);
      return refuse(code, message, [...place, String(index), 'tiers', ...within]);
    }),
  ]);
}

function inOrder<T extends { readonly asset: string }>(rules: readonly T[]): T[] {
  return [...rules].sort((a, b) => (a.asset < b.asset ? -1 : 1));
}

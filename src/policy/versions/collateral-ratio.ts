/** The collateral ratio of an asset on one chain of one venue, as a rule that admins change (rules: 3). */
import { countsAbove } from '../../margin/curve.js';
import { max, toPlain, type Decimal } from '../../margin/decimal.js';
import type { CollateralTable, Policy } from '../../margin/model.js';
import { refuse } from '../../margin/refusal.js';
import { problemsOfDraft, ratioFieldOf, rulesOfDraft, type RatioDraft } from './ratio-draft.js';
import { isCut, ratioBreaches } from './ratio-guard-rails.js';
import { announceRatioVersion, insertRatioVersion, readRatioVersions } from './ratio-store.js';
import type { Refusal } from './refusal.js';
import { COLLATERAL_RATIO, ratioKey, type RatioVersion } from './ratio-version.js';
import { fromThenOn, type VersionRecord } from './rule-version.js';
import { rateBelowRatio } from './tiers.js';
import type { KnownRules, VersionedRule } from './versioned-rule.js';

export const collateralRatio: VersionedRule<RatioVersion, RatioDraft> = {
  kind: COLLATERAL_RATIO,
  table: 'collateral_ratios',
  // The same lock as that of the platform-wide cap, so that a deposit is checked against the cap in force.
  lockPrefix: '',
  notFound: 'RATIO_NOT_FOUND',
  // A cut needs notice, and a raise liquidates no account.
  guardsLiquidation: false,
  holdsBeforeFirst: false,

  keyOf: (version) => version.ratioKey,
  chainOf: (version) => version.chain,
  isKnown: ({ venue, asset }, known) => known.venues.has(venue) && known.assets.has(asset),

  read: readRatioVersions,
  insert: insertRatioVersion,
  announce: announceRatioVersion,

  about: (draft) => ({ subject: null, subjectKey: ratioKey(draft.venue, draft.chain, draft.asset) }),
  check: (draft, known) => {
    const refusals = problemsOfDraft(draft, known);
    const { venue, chain, asset } = draft;
    return refusals.length > 0 ? { refusals } : { venue, key: ratioKey(venue, chain, asset) };
  },
  next: (draft, followed, head, known) => {
    const drafted = rulesOfDraft(draft, followed);
    if ('refusal' in drafted) return drafted;
    const refusal = contradictionWithRates(draft, drafted.rules, head, known);
    if (refusal !== null) return { refusal };
    const { venue, chain, asset } = draft;
    return { ...drafted.rules, ...head, chain, ratioKey: ratioKey(venue, chain, asset) };
  },

  subjectOf: ({ id }) => `${COLLATERAL_RATIO}:${id}`,
  facts: ({ version, effectiveFrom, tierUnit, tiers, initialTiers, userCap, platformCap }) => {
    const initial = initialTiers === null ? {} : { initialTiers };
    return { version, effectiveFrom, tierUnit, tiers, ...initial, userCap, platformCap };
  },

  isStricter: (followed, next, known) => isCut(followed, next, unitOf(next, known)),
  breaches: (followed, next, rails, draft, known) =>
    ratioBreaches(followed, next, rails, draft === null ? null : ratioFieldOf(draft), unitOf(next, known)),
};

/** With the exchange rates of now, and with those that are scheduled: an exchange must lower no margin balance (rules: 11). */
function contradictionWithRates(
  draft: RatioDraft,
  { asset, tiers }: Pick<CollateralTable, 'tiers'> & { readonly asset: string },
  { venue, createdAt }: VersionRecord,
  known: KnownRules,
): Refusal | null {
  // Tiers that are kept were held against the rates when they were made, and the rates against them.
  if (draft.ratio === undefined && draft.tiers === undefined) return null;
  for (const { exchangeRates } of fromThenOn(known.policyVersions(venue), createdAt)) {
    const rates = exchangeRates.find((each) => each.asset === asset);
    const found = rates === undefined ? null : rateBelowRatio(rates.tiers, tiers);
    if (found === null) continue;
    const message =
      `The ratio of tier ${found.ratioTier + 1} must be at most ${toPlain(found.rate)}, the exchange rate of ${asset} by the ` +
      `policy, and is ${toPlain(found.ratio)}: an exchange would lower margin balances.`;
    const field = draft.ratio === undefined ? ['tiers', `${found.ratioTier}`, 'ratio'] : ['ratio'];
    return refuse('RATIO_OUT_OF_RANGE', message, field);
  }
  return null;
}

function unitOf({ venue }: RatioVersion, { venues }: KnownRules): string {
  const record = venues.get(venue);
  if (record === undefined) throw new Error(`There is no venue ${venue}.`);
  return record.unit;
}

/**
 * @param holding those of one venue and chain; of one asset the last counts
 * @param historyOf what held of the same ratio until then, oldest first
 */
export function ratiosOfPolicy(
  holding: readonly RatioVersion[],
  historyOf: (version: RatioVersion) => readonly RatioVersion[],
): Policy['collateralRatios'] {
  return new Map(
    holding.map((version): [string, CollateralTable] => {
      const above = unpricedAbove([...historyOf(version).filter(({ id }) => id !== version.id), version]);
      return [version.asset, { ...version, countsUnpricedAbove: above }];
    }),
  );
}

/**
 * Coins above which a balance counts while it never had a price (rules: 2). A change of a ratio makes none begin to
 * count: a grain of it would hide a liquidation. So a ratio that an admin adds counts from the first price on, and one
 * that is raised counts before it only what it counted.
 */
function unpricedAbove([first, ...later]: readonly RatioVersion[]): Decimal | null {
  let above = first === undefined || first.changedBy !== null ? null : countsAbove(first);
  for (const version of later) {
    const own = countsAbove(version);
    above = above === null || own === null ? null : max(above, own);
  }
  return above;
}

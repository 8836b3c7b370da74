/**
 * Checks of a list of tiers, from a file of reference data or an admin's change. Problems are data, so that each caller
 * words them itself.
 */
import { ONE, ZERO, decimal, toPlain, type Decimal } from '../../margin/decimal.js';
import { collateralCurve, pieceAt } from '../../margin/curve.js';
import type {
  CollateralTable,
  CollateralTier,
  ExchangeTier,
  LiabilityTier,
  MaintenanceTier,
  Policy,
} from '../../margin/model.js';

/** Tiers of one list. It suffices for every published table and bounds the work that one row can cause. */
export const MAX_TIERS = 50;

export interface TierProblem {
  /** Index in the list; null: the list as a whole. */
  readonly tier: number | null;
  readonly field: 'floor' | 'cap' | 'ratio' | 'rate' | 'initialRate' | 'maintenanceRate' | 'maxLeverage' | null;
  readonly code: 'TIERS_INVALID' | 'RATIO_OUT_OF_RANGE';
  /** A sentence for people. */
  readonly message: string;
}

export type MaintenanceTierDraft = Omit<MaintenanceTier, 'tier' | 'maintenanceAmount'>;

/** Contiguous from 0, ratios from 0 to 1; a last cap means that nothing above it counts (rules: 3). */
export function collateralTierProblems(tiers: readonly CollateralTier[]): TierProblem[] {
  const problems = ladderProblems(tiers);
  tiers.forEach(({ ratio }, tier) => {
    if (ratio.gte(ZERO) && ratio.lte(ONE)) return;
    const message = `The ratio of tier ${tier + 1} must be from 0 to 1, and is ${toPlain(ratio)}.`;
    problems.push({ tier, field: 'ratio', code: 'RATIO_OUT_OF_RANGE', message });
  });
  return problems;
}

/** Why initial tiers count more than the tiers somewhere (rules: 3); null: nowhere. Compared where pieces begin. */
export function problemOfInitialTiers(
  table: Pick<CollateralTable, 'tiers' | 'initialTiers'>,
): { readonly code: 'TIERS_INVALID'; readonly message: string } | null {
  if (table.initialTiers == null) return null;
  const tiers = collateralCurve(table).segments;
  const initial = collateralCurve({ tiers: table.initialTiers }).segments;
  for (const { floor } of [...tiers, ...initial]) {
    const [most, asked] = [pieceAt(tiers, floor).slope, pieceAt(initial, floor).slope];
    if (asked.lte(most)) continue;
    const message = `From ${toPlain(floor)} on the initial tiers count ${toPlain(asked)}, and may count ${toPlain(most)} as the tiers do.`;
    return { code: 'TIERS_INVALID', message };
  }
  return null;
}

/** Contiguous from 0, rates above 0, at least 1x of leverage; above a last cap the last tier goes on (rules: 4). */
export function maintenanceTierProblems(tiers: readonly MaintenanceTierDraft[]): TierProblem[] {
  const problems = ladderProblems(tiers);
  tiers.forEach(({ maintenanceRate, maxLeverage }, tier) => {
    if (maintenanceRate.lte(ZERO)) {
      const message = `must be above 0, and is ${toPlain(maintenanceRate)}.`;
      problems.push(invalid(tier, 'maintenanceRate', `The maintenance rate of tier ${tier + 1} ${message}`));
    }
    if (maxLeverage.lt(ONE)) {
      const message = `must be at least 1, and is ${toPlain(maxLeverage)}.`;
      problems.push(invalid(tier, 'maxLeverage', `The maximum leverage of tier ${tier + 1} ${message}`));
    }
  });
  return problems;
}

/**
 * Where orders would lower a maintenance margin (rules: 20): a FLAT one falls with its rate at a floor, and orders count as
 * if they were filled beyond it. Null: nowhere, or they do not count.
 */
export function problemOfFallingRates(
  tiers: readonly Pick<MaintenanceTier, 'maintenanceRate'>[],
  { maintenanceMethod, openOrders }: Pick<Policy, 'maintenanceMethod' | 'openOrders'>,
): { readonly tier: number; readonly message: string } | null {
  if (maintenanceMethod !== 'FLAT' || openOrders.maintenance !== 'WORST_SIDE') return null;
  for (const [tier, { maintenanceRate }] of tiers.entries()) {
    const before = tiers[tier - 1]?.maintenanceRate ?? ZERO;
    if (maintenanceRate.gte(before)) continue;
    const message =
      `The maintenance rate of tier ${tier + 1} must be at least ${toPlain(before)}, that of tier ${tier}, and is ${toPlain(maintenanceRate)}: ` +
      'where the method is FLAT and open orders count for maintenance margin, orders would lower it.';
    return { tier, message };
  }
  return null;
}

/** Contiguous from 0, rates of 0 or more; above a last cap the last tier goes on (rules: 18). */
export function liabilityTierProblems(tiers: readonly LiabilityTier[]): TierProblem[] {
  const problems = ladderProblems(tiers);
  tiers.forEach((rates, tier) => {
    for (const field of ['initialRate', 'maintenanceRate'] as const) {
      if (rates[field].gte(ZERO)) continue;
      const message = `The ${field} of tier ${tier + 1} must be 0 or more, and is ${toPlain(rates[field])}.`;
      problems.push(invalid(tier, field, message));
    }
  });
  return problems;
}

/** Contiguous from 0, rates above 0 and at most 1; above a last cap the last tier goes on (rules: 11). */
export function exchangeTierProblems(tiers: readonly ExchangeTier[]): TierProblem[] {
  const problems = ladderProblems(tiers);
  tiers.forEach(({ rate }, tier) => {
    if (rate.gt(ZERO) && rate.lte(ONE)) return;
    const message = `The rate of tier ${tier + 1} must be above 0 and at most 1, and is ${toPlain(rate)}.`;
    problems.push({ tier, field: 'rate', code: 'RATIO_OUT_OF_RANGE', message });
  });
  return problems;
}

/** A tier of a rate and one of a ratio, by their indexes, where an exchange could lower a margin balance. */
export interface RateBelowRatio {
  readonly rateTier: number;
  readonly rate: Decimal;
  readonly ratioTier: number;
  readonly ratio: Decimal;
}

/** The lowest rate of an asset and its highest ratio, if that is above it (rules: 11); null: it is not. */
export function rateBelowRatio(
  rates: readonly ExchangeTier[],
  ratios: readonly CollateralTier[],
): RateBelowRatio | null {
  let found: RateBelowRatio | null = null;
  for (const [rateTier, { rate }] of rates.entries()) {
    for (const [ratioTier, { ratio }] of ratios.entries()) {
      if (rate.gte(ratio) || (found !== null && rate.gte(found.rate) && ratio.lte(found.ratio))) continue;
      found = { rateTier, rate, ratioTier, ratio };
    }
  }
  return found;
}

interface Rung {
  readonly floor: Decimal;
  readonly cap: Decimal | null;
}

function ladderProblems(tiers: readonly Rung[]): TierProblem[] {
  if (tiers.length === 0 || tiers.length > MAX_TIERS) {
    return [invalid(null, null, `There must be from 1 to ${MAX_TIERS} tiers, and there are ${tiers.length}.`)];
  }
  const problems: TierProblem[] = [];
  let floor: Decimal | null = decimal(0);
  tiers.forEach((rung, tier) => {
    if (floor === null) {
      const message = `Tier ${tier} has no cap, so that no tier may follow it.`;
      problems.push(invalid(tier - 1, 'cap', message));
    } else if (!rung.floor.eq(floor)) {
      const where = tier === 0 ? '' : `, where tier ${tier} ends`;
      const message = `The floor of tier ${tier + 1} must be ${toPlain(floor)}${where}, and is ${toPlain(rung.floor)}.`;
      problems.push(invalid(tier, 'floor', message));
    }
    if (rung.cap !== null && rung.cap.lte(rung.floor)) {
      const message = `The cap of tier ${tier + 1} must be above its floor ${toPlain(rung.floor)}, and is ${toPlain(rung.cap)}.`;
      problems.push(invalid(tier, 'cap', message));
    }
    floor = rung.cap;
  });
  return problems;
}

function invalid(tier: number | null, field: TierProblem['field'], message: string): TierProblem {
  return { tier, field, code: 'TIERS_INVALID', message };
}

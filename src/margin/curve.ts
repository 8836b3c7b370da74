/**
 * The two curves of the rules as straight segments: what an amount counts as collateral (rules: 3), and what a notional
 * requires as maintenance margin (rules: 4). State, solvers, columns and guard rails all read tiers through here.
 */
import { ONE, ZERO, min, type Decimal } from './decimal.js';
import type {
  CollateralTable,
  CollateralTier,
  ExchangeTier,
  MaintenanceMethod,
  MaintenanceTier,
  Policy,
  TierUnit,
} from './model.js';

/** A straight piece: y = slope x amount + intercept for floor <= amount < cap. Exact. */
export interface Segment {
  readonly floor: Decimal;
  /** Null: without end; only the last segment is. */
  readonly cap: Decimal | null;
  readonly slope: Decimal;
  readonly intercept: Decimal;
}

/** A collateral ratio of one asset: counted value (tiers in the unit) or counted coins (tiers in coins) by the amount held. */
export interface CollateralCurve {
  /** Contiguous from 0, without jumps; slopes are ratios from 0 to 1. Never empty. */
  readonly segments: readonly Segment[];
  /** Nothing above this amount counts; null: all does. */
  readonly end: Decimal | null;
}

/** Maintenance margin by the notional, both in the quote asset; the slope contains the liquidation fee rate. */
export interface MaintenanceSegment extends Segment {
  /** The most leverage that the tier allows. */
  readonly maxLeverage: Decimal;
}

/** The parts of a policy that shape the maintenance curve. */
export type MaintenanceTerms = Pick<Policy, 'maintenanceMethod' | 'liquidationFeeRate'>;

/** The curve of an asset without a table: nothing counts. */
export const COUNTS_NOTHING: CollateralCurve = {
  segments: [{ floor: ZERO, cap: null, slope: ZERO, intercept: ZERO }],
  end: null,
};

/** A ratio that is the same for every amount, from 0 to 1. */
export function flatRatio(ratio: Decimal): readonly CollateralTier[] {
  return [{ floor: ZERO, cap: null, ratio }];
}

/** Where a venue leaves its unit out of its table, it counts in full (rules: 3). */
export const AT_PAR: CollateralTable = { id: '', tierUnit: 'QUOTE_VALUE', tiers: flatRatio(ONE), userCap: null };

/**
 * The piece with floor <= amount < cap; above the last cap the last piece goes on.
 *
 * @param pieces in order and contiguous from 0: segments, or tiers of a table
 * @throws RangeError when there is no piece
 */
export function pieceAt<T extends { readonly cap: Decimal | null }>(pieces: readonly T[], amount: Decimal): T {
  for (const piece of pieces) if (piece.cap === null || amount.lt(piece.cap)) return piece;
  const last = pieces.at(-1);
  if (last === undefined) throw new RangeError('A table without tiers has no tier for any amount.');
  return last;
}

/** slope x amount + intercept, exact; the amount lies in the segment. */
export function valueAt({ slope, intercept }: Pick<Segment, 'slope' | 'intercept'>, amount: Decimal): Decimal {
  return slope.times(amount).plus(intercept);
}

// --- Collateral (rules: 3) ---

const collateralCurves = new WeakMap<readonly CollateralTier[], CollateralCurve>();

/** The curve of the tiers, remembered by their array; caps of an account are `countedAmount`'s. */
export function collateralCurve({ tiers }: Pick<CollateralTable, 'tiers'>): CollateralCurve {
  const known = collateralCurves.get(tiers);
  if (known !== undefined) return known;
  const end = tiers.at(-1)?.cap ?? null;
  const pieces = tiers.map(({ floor, cap, ratio }) => ({ floor, cap, slope: ratio }));
  if (end !== null) pieces.push({ floor: end, cap: null, slope: ZERO });
  const curve = pieces.length === 0 ? COUNTS_NOTHING : { segments: withoutJumps(pieces), end };
  collateralCurves.set(tiers, curve);
  return curve;
}

/** The table by which an asset counts when something is to be opened or taken out (rules: 3). */
export function initialTable(table: CollateralTable): CollateralTable {
  return table.initialTiers == null ? table : { ...table, tiers: table.initialTiers };
}

/** What one unit of a table's amounts is worth in the venue's unit: a coin its price, else 1. */
export function unitValue(price: Decimal, { tierUnit }: Pick<CollateralTable, 'tierUnit'>): Decimal {
  return tierUnit === 'QUANTITY' ? price : ONE;
}

/**
 * The amount that goes through the tiers, exact: coins within `userCap`, or their value in the unit.
 *
 * @param quantity in coins, not negative
 * @param price in the venue's unit
 */
export function countedAmount(quantity: Decimal, price: Decimal, { tierUnit, userCap }: CollateralTable): Decimal {
  const counted = userCap === null ? quantity : min(quantity, userCap);
  return tierUnit === 'QUANTITY' ? counted : counted.times(price);
}

/**
 * Coins above which a balance counts for more than 0 at some price (rules: 2); null: none does, at any price. Tiers in
 * value are reached by any quantity, if the price is high enough.
 */
export function countsAbove({ tierUnit, tiers, userCap }: Omit<CollateralTable, 'id'>): Decimal | null {
  const first = tiers.find(({ ratio }) => ratio.gt(ZERO));
  if (first === undefined) return null;
  const from = tierUnit === 'QUANTITY' ? first.floor : ZERO;
  return userCap === null || userCap.gt(from) ? from : null;
}

// --- What an exchange credits (rules: 11) ---

/** Value credited by the value sold, both in the venue's unit, without jumps; slopes are rates above 0, at most 1. */
export function creditCurve(tiers: readonly ExchangeTier[]): readonly Segment[] {
  return withoutJumps(tiers.map(({ floor, cap, rate }) => ({ floor, cap, slope: rate })));
}

// --- Maintenance margin (rules: 4) ---

interface RememberedMaintenance extends MaintenanceTerms {
  readonly segments: readonly MaintenanceSegment[];
}

const maintenanceCurves = new WeakMap<readonly MaintenanceTier[], RememberedMaintenance>();

/**
 * The curve of the tiers under a policy. PROGRESSIVE: notional x (rate + fee) - amount. FLAT: notional x (rate + fee),
 * which jumps at floors. Remembered by the tiers' array, under the terms that were asked for last.
 */
export function maintenanceCurve(
  tiers: readonly MaintenanceTier[],
  { maintenanceMethod, liquidationFeeRate }: MaintenanceTerms,
): readonly MaintenanceSegment[] {
  const known = maintenanceCurves.get(tiers);
  if (known?.maintenanceMethod === maintenanceMethod && known.liquidationFeeRate === liquidationFeeRate) {
    return known.segments;
  }
  const segments = tiers.map(({ floor, cap, maintenanceRate, maintenanceAmount, maxLeverage }) => ({
    floor,
    cap,
    slope: maintenanceRate.plus(liquidationFeeRate),
    intercept: maintenanceMethod === 'PROGRESSIVE' ? ZERO.minus(maintenanceAmount) : ZERO,
    maxLeverage,
  }));
  maintenanceCurves.set(tiers, { maintenanceMethod, liquidationFeeRate, segments });
  return segments;
}

/**
 * The amounts that a table deducts, in the quote asset, exact. PROGRESSIVE: amount[n] = amount[n-1] + floor[n] x (rate[n] -
 * rate[n-1]), the first is 0, so that the curve has no jump. FLAT: 0.
 */
export function maintenanceAmounts(
  method: MaintenanceMethod,
  tiers: readonly Pick<MaintenanceTier, 'floor' | 'cap' | 'maintenanceRate'>[],
): Decimal[] {
  if (method === 'FLAT') return tiers.map(() => ZERO);
  const pieces = tiers.map(({ floor, cap, maintenanceRate }) => ({ floor, cap, slope: maintenanceRate }));
  return withoutJumps(pieces).map(({ intercept }) => ZERO.minus(intercept));
}

/** Intercepts with which pieces meet at their floors; the first is 0. */
function withoutJumps(pieces: readonly Omit<Segment, 'intercept'>[]): Segment[] {
  let intercept = ZERO;
  let before: Decimal | null = null;
  return pieces.map((piece) => {
    if (before !== null) intercept = intercept.minus(piece.floor.times(piece.slope.minus(before)));
    before = piece.slope;
    return { ...piece, intercept };
  });
}

// --- What debts require (rules: 18) ---

/** Margin required by the amount owed, without jumps. Amounts and margins are in value, or both in coins. */
export interface LiabilityCurve {
  readonly tierUnit: TierUnit;
  readonly initial: readonly Segment[];
  readonly maintenance: readonly Segment[];
}

const liabilityCurves = new WeakMap<Policy['liabilities'], Map<string, LiabilityCurve | null>>();
const flatLiabilities = new WeakMap<Decimal, LiabilityCurve>();

/** By which curve a debt in the asset is required; null: nothing is required for it. Remembered by the policy's tables. */
export function liabilityCurve(
  asset: string,
  { liabilities, debtMarginRate }: Pick<Policy, 'liabilities' | 'debtMarginRate'>,
): LiabilityCurve | null {
  if (liabilities.length === 0) return debtMarginRate.isZero() ? null : flatLiability(debtMarginRate);
  let known = liabilityCurves.get(liabilities);
  if (known === undefined) liabilityCurves.set(liabilities, (known = new Map<string, LiabilityCurve | null>()));
  let curve = known.get(asset);
  if (curve === undefined) known.set(asset, (curve = curveOf(asset, liabilities)));
  return curve;
}

/** What part of any debt in the asset is required as maintenance margin; null: the part depends on the amount. */
export function flatLiabilityRate(
  asset: string,
  policy: Pick<Policy, 'liabilities' | 'debtMarginRate'>,
): Decimal | null {
  const curve = liabilityCurve(asset, policy);
  if (curve === null) return ZERO;
  const [first, next] = curve.maintenance;
  return first === undefined || next !== undefined ? null : first.slope;
}

function curveOf(asset: string, tables: Policy['liabilities']): LiabilityCurve | null {
  const table = tables.find((each) => each.asset === asset) ?? tables.find((each) => each.asset === null);
  if (table === undefined) return null;
  const along = (rate: 'initialRate' | 'maintenanceRate'): Segment[] =>
    withoutJumps(table.tiers.map((tier) => ({ floor: tier.floor, cap: tier.cap, slope: tier[rate] })));
  return { tierUnit: table.tierUnit, initial: along('initialRate'), maintenance: along('maintenanceRate') };
}

function flatLiability(rate: Decimal): LiabilityCurve {
  let curve = flatLiabilities.get(rate);
  if (curve === undefined) {
    const segments = [{ floor: ZERO, cap: null, slope: rate, intercept: ZERO }];
    curve = { tierUnit: 'QUOTE_VALUE', initial: segments, maintenance: segments };
    flatLiabilities.set(rate, curve);
  }
  return curve;
}

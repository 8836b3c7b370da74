/**
 * Tables of a policy that are lists in JSON: what debts require (rules: 18), and what an exchange credits (rules: 11). How
 * they are stored, and what is wrong with them.
 */
import { pieceAt } from '../../margin/curve.js';
import { ONE, decimal, toPlain, type Decimal } from '../../margin/decimal.js';
import type { Fraction } from '../../margin/fraction.js';
import type { ExchangeRate, ExchangeTier, LiabilityTable, LiabilityTier, TierUnit } from '../../margin/model.js';
import type { Prisma } from '../../platform/prisma/client.js';

/**
 * Why a debt could be accepted and be liquidated at once; null: none could. A tier's maintenance rate is at most its
 * initial rate x the liquidation ratio.
 */
export function problemOfLiabilities(tables: readonly LiabilityTable[], liquidationRatio: Fraction): string | null {
  for (const { asset, tiers } of tables) {
    const index = tiers.findIndex((tier) => liquidationRatio.sideOf(tier.maintenanceRate, tier.initialRate) > 0);
    const tier = tiers[index];
    if (tier === undefined) continue;
    const of = `tier ${index + 1} of what debts in ${asset ?? 'other assets'} require`;
    const rates = `${toPlain(tier.maintenanceRate)} and ${toPlain(tier.initialRate)}`;
    return `Expected a maintenance rate of at most the initial rate x the liquidation ratio in ${of}, got ${rates}.`;
  }
  return null;
}

/** A list in JSON, of decimals in plain notation. */
export function tablesRow(tables: readonly LiabilityTable[] | readonly ExchangeRate[]): Prisma.InputJsonValue {
  // A decimal is its plain notation in JSON; an asset's symbol holds nothing that jsonb refuses.
  return JSON.parse(JSON.stringify(tables)) as Prisma.InputJsonValue;
}

type Stored<T> = { readonly [K in keyof T]: string | null };

interface StoredTable {
  readonly asset: string | null;
  readonly tierUnit: TierUnit;
  readonly tiers: readonly Stored<LiabilityTier>[];
}

interface StoredRate {
  readonly asset: string;
  readonly tiers: readonly Stored<ExchangeTier>[];
}

export function liabilitiesOfRow(stored: unknown): readonly LiabilityTable[] {
  return (stored as readonly StoredTable[]).map(({ asset, tierUnit, tiers }) => ({
    asset,
    tierUnit,
    tiers: tiers.map(({ floor, cap, initialRate, maintenanceRate }) => ({
      ...{ floor: read(floor), cap: cap === null ? null : decimal(cap) },
      ...{ initialRate: read(initialRate), maintenanceRate: read(maintenanceRate) },
    })),
  }));
}

export function exchangeRatesOfRow(stored: unknown): readonly ExchangeRate[] {
  return (stored as readonly StoredRate[]).map(({ asset, tiers }) => ({
    asset,
    tiers: tiers.map(({ floor, cap, rate }) => ({
      ...{ floor: read(floor), cap: cap === null ? null : decimal(cap), rate: read(rate) },
    })),
  }));
}

function read(text: string | null): Decimal {
  return decimal(text ?? '0');
}

/** Whether an exchange costs more than before, of any asset at any value sold. */
export function isDearer(before: readonly ExchangeRate[], after: readonly ExchangeRate[]): boolean {
  return after.some(({ asset, tiers }) => {
    const former = before.find((each) => each.asset === asset)?.tiers ?? [];
    const rateAt = (of: readonly ExchangeTier[], floor: Decimal): Decimal =>
      of.length === 0 ? ONE : pieceAt(of, floor).rate;
    return [...former, ...tiers].some(({ floor }) => rateAt(tiers, floor).lt(rateAt(former, floor)));
  });
}

/** What debts require by tables (rules: 18): how they are stored, and what is wrong with them. */
import { decimal, toPlain, type Decimal } from '../../margin/decimal.js';
import type { Fraction } from '../../margin/fraction.js';
import type { LiabilityTable, LiabilityTier, TierUnit } from '../../margin/model.js';
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
export function liabilitiesRow(tables: readonly LiabilityTable[]): Prisma.InputJsonValue {
  // A decimal is its plain notation in JSON; an asset's symbol holds nothing that jsonb refuses.
  return JSON.parse(JSON.stringify(tables)) as Prisma.InputJsonValue;
}

interface StoredTable {
  readonly asset: string | null;
  readonly tierUnit: TierUnit;
  readonly tiers: readonly { readonly [K in keyof LiabilityTier]: string | null }[];
}

export function liabilitiesOfRow(stored: unknown): readonly LiabilityTable[] {
  const read = (text: string | null): Decimal => decimal(text ?? '0');
  return (stored as readonly StoredTable[]).map(({ asset, tierUnit, tiers }) => ({
    asset,
    tierUnit,
    tiers: tiers.map(({ floor, cap, initialRate, maintenanceRate }) => ({
      ...{ floor: read(floor), cap: cap === null ? null : decimal(cap) },
      ...{ initialRate: read(initialRate), maintenanceRate: read(maintenanceRate) },
    })),
  }));
}

/** The versions of collateral ratios in the database. */
import { decimal, toPlain } from '../../margin/decimal.js';
import type { CollateralTier } from '../../margin/model.js';
import type { Database, Transaction } from '../../platform/database/database.js';
import { addToOutbox } from '../../platform/outbox.js';
import { storedJson } from '../../platform/stored-json.js';
import { COLLATERAL_RATIO, type RatioVersion } from './ratio-version.js';
import { headOf, headRow } from './version-rows.js';
import type { VersionFilter } from './versioned-rule.js';

/** By ratio, oldest version first: all, those of one ratio, or those with these ids. */
export async function readRatioVersions(
  db: Database | Transaction,
  where: VersionFilter = {},
): Promise<RatioVersion[]> {
  const rows = await db.collateralRatio.findMany({
    where: {
      ...(where.key === undefined ? {} : { ratioKey: where.key }),
      ...(where.ids === undefined ? {} : { id: { in: [...where.ids] } }),
    },
    include: { tiers: { orderBy: { floor: 'asc' } } },
    orderBy: [{ ratioKey: 'asc' }, { version: 'asc' }],
  });
  return rows.map((row) => ({
    ...headOf(COLLATERAL_RATIO, row),
    ratioKey: row.ratioKey,
    chain: row.chainCode,
    asset: row.assetSymbol,
    tierUnit: row.tierUnit,
    tiers: row.tiers.map((tier) => ({
      floor: decimal(tier.floor.toFixed()),
      cap: tier.cap === null ? null : decimal(tier.cap.toFixed()),
      ratio: decimal(tier.ratio.toFixed()),
    })),
    initialTiers: row.initialTiers === null ? null : (row.initialTiers as unknown as StoredTier[]).map(tierOf),
    userCap: row.userCap === null ? null : decimal(row.userCap.toFixed()),
    platformCap: row.platformCap === null ? null : decimal(row.platformCap.toFixed()),
  }));
}

/** A tier in JSON. */
interface StoredTier {
  readonly floor: string;
  readonly cap: string | null;
  readonly ratio: string;
}

function tierOf({ floor, cap, ratio }: StoredTier): CollateralTier {
  return { floor: decimal(floor), cap: cap === null ? null : decimal(cap), ratio: decimal(ratio) };
}

/** Initial tiers in the database: a list in JSON, of decimals in plain notation. */
export function initialTiersRow(tiers: readonly CollateralTier[] | null): ReturnType<typeof storedJson> {
  // A decimal is its plain notation in JSON.
  return storedJson(tiers);
}

/** Records for the leader the accounts to alert of a scheduled version. */
export async function announceRatioVersion(
  tx: Transaction,
  { id, effectiveFrom }: RatioVersion,
  accountIds: readonly string[],
  now: Date,
): Promise<void> {
  const announced = { kind: 'RATIO_SCHEDULED', ratioId: id, effectiveAt: effectiveFrom } as const;
  const items = [...accountIds].sort().map((accountId) => ({ accountId, ...announced }));
  await addToOutbox(tx, items, now);
}

export async function insertRatioVersion(tx: Transaction, version: RatioVersion): Promise<void> {
  await tx.collateralRatio.create({
    data: {
      ...headRow(version),
      ratioKey: version.ratioKey,
      chainCode: version.chain,
      assetSymbol: version.asset,
      tierUnit: version.tierUnit,
      initialTiers: initialTiersRow(version.initialTiers),
      userCap: version.userCap === null ? null : toPlain(version.userCap),
      platformCap: version.platformCap === null ? null : toPlain(version.platformCap),
      tiers: {
        create: version.tiers.map((tier) => ({
          floor: toPlain(tier.floor),
          cap: tier.cap === null ? null : toPlain(tier.cap),
          ratio: toPlain(tier.ratio),
        })),
      },
    },
  });
}

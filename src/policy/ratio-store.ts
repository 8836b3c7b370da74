import { decimal, toPlain } from '../margin/decimal.js';
import type { Database, Transaction } from '../platform/database.js';
import type { RatioVersion } from './ratio-version.js';

/** Every version, oldest first. */
export async function readRatioVersions(db: Database | Transaction, key?: string): Promise<RatioVersion[]> {
  const rows = await db.collateralRatio.findMany({
    ...(key === undefined ? {} : { where: { ratioKey: key } }),
    include: { tiers: { orderBy: { floor: 'asc' } } },
    orderBy: [{ ratioKey: 'asc' }, { version: 'asc' }],
  });
  return rows.map((row) => ({
    id: row.id,
    ratioKey: row.ratioKey,
    version: row.version,
    venue: row.venueCode,
    chain: row.chainCode,
    asset: row.assetSymbol,
    tierUnit: row.tierUnit,
    tiers: row.tiers.map((tier) => ({
      floor: decimal(tier.floor.toFixed()),
      cap: tier.cap === null ? null : decimal(tier.cap.toFixed()),
      ratio: decimal(tier.ratio.toFixed()),
    })),
    userCap: row.userCap === null ? null : decimal(row.userCap.toFixed()),
    platformCap: row.platformCap === null ? null : decimal(row.platformCap.toFixed()),
    effectiveFrom: row.effectiveFrom,
    cancelledAt: row.cancelledAt,
    reason: row.reason,
    source: row.source,
    changedBy: row.changedBy,
    createdAt: row.createdAt,
  }));
}

export async function insertRatioVersion(tx: Transaction, version: RatioVersion): Promise<void> {
  await tx.collateralRatio.create({
    data: {
      id: version.id,
      ratioKey: version.ratioKey,
      version: version.version,
      venueCode: version.venue,
      chainCode: version.chain,
      assetSymbol: version.asset,
      tierUnit: version.tierUnit,
      userCap: version.userCap === null ? null : toPlain(version.userCap),
      platformCap: version.platformCap === null ? null : toPlain(version.platformCap),
      effectiveFrom: version.effectiveFrom,
      reason: version.reason,
      source: version.source,
      changedBy: version.changedBy,
      createdAt: version.createdAt,
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

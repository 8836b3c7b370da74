/** The versions of policies and of maintenance tiers in the database. */
import { decimal, toPlain } from '../../margin/decimal.js';
import type { Database, Transaction } from '../../platform/database.js';
import type { MaintenanceVersion, PolicyVersion } from './policy-version.js';

/** Of one venue, or of all: oldest first. */
export async function readPolicyVersions(db: Database | Transaction, venue?: string): Promise<PolicyVersion[]> {
  const byAsset = { orderBy: { assetSymbol: 'asc' } } as const;
  const rows = await db.marginPolicy.findMany({
    ...(venue === undefined ? {} : { where: { venueCode: venue } }),
    include: { interest: byAsset, autoExchange: byAsset },
    orderBy: [{ venueCode: 'asc' }, { version: 'asc' }],
  });
  return rows.map(({ venueCode, ...row }) => ({
    ...row,
    venue: venueCode,
    liquidationFeeRate: decimal(row.liquidationFeeRate.toFixed()),
    warningRatio: decimal(row.warningRatio.toFixed()),
    marginCallRatio: decimal(row.marginCallRatio.toFixed()),
    debtMarginRate: decimal(row.debtMarginRate.toFixed()),
    guardMaxStep: decimal(row.guardMaxStep.toFixed()),
    interest: row.interest.map((rule) => ({
      asset: rule.assetSymbol,
      hourlyRate: decimal(rule.hourlyRate.toFixed()),
      freeThreshold: decimal(rule.freeThreshold.toFixed()),
    })),
    autoExchange: row.autoExchange.map((rule) => ({
      asset: rule.assetSymbol,
      balance: decimal(rule.balance.toFixed()),
    })),
  }));
}

export async function insertPolicyVersion(tx: Transaction, version: PolicyVersion): Promise<void> {
  const { venue, interest, autoExchange, ...row } = version;
  await tx.marginPolicy.create({
    data: {
      ...row,
      venueCode: venue,
      liquidationFeeRate: toPlain(version.liquidationFeeRate),
      warningRatio: toPlain(version.warningRatio),
      marginCallRatio: toPlain(version.marginCallRatio),
      debtMarginRate: toPlain(version.debtMarginRate),
      guardMaxStep: toPlain(version.guardMaxStep),
      interest: {
        create: interest.map(({ asset, hourlyRate, freeThreshold }) => ({
          ...{ assetSymbol: asset, hourlyRate: toPlain(hourlyRate), freeThreshold: toPlain(freeThreshold) },
        })),
      },
      autoExchange: {
        create: autoExchange.map(({ asset, balance }) => ({ assetSymbol: asset, balance: toPlain(balance) })),
      },
    },
  });
}

/** Of one instrument, or of all: oldest first. */
export async function readMaintenanceVersions(
  db: Database | Transaction,
  only?: { readonly venue: string; readonly symbol: string },
): Promise<MaintenanceVersion[]> {
  const rows = await db.maintenanceSchedule.findMany({
    ...(only === undefined ? {} : { where: { venueCode: only.venue, instrument: only.symbol } }),
    include: { tiers: { orderBy: { tier: 'asc' } } },
    orderBy: [{ venueCode: 'asc' }, { instrument: 'asc' }, { version: 'asc' }],
  });
  return rows.map(({ venueCode, ...row }) => ({
    ...row,
    venue: venueCode,
    tiers: row.tiers.map((tier) => ({
      tier: tier.tier,
      floor: decimal(tier.floor.toFixed()),
      cap: tier.cap === null ? null : decimal(tier.cap.toFixed()),
      maintenanceRate: decimal(tier.maintenanceRate.toFixed()),
      maintenanceAmount: decimal(tier.maintenanceAmount.toFixed()),
      maxLeverage: decimal(tier.maxLeverage.toFixed()),
    })),
  }));
}

export async function insertMaintenanceVersion(tx: Transaction, version: MaintenanceVersion): Promise<void> {
  const { venue, tiers, ...row } = version;
  await tx.maintenanceSchedule.create({
    data: {
      ...row,
      venueCode: venue,
      tiers: {
        create: tiers.map((tier) => ({
          tier: tier.tier,
          floor: toPlain(tier.floor),
          cap: tier.cap === null ? null : toPlain(tier.cap),
          maintenanceRate: toPlain(tier.maintenanceRate),
          maintenanceAmount: toPlain(tier.maintenanceAmount),
          maxLeverage: toPlain(tier.maxLeverage),
        })),
      },
    },
  });
}

/** The versions of policies and of maintenance tiers in the database. */
import { decimal, toPlain } from '../../margin/decimal.js';
import type { Database, Transaction } from '../../platform/database/database.js';
import { parameterRow, parametersBy } from './policy-parameters.js';
import { exchangeRatesOfRow, liabilitiesOfRow, tablesRow } from './policy-tables.js';
import { MAINTENANCE_TIERS, MARGIN_POLICY, type MaintenanceVersion, type PolicyVersion } from './policy-version.js';
import { headOf, headRow } from './version-rows.js';
import type { VersionFilter } from './versioned-rule.js';

/** Oldest first: all, those of one venue, or those with these ids. */
export async function readPolicyVersions(
  db: Database | Transaction,
  where: VersionFilter = {},
): Promise<PolicyVersion[]> {
  const byAsset = { orderBy: { assetSymbol: 'asc' } } as const;
  const rows = await db.marginPolicy.findMany({
    where: {
      ...(where.key === undefined ? {} : { venueCode: where.key }),
      ...(where.ids === undefined ? {} : { id: { in: [...where.ids] } }),
    },
    include: { interest: byAsset, autoExchange: byAsset },
    orderBy: [{ venueCode: 'asc' }, { version: 'asc' }],
  });
  return rows.map((row) => ({
    ...headOf(MARGIN_POLICY, row),
    ...parametersBy(({ name, type }) => type.fromRow(row[name])),
    guardMaxStep: decimal(row.guardMaxStep.toFixed()),
    guardMinNoticeHours: row.guardMinNoticeHours,
    liabilities: liabilitiesOfRow(row.liabilities),
    interest: row.interest.map((rule) => ({
      asset: rule.assetSymbol,
      hourlyRate: decimal(rule.hourlyRate.toFixed()),
      freeThreshold: decimal(rule.freeThreshold.toFixed()),
    })),
    autoExchange: row.autoExchange.map((rule) => ({
      asset: rule.assetSymbol,
      balance: decimal(rule.balance.toFixed()),
    })),
    exchangeRates: exchangeRatesOfRow(row.exchangeRates),
  }));
}

export async function insertPolicyVersion(tx: Transaction, version: PolicyVersion): Promise<void> {
  const { interest, autoExchange } = version;
  await tx.marginPolicy.create({
    data: {
      ...headRow(version),
      ...parameterRow(version),
      guardMaxStep: toPlain(version.guardMaxStep),
      guardMinNoticeHours: version.guardMinNoticeHours,
      liabilities: tablesRow(version.liabilities),
      exchangeRates: tablesRow(version.exchangeRates),
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

/** By instrument, oldest first: all, those of one instrument, or those with these ids. */
export async function readMaintenanceVersions(
  db: Database | Transaction,
  where: VersionFilter = {},
): Promise<MaintenanceVersion[]> {
  const rows = await db.maintenanceSchedule.findMany({
    where: {
      ...(where.key === undefined ? {} : instrumentOf(where.key)),
      ...(where.ids === undefined ? {} : { id: { in: [...where.ids] } }),
    },
    include: { tiers: { orderBy: { tier: 'asc' } } },
    orderBy: [{ venueCode: 'asc' }, { instrument: 'asc' }, { version: 'asc' }],
  });
  return rows.map((row) => ({
    ...headOf(MAINTENANCE_TIERS, row),
    instrument: row.instrument,
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
  await tx.maintenanceSchedule.create({
    data: {
      ...headRow(version),
      instrument: version.instrument,
      tiers: {
        create: version.tiers.map((tier) => ({
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

/** A venue's code has no slash; a symbol may. */
function instrumentOf(key: string): { readonly venueCode: string; readonly instrument: string } {
  const [venueCode = '', ...symbol] = key.split('/');
  return { venueCode, instrument: symbol.join('/') };
}

/** Venues of a test's own, added by reference data alone. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const DATED = { effectiveFrom: '2025-01-01T00:00:00Z', source: 'a test', reason: 'a test' };

export const POLICY = {
  ...DATED,
  liquidatesAtEquality: false,
  maintenanceMethod: 'PROGRESSIVE',
  liquidationFeeRate: '0',
  warningRatio: '0.5',
  marginCallRatio: '0.8',
  isolatedInMultiAsset: true,
  debtMarginRate: '0',
  guardRails: { maxStep: '0.1', minNoticeHours: 24 },
  interest: {},
  autoExchange: {},
};

export interface OwnVenue {
  readonly code: string;
  readonly policy?: Partial<typeof POLICY>;
  /** By symbol; tiers as [floor, rate], each up to the next one's floor. */
  readonly instruments: Readonly<Record<string, { baseAsset: string; tiers: readonly [string, string][] }>>;
}

/** A folder for REFERENCE_DATA. */
export async function referenceFolder(...venues: OwnVenue[]): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'plimsoll-reference-'));
  await mkdir(join(path, 'venues'));
  for (const { code, policy, instruments } of venues) {
    const listed = Object.entries(instruments).map(([symbol, { baseAsset, tiers }]) => ({
      ...{ symbol, baseAsset, quoteAsset: 'USDT', maxLeverage: '100' },
      maintenance: [
        {
          ...DATED,
          tiers: tiers.map(([floor, rate], index) => ({
            ...{ floor, cap: tiers[index + 1]?.[0] ?? null, rate, maxLeverage: '100' },
          })),
        },
      ],
    }));
    const file = { code, name: code, chains: [], policies: [{ ...POLICY, ...policy }], instruments: listed };
    await writeFile(join(path, 'venues', `${code}.json`), JSON.stringify({ ...file, collateralRatios: [] }));
  }
  return { path, remove: () => rm(path, { recursive: true }) };
}

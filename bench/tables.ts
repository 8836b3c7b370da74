/** Tables of rules for benchmarks: Bitget's tiers of BTC (003), Binance's brackets of BTCUSDT (2024-10-24). */
import { decimal } from '../src/margin/decimal.js';
import { WHOLE } from '../src/margin/fraction.js';
import type { CollateralTable, InstrumentRules, Policy } from '../src/margin/model.js';

/** Floor, cap, ratio. */
export const RATIO_ROWS = [
  ['0', '100000', '0.975'],
  ['100000', '500000', '0.97'],
  ['500000', '1000000', '0.965'],
  ['1000000', '5000000', '0.96'],
  ['5000000', null, '0.85'],
] as const;
/** Floor, cap, rate, amount, largest leverage. */
export const TIER_ROWS = [
  ['0', '50000', '0.004', '0', '125'],
  ['50000', '600000', '0.005', '50', '100'],
  ['600000', '3000000', '0.0065', '950', '75'],
  ['3000000', '12000000', '0.01', '11450', '50'],
  ['12000000', null, '0.02', '131450', '25'],
] as const;

export function collateralTable(userCap: number): CollateralTable {
  return {
    id: 'ratio',
    tierUnit: 'QUOTE_VALUE',
    userCap: decimal(userCap),
    tiers: RATIO_ROWS.map(([floor, cap, ratio]) => ({
      floor: decimal(floor),
      cap: cap === null ? null : decimal(cap),
      ratio: decimal(ratio),
    })),
  };
}

export function instrumentRules(symbol: string, baseAsset: string): InstrumentRules {
  return {
    symbol,
    baseAsset,
    settlementAsset: 'USDT',
    maxLeverage: decimal(125),
    tiers: TIER_ROWS.map(([floor, cap, rate, amount, leverage], index) => ({
      tier: index + 1,
      floor: decimal(floor),
      cap: cap === null ? null : decimal(cap),
      maintenanceRate: decimal(rate),
      maintenanceAmount: decimal(amount),
      maxLeverage: decimal(leverage),
    })),
  };
}

export const PARAMETERS: Omit<Policy, 'assets' | 'collateralRatios' | 'instruments'> = {
  version: 1,
  unit: 'USDT',
  singleAsset: 'USDT',
  liquidationRatio: WHOLE,
  liquidatesAtEquality: false,
  maintenanceMethod: 'PROGRESSIVE',
  pnlCounts: 'IN_FULL',
  liquidationFeeRate: decimal('0.0006'),
  warningRatio: decimal('0.5'),
  marginCallRatio: decimal('0.8'),
  isolatedInMultiAsset: false,
  debtMarginRate: decimal(0),
  liabilities: [],
  transferFloor: { notionalRate: decimal(0), maintenanceMultiple: decimal(0) },
  openOrders: { initial: 'NONE', maintenance: 'NONE', openLoss: 'NONE' },
  interest: [],
  autoExchange: [],
  exchangeOrder: 'PRO_RATA',
  exchangeRates: [],
};

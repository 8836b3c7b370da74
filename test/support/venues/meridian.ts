/**
 * Reference data of a test's own: two venues, a chain and assets that nothing else names. Between them they state every
 * rule that a file can state (rules: 3 to 11, 16 to 18, 20).
 */
import { DATED } from '../calls/own-venue.js';
import { folderOf } from './folder.js';

const CHAINS = [{ code: 'MERIDIAN_CHAIN', name: 'Meridian Chain' }];

const ASSETS = [
  { symbol: 'USD', name: 'US dollar' },
  { symbol: 'EURX', name: 'A euro' },
  { symbol: 'ORE', name: 'Ore' },
  { symbol: 'ORE-E', name: 'Ore that earns', pricedAs: 'ORE' },
  { symbol: 'TIN', name: 'Tin' },
];

const maintenance = (tiers: readonly object[]): readonly object[] => [{ ...DATED, tiers }];

/** Valued in USDC; PnL is equity; early liquidation, floors, tables of debts, all that orders can require. */
const MERIDIAN = {
  ...{ code: 'MERIDIAN', name: 'Meridian', chains: ['MERIDIAN_CHAIN'] },
  ...{ unit: 'USDC', singleAsset: 'USDC', atPar: [['USD', 'USDC']] },
  policies: [
    {
      ...DATED,
      liquidatesAtEquality: true,
      maintenanceMethod: 'PROGRESSIVE',
      liquidationFeeRate: '0.001',
      warningRatio: '0.4',
      marginCallRatio: '0.7',
      liquidationRatio: { numerator: '1', denominator: '1.1' },
      isolatedInMultiAsset: true,
      debtMarginRate: '0',
      pnlCounts: 'AS_EQUITY',
      transferFloor: { notionalRate: '0.2', maintenanceMultiple: '3' },
      openOrders: { initial: 'WORST_SIDE', maintenance: 'WORST_SIDE', openLoss: 'INITIAL' },
      liabilities: [
        {
          ...{ asset: null, tierUnit: 'QUOTE_VALUE' },
          tiers: [
            { floor: '0', cap: '5000', initialRate: '0.1', maintenanceRate: '0.05' },
            { floor: '5000', cap: null, initialRate: '0.2', maintenanceRate: '0.1' },
          ],
        },
        {
          ...{ asset: 'ORE', tierUnit: 'QUANTITY' },
          tiers: [
            { floor: '0', cap: '10', initialRate: '0.3', maintenanceRate: '0.2' },
            { floor: '10', cap: null, initialRate: '0.5', maintenanceRate: '0.4' },
          ],
        },
      ],
      guardRails: { maxStep: '0.1', minNoticeHours: 24 },
      interest: { USDC: { hourlyRate: '0.0001', freeThreshold: '500' } },
      autoExchange: {},
    },
  ],
  instruments: [
    {
      ...{ symbol: 'ORE-PERP', baseAsset: 'ORE', quoteAsset: 'USDC', maxLeverage: '50' },
      maintenance: maintenance([
        { floor: '0', cap: '50000', rate: '0.01', amount: '0', maxLeverage: '50' },
        { floor: '50000', cap: null, rate: '0.02', amount: '500', maxLeverage: '20' },
      ]),
    },
    {
      ...{
        symbol: 'TIN-USD',
        baseAsset: 'TIN',
        quoteAsset: 'USD',
        settlementAsset: 'USDC',
        maxLeverage: '10',
        sizeStep: '0.25',
      },
      maintenance: maintenance([{ floor: '0', cap: null, rate: '0.02', maxLeverage: '10' }]),
    },
    {
      ...{ symbol: 'TIN-EURX', baseAsset: 'TIN', quoteAsset: 'EURX', maxLeverage: '20' },
      maintenance: maintenance([{ floor: '0', cap: null, rate: '0.02', maxLeverage: '20' }]),
    },
  ],
  collateralRatios: [
    {
      ...{ ...DATED, chain: 'MERIDIAN_CHAIN' },
      ratios: {
        ORE: {
          ...{ tierUnit: 'QUOTE_VALUE', userCap: '1000', platformCap: '1500' },
          tiers: [
            { floor: '0', cap: '20000', ratio: '0.9' },
            { floor: '20000', cap: null, ratio: '0.8' },
          ],
          initialTiers: [{ floor: '0', cap: null, ratio: '0.5' }],
        },
        'ORE-E': {
          ...{ tierUnit: 'QUANTITY', userCap: null, platformCap: null },
          tiers: [
            { floor: '0', cap: '10', ratio: '0.7' },
            { floor: '10', cap: '20', ratio: '0.4' },
          ],
        },
        EURX: '0.95',
      },
    },
  ],
};

/** Flat tiers, thresholds of auto-exchange, one rate of all debts, and another asset in single-asset mode than the unit. */
const PARALLEL = {
  ...{ code: 'PARALLEL', name: 'Parallel', chains: [], singleAsset: 'USDC' },
  policies: [
    {
      ...DATED,
      liquidatesAtEquality: false,
      maintenanceMethod: 'FLAT',
      liquidationFeeRate: '0',
      warningRatio: '0.5',
      marginCallRatio: '0.8',
      isolatedInMultiAsset: false,
      debtMarginRate: '0.1',
      guardRails: { maxStep: '0.1', minNoticeHours: 24 },
      interest: {},
      autoExchange: { USDT: '-1000' },
    },
  ],
  instruments: [
    {
      ...{ symbol: 'OREUSDT', baseAsset: 'ORE', quoteAsset: 'USDT', maxLeverage: '20' },
      maintenance: maintenance([
        { floor: '0', cap: '10000', rate: '0.01', maxLeverage: '20' },
        { floor: '10000', cap: null, rate: '0.03', maxLeverage: '5' },
      ]),
    },
  ],
  collateralRatios: [{ ...DATED, chain: null, ratios: { ORE: '0.5', USDC: '0.9' } }],
};

/** A folder for REFERENCE_DATA with all of it. */
export function meridianFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  return folderOf({ chains: CHAINS, assets: ASSETS, venues: [MERIDIAN, PARALLEL] });
}

/** Venues whose tiers are those of published examples, where no seeded venue has them. */
import { DATED, POLICY } from '../calls/own-venue.js';
import { folderOf } from './folder.js';

type Tier = readonly [floor: string, rate: string, maxLeverage: string, amount?: string];

function instrument(symbol: string, baseAsset: string, quoteAsset: string, tiers: readonly Tier[]): object {
  return {
    ...{ symbol, baseAsset, quoteAsset, maxLeverage: tiers[0]?.[2] },
    maintenance: [
      {
        ...DATED,
        tiers: tiers.map(([floor, rate, maxLeverage, amount], index) => ({
          ...{ floor, cap: tiers[index + 1]?.[0] ?? null, rate, maxLeverage },
          ...(amount === undefined ? {} : { amount }),
        })),
      },
    ],
  };
}

function venue(code: string, instruments: readonly object[], ratios: object, more: object = {}): { code: string } {
  const { policy = {}, ...others } = more as { policy?: object };
  return {
    ...{ code, name: code, chains: [], policies: [{ ...POLICY, ...policy }], instruments },
    collateralRatios: [{ ...DATED, chain: null, ratios }],
    ...others,
  } as { code: string };
}

const stepped = (...rows: readonly [floor: string, cap: string | null, ratio: string][]): object => ({
  ...{ tierUnit: 'QUOTE_VALUE', userCap: null, platformCap: null },
  tiers: rows.map(([floor, cap, ratio]) => ({ floor, cap, ratio })),
});

/** Binance's brackets of BTCUSDT of 2020, and BTC at 97.5 %. A debt of 4,999 may stand, so that one of 5,000 is exchanged. */
const BINANCE = venue(
  'BINANCE_EXAMPLES',
  [
    instrument('BTCUSDT', 'BTC', 'USDT', [
      ['0', '0.004', '125', '0'],
      ['50000', '0.005', '100', '50'],
      ['250000', '0.01', '50', '1300'],
      ['1000000', '0.025', '20', '16300'],
    ]),
  ],
  { BTC: '0.975' },
  { policy: { autoExchange: { USDT: '-4999' } } },
);

const BYBIT = venue(
  'BYBIT_EXAMPLES',
  [
    instrument('ETHUSDT', 'ETH', 'USDT', [
      ['0', '0.01', '10'],
      ['10', '0.02', '10'],
      ['20', '0.03', '10'],
      ['30', '0.04', '10'],
      ['40', '0.05', '10'],
    ]),
  ],
  {},
);

const OKX = venue('OKX_EXAMPLES', [], {
  USDT: stepped(['0', '5000000', '1'], ['5000000', '10000000', '0.975'], ['10000000', null, '0.95']),
});
const OKX_EARLIER = venue('OKX_EARLIER', [], {
  USDT: stepped(['0', '5000000', '1'], ['5000000', '10000000', '0.9'], ['10000000', null, '0.8']),
});

const BITGET = venue('BITGET_EXAMPLES', [], { BTC: '0.9', ETH: '0.95' });

const HYPERLIQUID = venue(
  'HYPER_EXAMPLES',
  [
    instrument('ETH-USDC', 'ETH', 'USDC', [
      ['0', '0.05', '10'],
      ['20000', '0.1', '5'],
      ['100000', '0.166666666666666667', '3'],
    ]),
  ],
  {},
  { unit: 'USDC' },
);

const DYDX = venue(
  'DYDX_EXAMPLES',
  [
    instrument('BTC-USD', 'BTC', 'USDC', [['0', '0.1', '5']]),
    instrument('ETH-USD', 'ETH', 'USDC', [['0', '0.05', '10']]),
    instrument('SOL-USD', 'SOL', 'USDC', [['0', '0.05', '10']]),
  ],
  {},
  { unit: 'USDC' },
);

/** A folder for REFERENCE_DATA with all of them. */
export function exampleFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  return folderOf({ venues: [BINANCE, BYBIT, OKX, OKX_EARLIER, BITGET, HYPERLIQUID, DYDX] });
}

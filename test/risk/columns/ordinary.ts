/** Accounts as most are: not on any threshold, with prices that wander. The same ones in every run. */
import { decimal, type Decimal } from '../../../src/margin/decimal.js';
import type { AccountState, Market, OpenOrders, Policy, PositionState } from '../../../src/margin/model.js';
import { BITGET_BTC, BTCUSDT, flat, instrument, policy } from '../../support/oracle/margin-builders.js';

const ASSETS = ['BTC', 'ETH', 'BNB', 'USD1'] as const;
const INSTRUMENTS = ['BTCUSDT', 'ETHUSDT', 'SOLUSDT'] as const;
const START: Readonly<Record<string, number>> = {
  BTC: 60_000,
  ETH: 3_000,
  BNB: 550,
  USD1: 0.9991,
  BTCUSDT: 60_050,
  ETHUSDT: 3_001,
  SOLUSDT: 150,
};

/** Numbers from 0 to 1 that look random and are not (a linear congruence with Numerical Recipes' constants). */
function wheel(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function digits(value: number, places: number): Decimal {
  return decimal(value.toFixed(places));
}

export function ordinaryPolicy(): Policy {
  const tiers = BTCUSDT.tiers.map(({ floor, maintenanceRate, maintenanceAmount, maxLeverage }) => {
    return [floor.toFixed(), maintenanceRate.toFixed(), maintenanceAmount.toFixed(), maxLeverage.toFixed()] as const;
  });
  return policy({
    liquidationFeeRate: decimal('0.0006'),
    debtMarginRate: decimal('0.01'),
    isolatedInMultiAsset: true,
    openOrders: { initial: 'WORST_SIDE', maintenance: 'WORST_SIDE', openLoss: 'NONE' },
    ratios: { BTC: BITGET_BTC, ETH: BITGET_BTC, BNB: flat('0.95'), USD1: flat('0.99') },
    instruments: INSTRUMENTS.map((symbol) => instrument(symbol, symbol.slice(0, 3), tiers)),
  });
}

/** Orders of every third account, in the instruments of its positions: of about the size of each. */
function restingOrders(positions: readonly PositionState[], next: () => number): OpenOrders[] {
  if (next() > 0.33) return [];
  return positions.flatMap(({ instrument: symbol, size, leverage }) => {
    const mark = START[symbol] ?? 1;
    const [buySize, sellSize] = [size.times(digits(next(), 3)), size.times(digits(3 * next(), 3))];
    if (next() < 0.3) return [];
    const [buyPrice, sellPrice] = [digits(mark * 0.99, 2), digits(mark * 1.01, 2)];
    const notionals = { buyNotional: buySize.times(buyPrice), sellNotional: sellSize.times(sellPrice) };
    return [{ instrument: symbol, side: null, buySize, sellSize, ...notionals, leverage }];
  });
}

export function ordinaryAccounts(count: number): AccountState[] {
  const next = wheel(7);
  const forOrders = wheel(13);
  const forSwitches = wheel(17);
  return Array.from({ length: count }, () => {
    const held = ASSETS.map((asset) => {
      const value = 10 ** (2 + 3 * next()) * (next() < 0.1 ? -0.1 : 1);
      return { asset, quantity: digits(value / (START[asset] ?? 1), 8) };
    });
    const wealth = 10 ** (3 + 3 * next());
    const positions = INSTRUMENTS.map((symbol): PositionState => {
      const mark = START[symbol] ?? 1;
      const size = digits((wealth * (1 + 40 * next() ** 4)) / mark, 4).plus('0.0001');
      const isIsolated = next() < 0.2;
      return {
        instrument: symbol,
        side: next() < 0.5 ? 'LONG' : 'SHORT',
        size,
        cost: size.times(digits(mark * (0.98 + 0.04 * next()), 2)),
        leverage: decimal(20),
        marginMode: isIsolated ? 'ISOLATED' : 'CROSS',
        isolatedMargin: isIsolated ? size.times(digits(mark / 20, 2)) : decimal(0),
      };
    });
    return {
      collateralMode: 'MULTI_ASSET',
      // USDT, in which all is settled, is never among them.
      switchedOff: ASSETS.filter(() => forSwitches() < 0.1).sort(),
      positionMode: 'ONE_WAY',
      openOrders: restingOrders(positions, forOrders),
      balances: [{ asset: 'USDT', quantity: digits(wealth, 6) }, ...held],
      positions,
    };
  });
}

export function ordinaryMarkets(count: number): Market[] {
  const next = wheel(11);
  const prices = new Map(Object.entries(START));
  return Array.from({ length: count }, () => {
    for (const [symbol, price] of prices) prices.set(symbol, price * (0.999 + 0.002 * next()));
    const quoted = new Map([...prices].map(([symbol, price]) => [symbol, { price: digits(price, 5), stale: false }]));
    return { index: (asset) => quoted.get(asset) ?? null, mark: (symbol) => quoted.get(symbol) ?? null };
  });
}

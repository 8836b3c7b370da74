/**
 * CPU time of `assessMargin` for 5 assets and 5 positions, beside a straight line of decimal.js operations that adds up
 * the same sums without a report; and with orders beside each position.
 *
 *   npm run bench -- assess
 */
import { Decimal as DecimalJs } from 'decimal.js';

import { assessMargin } from '../src/margin/state/assess.js';
import { decimal } from '../src/margin/decimal.js';
import type { AccountState, Market, Policy } from '../src/margin/model.js';
import { PARAMETERS, RATIO_ROWS, TIER_ROWS, collateralTable, instrumentRules } from './tables.js';
import { inTurns } from './turns.js';

const ASSETS = ['USDT', 'BTC', 'ETH', 'BNB', 'USD1'];
const INDEX: Record<string, string> = { BTC: '60123.45', ETH: '2987.61', BNB: '555.123', USD1: '0.9991' };
const HELD: Record<string, string> = { USDT: '-2500.5', BTC: '10.123', ETH: '25.5', BNB: '12.75', USD1: '1500.25' };
const POSITIONS = [
  ['P0', 'LONG', '1.5', '90000.15', '20', '60111.11'],
  ['P1', 'SHORT', '20', '60500', '10', '2988.88'],
  ['P2', 'LONG', '100.25', '55000', '50', '555.05'],
  ['P3', 'SHORT', '0.75', '45111.125', '100', '60111.11'],
  ['P4', 'LONG', '3000', '450000', '5', '149.123'],
] as const;

const table = collateralTable(100_000);
const account: AccountState = {
  collateralMode: 'MULTI_ASSET',
  positionMode: 'ONE_WAY',
  balances: ASSETS.map((asset) => ({ asset, quantity: decimal(HELD[asset] ?? '0') })),
  positions: POSITIONS.map(([instrument, side, size, cost, leverage]) => ({
    instrument,
    side,
    size: decimal(size),
    cost: decimal(cost),
    leverage: decimal(leverage),
    marginMode: 'CROSS',
    isolatedMargin: decimal(0),
  })),
  switchedOff: [],
  openOrders: [],
};
const instruments = POSITIONS.map(([symbol]) => instrumentRules(symbol, 'BTC'));
const policy: Policy = {
  ...PARAMETERS,
  assets: new Map(ASSETS.map((asset) => [asset, { pricedAs: null, transferable: true, convertible: true }])),
  collateralRatios: new Map(ASSETS.slice(1).map((asset) => [asset, table])),
  instruments: new Map(instruments.map((rules) => [rules.symbol, rules])),
};
const priced = (rows: [string, string][]): Market['index'] => {
  const prices = new Map(rows.map(([symbol, price]) => [symbol, { price: decimal(price), stale: false }]));
  return (symbol) => prices.get(symbol) ?? null;
};
const market: Market = {
  index: priced(Object.entries(INDEX)),
  mark: priced(POSITIONS.map(([symbol, , , , , mark]) => [symbol, mark])),
};

// --- The straight line: the same sums, in a decimal.js of its own with 60 digits ---

const Plain = DecimalJs.clone({ precision: 60 });
const plain = (text: string): DecimalJs => new Plain(text);
const nothing = plain('0');
const fee = plain('0.0006');
const balances = ASSETS.map((asset) => ({ quantity: plain(HELD[asset] ?? '0'), price: plain(INDEX[asset] ?? '1') }));
const ratios = RATIO_ROWS.map(([floor, cap, ratio]) => ({
  floor: plain(floor),
  cap: plain(cap ?? '1e40'),
  ratio: plain(ratio),
}));
const tiers = TIER_ROWS.map(([, cap, rate, amount, leverage]) => ({
  cap: plain(cap ?? '1e40'),
  rate: plain(rate),
  amount: plain(amount),
  leverage: plain(leverage),
}));
const positions = POSITIONS.map(([, side, size, cost, leverage, mark]) => ({
  long: side === 'LONG',
  size: plain(size),
  cost: plain(cost),
  leverage: plain(leverage),
  mark: plain(mark),
}));

function straightLine(): DecimalJs {
  let collateral = nothing;
  let wallet = nothing;
  for (const { quantity, price } of balances) {
    const value = quantity.times(price);
    wallet = wallet.plus(value);
    if (value.isNegative()) {
      collateral = collateral.plus(value);
      continue;
    }
    for (const { floor, cap, ratio } of ratios) {
      if (value.lte(floor)) break;
      collateral = collateral.plus(Plain.min(value, cap).minus(floor).times(ratio));
    }
  }
  let pnl = nothing;
  let initial = nothing;
  let maintenance = nothing;
  for (const { long, size, cost, leverage, mark } of positions) {
    const notional = size.times(mark);
    pnl = long ? pnl.plus(notional).minus(cost) : pnl.plus(cost).minus(notional);
    const tier = tiers.find(({ cap }) => notional.lt(cap));
    if (tier === undefined) throw new Error('no tier');
    initial = initial.plus(notional.div(Plain.min(leverage, tier.leverage)));
    maintenance = maintenance.plus(notional.times(tier.rate.plus(fee)).minus(tier.amount));
  }
  const balance = collateral.plus(pnl);
  if (wallet.lt(0) || initial.gt(balance)) throw new Error('another account');
  return maintenance.div(balance);
}

// --- Runs ---

const report = assessMargin(account, market, policy);
if (report.marginRatio === null || report.marginRatio.minus(straightLine().toFixed(30)).abs().gt('1e-17')) {
  throw new Error('The two disagree: the comparison would be worth nothing.');
}
const { own, others, ratio } = inTurns(() => assessMargin(account, market, policy), straightLine, 2_000);
console.log(`assessMargin, 5 assets and 5 positions: ${own.toFixed(1)} µs`);
console.log(`the same sums in a straight line:       ${others.toFixed(1)} µs`);
console.log(`ratio:                                  ${ratio.toFixed(2)}`);

const ordered: AccountState = {
  ...account,
  openOrders: POSITIONS.map(([instrument, , size, , leverage, mark]) => {
    const [buySize, buyNotional] = [decimal(size), decimal(size).times(mark)];
    const nothing = decimal(0);
    const sells = { sellSize: nothing, sellNotional: nothing };
    return { instrument, side: null, buySize, buyNotional, ...sells, leverage: decimal(leverage) };
  }),
};
const weighing: Policy = {
  ...policy,
  openOrders: { initial: 'WORST_SIDE', maintenance: 'WORST_SIDE', openLoss: 'NONE' },
};
if (!assessMargin(ordered, market, weighing).openOrderInitialMargin.gt(0)) throw new Error('No order counts.');
const orders = inTurns(
  () => assessMargin(ordered, market, weighing),
  () => assessMargin(account, market, policy),
  2_000,
);
console.log(
  `with orders that count in all 5:        ${orders.own.toFixed(1)} µs, ${orders.ratio.toFixed(2)} of that without`,
);

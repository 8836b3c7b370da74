/**
 * Portfolios whose PnL counts as equity, in which the cover is about as large as a debt that a withdrawal would leave:
 * what leaves ends within that debt, at its tiers, before it or beyond it.
 */
import type { Portfolio, PortfolioAsset, PortfolioLiability } from './portfolio.js';
import {
  absolute,
  floor18,
  least,
  minus,
  plainText,
  plus,
  rational,
  sign,
  times,
  zero,
  type Rational,
} from './rational.js';
import { asQuoted, equityPnl, stateOf } from './state.js';

export interface NearDebt {
  readonly portfolio: Portfolio;
  /** The asset that leaves: one in which PnL is settled, or the cover. */
  readonly symbol: string;
}

/** Null where no asset has PnL. */
export function nearDebt(drawn: Portfolio, numbers: readonly number[]): NearDebt | null {
  let next = numbers.length;
  const pick = <T>(...choices: readonly [T, ...T[]]): T => choices[(numbers[--next] ?? 0) % choices.length] as T;
  const fresh: Portfolio = {
    ...drawn,
    multiAsset: true,
    assets: drawn.assets.map((each) => ({ ...each, stale: false, transferable: true })),
    instruments: drawn.instruments.map((each) => ({ ...each, stale: false })),
    positions: drawn.positions.map((each) => ({ ...each, isolated: false, margin: '0' })),
    rules: { ...drawn.rules, asEquity: true },
  };
  const settled = fresh.assets.filter((each) => sign(equityPnl(each, fresh)) !== 0);
  const own = settled[(numbers[0] ?? 0) % Math.max(1, settled.length)];
  const price = own === undefined ? null : asQuoted.index(own, fresh);
  if (own === undefined || price === null) return null;
  const pnl = equityPnl(own, fresh);
  const held = floor18(times(absolute(pnl), rational(pick('1', '1.5', '0.5', '0.1', '3'))));
  // Owed, and paid by a profit that may not leave; or held, where a loss may make a debt of it.
  const isOwed = sign(pnl) > 0 && sign(held) > 0 && pick(true, false);
  const quantity = `${isOwed ? '-' : ''}${text(held)}`;

  // Tiers of a few parts of what would be owed.
  const size = floor18(times(absolute(pnl), times(price, rational('0.1'))));
  const levels = ['0', text(size), text(times(size, rational('3')))];
  const liabilities: PortfolioLiability[] = [
    {
      asset: pick(null, own.symbol),
      inCoins: pick(false, false, true),
      tiers: ['0.05', '0.1', pick('0.3', '0.02', '0')].map((rate, index) => ({
        ...{ floor: levels[index] as string, cap: levels[index + 1] ?? pick(null, text(times(size, rational('9')))) },
        ...{ initial: text(times(rational(rate), rational('2'))), maintenance: rate },
      })),
    },
  ];
  const isTiered = sign(size) > 0 && pick(true, true, false);
  const rules = isTiered ? { ...fresh.rules, debtMarginRate: '0', liabilities } : fresh.rules;
  const assets = fresh.assets.map((each) => (each === own ? { ...each, quantity, switchedOff: false } : each));
  const before = { ...fresh, rules, assets };

  // What counts in full makes up for what lacks, and leaves a part of the debt.
  const spare = times(times(absolute(pnl), price), rational(pick('0', '0.1', '0.7', '0.31', '1', '1.3')));
  const cover = text(floor18(minus(spare, surplus(before))));
  const par = { inCoins: false, tiers: [{ floor: '0', cap: null, ratio: '1' }], userCap: null };
  const more = {
    symbol: 'PAR',
    quantity: cover,
    price: '1',
    pricedAs: null,
    stale: false,
    transferable: true,
    table: par,
  };
  return {
    portfolio: { ...before, assets: [...assets, more] },
    symbol: isOwed ? 'PAR' : pick(own.symbol, own.symbol, 'PAR'),
  };
}

/** Initial collateral without unrealised profit, beyond the initial margin. */
function surplus(portfolio: Portfolio): Rational {
  const left = ({ quantity }: PortfolioAsset, pnl: Rational): string =>
    plainText(plus(rational(quantity), least(zero, pnl)), 150) ?? 'not finite';
  const assets = portfolio.assets.map((each) => ({ ...each, quantity: left(each, equityPnl(each, portfolio)) }));
  const { initialCollateral, initialMargin } = stateOf({
    ...portfolio,
    rules: { ...portfolio.rules, asEquity: false },
    assets,
  });
  return minus(initialCollateral, initialMargin);
}

function text(value: Rational): string {
  return plainText(value, 150) ?? 'not finite';
}

/**
 * Time of a liquidation price, of `assessMargin` beside it, against a former build in the same process, in turns. The
 * account has 5 assets and 5 positions, two pairs of which are hedges, and is near enough to liquidation that every
 * position has a price. Answers are compared first.
 *
 *   npm run bench -- liquidation --former FOLDER      (of a checkout that is built)
 */
import { parseArgs } from 'node:util';

import { decimal } from '../src/margin/decimal.js';
import type { AccountState, Market, Policy } from '../src/margin/model.js';
import { assetLiquidationPrice, positionLiquidationPrice } from '../src/margin/solve/liquidation-price.js';
import { assessMargin } from '../src/margin/state/assess.js';
import { formerMargin, translated, translatedMarket } from './former.js';
import { HELD, INDEX, MARKS, accountInMemory } from './portfolios.js';
import { PARAMETERS, collateralTable, instrumentRules } from './tables.js';
import { inTurns } from './turns.js';

const OWED = '-690000';
const BASES = ['BTC', 'ETH', 'SOL'];

const NOW = { decimal, assessMargin, positionLiquidationPrice, assetLiquidationPrice };
type Margin = typeof NOW;

interface Asked {
  readonly account: AccountState;
  readonly market: Market;
  readonly policy: Policy;
}

function question(): Asked {
  const account = accountInMemory();
  const table = collateralTable(1_000_000);
  const priced = (texts: Readonly<Record<string, string>>): Market['index'] => {
    const prices = new Map(
      Object.entries(texts).map(([symbol, text]) => [symbol, { price: decimal(text), stale: false }]),
    );
    return (symbol) => prices.get(symbol) ?? null;
  };
  const rules = { pricedAs: null, transferable: true, convertible: true };
  return {
    account: {
      ...account,
      balances: account.balances.map((held) => (held.asset === 'USDT' ? { ...held, quantity: decimal(OWED) } : held)),
    },
    market: { index: priced(INDEX), mark: priced(MARKS) },
    policy: {
      ...PARAMETERS,
      assets: new Map(Object.keys(HELD).map((asset) => [asset, rules])),
      collateralRatios: new Map(Object.keys(HELD).flatMap((asset) => (asset === 'USDT' ? [] : [[asset, table]]))),
      instruments: new Map(BASES.map((base) => [`${base}USDT`, instrumentRules(`${base}USDT`, base)])),
    },
  };
}

/** What is measured, each over the whole account. */
function worksOf(margin: Margin, { account, market, policy }: Asked): Record<string, () => unknown> {
  const report = margin.assessMargin(account, market, policy);
  const { positions, collateral } = report;
  const ofPositions = (follows: boolean) => () =>
    positions.map((position) => margin.positionLiquidationPrice(position, account, report, policy, follows));
  return {
    assessMargin: () => margin.assessMargin(account, market, policy).marginRatio,
    'five liquidation prices of positions': ofPositions(false),
    'the same, the index follows': ofPositions(true),
    'five liquidation prices of assets': () =>
      collateral.map(({ asset }) => margin.assetLiquidationPrice(asset, account, report, market, policy)),
  };
}

const { values } = parseArgs({ options: { former: { type: 'string' } } });
if (values.former === undefined) {
  console.log('Needs --former FOLDER, of a checkout of a former version that is built.');
} else {
  const former = await formerMargin<Margin>(
    values.former,
    ['decimal', 'assess', 'liquidation-price'],
    (url) => import(url),
  );
  const asked = question();
  const own = worksOf(NOW, asked);
  const others = worksOf(former, {
    ...translated({ account: asked.account, policy: asked.policy }, former.decimal),
    market: translatedMarket(asked.market, former.decimal),
  });
  for (const [what, work] of Object.entries(own)) {
    const othersWork = others[what];
    if (othersWork === undefined || JSON.stringify(work()) !== JSON.stringify(othersWork())) {
      throw new Error(`${what}: the two disagree, so that the comparison would be worth nothing.`);
    }
    const turns = inTurns(work, othersWork, 500);
    console.log(
      `${what}: ${turns.own.toFixed(1)} µs, former ${turns.others.toFixed(1)} µs, ratio ${turns.ratio.toFixed(3)}`,
    );
  }
}

import { expect, it } from '@jest/globals';

import { textOf } from '../../../src/ledger/account-text.js';
import { decimal } from '../../../src/margin/decimal.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { unitStatesOf } from '../../../src/risk/alerts/margin-units.js';
import { AccountColumns } from '../../../src/risk/columns/account-columns.js';
import { PriceColumn } from '../../../src/risk/columns/price-column.js';
import { RuleColumns } from '../../../src/risk/columns/rule-columns.js';
import { valueUnits } from '../../../src/risk/columns/valuation.js';
import { Ranking } from '../../../src/risk/impact/ranking.js';
import { compareRatios } from '../../../src/risk/impact/unit-comparison.js';
import { BTCUSDT, account, flat, market, policy, position } from '../../support/oracle/margin-builders.js';

/** -1 BTC of an isolated position that is settled in BTC: 40 x 0.0125 - 2, and 0.5 of margin. */
const ISOLATED = position({
  ...{ instrument: 'ETHBTC', size: '40', entry: '0.05', marginMode: 'ISOLATED', isolatedMargin: '0.5' },
});
const RULES = policy({
  ratios: { BTC: flat('1') },
  instruments: [{ ...BTCUSDT, symbol: 'ETHBTC', baseAsset: 'ETH', settlementAsset: 'BTC' }],
});

it.each([
  ['-1000', 'BTC'],
  ['-59999.999999999999999999', 'BTC'],
  ['-60001', 'CROSS'],
])('compares a cross balance of %s with -1 BTC by what both are worth', (cash, worse) => {
  const held = account({ USDT: cash }, [ISOLATED]);
  const [cross, isolated] = unitStatesOf(assessMargin(held, market({ BTC: '60000', ETHBTC: '0.0125' }), RULES));
  if (isolated === undefined) throw new Error('There is no isolated position.');
  expect([cross, isolated].map(({ marginBalance }) => marginBalance.toFixed())).toEqual([cash, '-1']);
  expect(Math.sign(compareRatios(isolated, cross))).toBe(worse === 'BTC' ? 1 : -1);
  expect(Math.sign(compareRatios(cross, isolated))).toBe(worse === 'BTC' ? -1 : 1);
});

it('ranks by floats as it compares exactly', () => {
  const columns = new AccountColumns(new RuleColumns(new PriceColumn()));
  const { ruleSet } = columns.rules.setPolicy('VENUE', null, RULES);
  const { prices } = columns.rules;
  const ids = ['-1000', '-60001', '5'].map((cash, index) => ({
    cash,
    id: `00000000-0000-4000-8000-00000000000${index}`,
  }));
  const units = ids.flatMap(({ cash, id }) => [
    ...columns.put(id, ruleSet, textOf(account({ USDT: cash }, cash === '5' ? [ISOLATED] : [])), 1),
  ]);
  prices.set(prices.ofAsset('BTC', 'USDT'), decimal('60000'));
  prices.set(prices.ofInstrument('VENUE', 'ETHBTC'), decimal('0.0125'));
  const intervals = new Float64Array(units.length * 4);
  valueUnits(columns, Uint32Array.from(units), 0, units.length, intervals, new Uint8Array(units.length));
  const ranking = new Ranking(10);
  units.forEach((unit, index) => {
    ranking.add(columns.crossOf(unit), intervals[4 * index] as number, intervals[4 * index + 2] as number);
  });
  expect(ranking.accounts.map((cross) => ids.find(({ id }) => id === columns.accountOf(cross))?.cash)).toEqual([
    ...['-60001', '5', '-1000'],
  ]);
});

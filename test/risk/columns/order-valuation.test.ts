import { expect, it } from '@jest/globals';

import { textOf } from '../../../src/ledger/account-text.js';
import { decimal } from '../../../src/margin/decimal.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import type { InstrumentRules, MarginStatus, Policy } from '../../../src/margin/model.js';
import { AccountColumns } from '../../../src/risk/columns/account-columns.js';
import { settleCalm } from '../../../src/risk/columns/prefilter.js';
import { PriceColumn } from '../../../src/risk/columns/price-column.js';
import { RuleColumns } from '../../../src/risk/columns/rule-columns.js';
import { BTCUSDT, account, market, orders, policy } from '../../support/oracle/margin-builders.js';

const ID = '00000000-0000-4000-8000-000000000001';
const BTCUSD1: InstrumentRules = { ...BTCUSDT, symbol: 'BTCUSD1', settlementAsset: 'USD1' };

interface Statuses {
  readonly settled: MarginStatus | null;
  readonly status: MarginStatus;
}

/** What a start settles of an account with an order in this instrument, and what it exactly is, at a mark of 60,000. */
function statuses(
  openOrders: Policy['openOrders'],
  instruments: readonly InstrumentRules[],
  instrument: string,
): Statuses {
  const rules = policy({ openOrders, instruments });
  const held = account({ USDT: '10000' }, [], { openOrders: [orders({ instrument, buys: ['1', '60000'] })] });
  const columns = new AccountColumns(new RuleColumns(new PriceColumn()));
  const { ruleSet } = columns.rules.setPolicy('VENUE', null, rules);
  const [unit = 0] = columns.put(ID, ruleSet, textOf(held), 1);
  const { prices } = columns.rules;
  prices.set(prices.ofInstrument('VENUE', instrument), decimal('60000'));
  settleCalm(columns, Uint32Array.of(unit), 1, new Uint32Array(1));
  const { status } = assessMargin(held, market({ [instrument]: '60000' }), rules);
  return { settled: columns.statusOf(unit), status };
}

const NOTHING = { initial: 'NONE', maintenance: 'NONE', openLoss: 'NONE' } as const;

it.each<[string, Partial<Policy['openOrders']>]>([
  ['initial margin', { initial: 'WORST_SIDE' }],
  ['maintenance margin', { maintenance: 'WORST_SIDE' }],
  ['open losses', { openLoss: 'INITIAL' }],
])('settles no order without the price of its settlement asset where it counts for %s alone', (_what, asks) => {
  expect(statuses({ ...NOTHING, ...asks }, [BTCUSD1], 'BTCUSD1')).toEqual({ settled: null, status: 'UNPRICED' });
  // Of an instrument that this server does not know yet nothing is known.
  expect(statuses({ ...NOTHING, ...asks }, [BTCUSDT], 'NEW')).toEqual({ settled: null, status: 'UNPRICED' });
});

it('settles orders that count for nothing, whatever their price', () => {
  expect(statuses(NOTHING, [BTCUSD1], 'BTCUSD1')).toEqual({ settled: 'NO_EXPOSURE', status: 'NO_EXPOSURE' });
});

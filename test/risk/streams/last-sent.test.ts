import { expect, it } from '@jest/globals';

import type { MarginState } from '../../../src/ledger/margin-state.js';
import { decimal } from '../../../src/margin/decimal.js';
import type { AccountState, Policy } from '../../../src/margin/model.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { unitStatesOf } from '../../../src/risk/alerts/margin-units.js';
import { LastSent } from '../../../src/risk/streams/last-sent.js';
import { account, market, orders, policy, position } from '../../support/oracle/margin-builders.js';

/** Whether a subscriber with this `minChange` is sent the second mark of BTCUSDT after the first. */
function isSent(holds: AccountState, rules: Policy, minChange: string, marks: readonly [string, string]): boolean {
  const last = new LastSent(decimal(minChange));
  const [first, second] = marks.map((mark) => {
    const report = assessMargin(holds, market({ BTCUSDT: mark }), rules);
    return [{ account: { version: 1 }, policy: rules, report } as MarginState, unitStatesOf(report)] as const;
  });
  if (first === undefined || second === undefined) throw new Error('Expected two marks.');
  last.keep(...first);
  expect(last.differsFrom(...first)).toBe(false);
  return last.differsFrom(...second);
}

it('sends what orders alone require, as they would lose more at once', () => {
  const openOrders = { initial: 'WORST_SIDE', maintenance: 'NONE', openLoss: 'INITIAL' } as const;
  const holds = account({ USDT: '10000' }, [], { openOrders: [orders({ buys: ['1', '61000'] })] });
  expect(isSent(holds, policy({ openOrders }), '0', ['60000', '55000'])).toBe(true);
  expect(isSent(holds, policy({ openOrders }), '0.001', ['60000', '55000'])).toBe(false);
  expect(isSent(holds, policy(), '0', ['60000', '55000'])).toBe(false);
});

it('sends the loss of an isolated position that has no ratio any more', () => {
  const isolated = position({ size: '1', entry: '60000', marginMode: 'ISOLATED', isolatedMargin: '3000' });
  const holds = account({ USDT: '10000' }, [isolated]);
  expect(isSent(holds, policy(), '0', ['56000', '55000'])).toBe(true);
  expect(isSent(holds, policy(), '0', ['56000', '56000'])).toBe(false);
  expect(isSent(holds, policy(), '0.001', ['56000', '55000'])).toBe(false);
});

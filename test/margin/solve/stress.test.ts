import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { stress } from '../../../src/margin/solve/stress.js';
import { account, flat, instrument, market, policy, position, table } from '../../support/oracle/margin-builders.js';

const RULES = policy({
  instruments: [
    instrument('BTCUSDT', 'BTC', [['0', '0.01', '0', '10']]),
    instrument('ETHUSDT', 'ETH', [['0', '0.01', '0', '10']]),
  ],
  ratios: { BTC: table([['0', '0.9']], { lastCap: '5000' }), 'BTC-S': flat('0.5'), EARN: flat('1') },
  assets: { 'BTC-S': { pricedAs: 'BTC' }, EARN: { pricedAs: 'USDT' } },
});
const STATE = account({ USDT: '1000', BTC: '1', 'BTC-S': '1', EARN: '10', ETH: '1' }, [
  position({ size: '1', entry: '1000', leverage: '10' }),
  position({ instrument: 'ETHUSDT', size: '1', entry: '100', leverage: '10' }),
]);
const PRICES = market({ BTC: '1000', BTCUSDT: '1000', ETH: '100', ETHUSDT: '100' });

function under(shocks: readonly string[], assets: readonly string[] | null) {
  return stress(
    STATE,
    PRICES,
    RULES,
    shocks.map((shock) => decimal(shock)),
    assets,
  ).map(({ walletValue, unrealizedPnl, status }) => `${toPlain(walletValue)} ${toPlain(unrealizedPnl)} ${status}`);
}

describe('stress', () => {
  it('moves every index but that of USDT, and the marks, by default', () => {
    // 1,010 + 0.8 x (1,000 + 1,000 + 100) = 2,690; PnL -200 - 20. Then worthless, then as it is.
    expect(under(['-0.2', '-1', '0'], null)).toEqual(['2690 -220 HEALTHY', '1010 -1100 LIQUIDATION', '3110 0 HEALTHY']);
  });

  it('moves the named assets, what is priced as them, and the marks on them', () => {
    expect(under(['0.1'], ['BTC'])).toEqual(['3310 100 HEALTHY']);
    expect(under(['0.1'], ['ETH'])).toEqual(['3120 10 HEALTHY']);
    // A shock for what is priced as another is one for that other.
    expect(under(['0.1'], ['BTC-S'])).toEqual(['3310 100 HEALTHY']);
    expect(under(['0.1'], ['USDT', 'EARN'])).toEqual(['3110 0 HEALTHY']);
  });

  it('leaves unpriced what has no price', () => {
    const [report] = stress(account({ BTC: '-1' }), market({}), RULES, [decimal(1)], null);
    expect(report?.status).toBe('UNPRICED');
  });
});

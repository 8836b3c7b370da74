/** What can leave where PnL counts as equity and debts require margin (rules: 8, 17 and 18). */
import { describe, expect, it } from '@jest/globals';

import { decimal, toPlain } from '../../../src/margin/decimal.js';
import type { AccountState, LiabilityTable, Market, Policy, TierUnit } from '../../../src/margin/model.js';
import { checkTransferOut, maxTransferable } from '../../../src/margin/solve/transferable.js';
import { withBalanceChanges } from '../../../src/margin/state/account.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { account, flat, instrument, market, policy, position } from '../../support/oracle/margin-builders.js';

/** Leverage 10 and hardly any maintenance: initial margin is a tenth of the notional. */
const TENFOLD = instrument('BTCUSDT', 'BTC', [['0', '0.001', '0', '10']]);

type TierText = readonly [floor: string, cap: string | null, initialRate: string, maintenanceRate: string];

function debts(asset: string | null, tierUnit: TierUnit, ...tiers: readonly TierText[]): LiabilityTable {
  return {
    ...{ asset, tierUnit },
    tiers: tiers.map(([floor, cap, initialRate, maintenanceRate]) => ({
      ...{ floor: decimal(floor), cap: cap === null ? null : decimal(cap) },
      ...{ initialRate: decimal(initialRate), maintenanceRate: decimal(maintenanceRate) },
    })),
  };
}

function rules(btc: string, liabilities: readonly LiabilityTable[], more: Partial<Policy> = {}): Policy {
  const ratios = { USDT: flat('1'), BTC: flat(btc) };
  return { ...policy({ ratios, instruments: [TENFOLD] }), pnlCounts: 'AS_EQUITY', liabilities, ...more };
}

const OKX = debts(null, 'QUOTE_VALUE', ['0', '500000', '0.1', '0.03'], ['500000', null, '0.2', '0.06']);
const PORTFOLIO_MARGIN = debts(null, 'QUOTE_VALUE', ['0', null, '0.25', '0.1']);

/** Exactly `most` leaves, and one unit of the 18th digit more does not; what is left covers its initial margin. */
function expectMost(asset: string, most: string, state: AccountState, prices: Market, of: Policy): void {
  expect(toPlain(maxTransferable(asset, state, prices, of))).toBe(most);
  expect(checkTransferOut(asset, decimal(most).plus('1e-18'), state, prices, of)).not.toBeNull();
  if (most === '0') return;
  expect(checkTransferOut(asset, decimal(most), state, prices, of)).toBeNull();
  const quantity = decimal(most).negated();
  const after = assessMargin(withBalanceChanges(state, [{ asset, quantity, kind: 'TRANSFER' }]), prices, of);
  expect(after.initialCollateralValue.gte(after.initialMargin)).toBe(true);
}

describe('a debt that unrealised profit pays', () => {
  // 10 @ 38,000, at 50,000: PnL +120,000, initial margin 50,000.
  const open = [position({ size: '10', entry: '38000', leverage: '10' })];
  const state = account({ USDT: '-100000', BTC: '10' }, open);
  const prices = market({ BTC: '60000', BTCUSDT: '50000' });

  it('requires its margin all the same of what stays: 160,000 of BTC', () => {
    expect(toPlain(assessMargin(state, prices, rules('0.98', [OKX])).liabilityMargin)).toBe('0');
    // 100,000 + 50,000 + 10 % of 100,000. 10 - 160,000 / 58,800.
    expectMost('BTC', '7.27891156462585034', state, prices, rules('0.98', [OKX]));
    // 100,000 + 50,000 + 25,000. 10 - 175,000 / 57,000.
    const floor = { notionalRate: decimal(0), maintenanceMultiple: decimal('1.2') };
    expectMost(
      'BTC',
      '6.929824561403508771',
      state,
      prices,
      rules('0.95', [PORTFOLIO_MARGIN], { transferFloor: floor }),
    );
    // Maintenance 500 + 10,000, of which 20 times stay: 210,000. 10 - 310,000 / 57,000.
    const high = { ...floor, maintenanceMultiple: decimal(20) };
    expectMost(
      'BTC',
      '4.561403508771929824',
      state,
      prices,
      rules('0.95', [PORTFOLIO_MARGIN], { transferFloor: high }),
    );
  });

  it('requires nothing more where debts require nothing', () => {
    // 10 - 150,000 / 58,800.
    expectMost('BTC', '7.448979591836734693', state, prices, rules('0.98', []));
  });

  it('requires what it requires where PnL counts in full', () => {
    // The debt is in the initial margin already; what PnL adds stays behind.
    expectMost('BTC', '7.27891156462585034', state, prices, rules('0.98', [OKX], { pnlCounts: 'IN_FULL' }));
  });
});

describe('a balance that covers a loss', () => {
  // 1 @ 6,400, at 6,000: PnL -400, initial margin 600.
  const open = [position({ size: '1', entry: '6400', leverage: '10' })];
  const prices = (btc: string): Market => market({ BTC: btc, BTCUSDT: '6000' });
  const state = account({ USDT: '1000', BTC: '1' }, open);

  it('leaves entirely where the rest covers the debt that is left, and its margin', () => {
    // 400 of debt and 40 for it, and 600.
    expectMost('USDT', '1000', state, prices('60000'), rules('0.98', [OKX]));
    expectMost('USDT', '1000', state, prices('2080'), rules('0.5', [OKX]));
    expect(checkTransferOut('USDT', decimal(1001), state, prices('60000'), rules('0.98', [OKX]))?.code).toBe(
      'INSUFFICIENT_BALANCE',
    );
  });

  it('leaves as far as that is covered', () => {
    // 1,000 of BTC - d = 600 + 0.1 d: d is 363.636363…, beyond the 600 that are there without a debt.
    expectMost('USDT', '963.636363636363636363', state, prices('2000'), rules('0.5', [OKX]));
    // Without a margin for debts: d is 400.
    expectMost('USDT', '1000', state, prices('2000'), rules('0.5', []));
    expectMost('USDT', '999', state, prices('1998'), rules('0.5', []));
    // 599 of BTC: 1 of the USDT stays.
    expectMost('USDT', '599', state, prices('1198'), rules('0.5', [OKX]));
    expectMost('USDT', '600', state, prices('1200'), rules('0.5', [OKX]));
  });

  it('goes through the tiers of what would be owed', () => {
    // 1,000 - d = 600 + 20 + 0.2 (d - 200): d is 350.
    const tiers = debts('USDT', 'QUANTITY', ['0', '200', '0.1', '0.05'], ['200', '300', '0.2', '0.05']);
    expectMost('USDT', '950', state, prices('2000'), rules('0.5', [tiers]));
    // On the edge: 820 - 200 = 600 + 20.
    expectMost('USDT', '800', state, prices('1640'), rules('0.5', [tiers]));
  });

  it('leaves the multiple of the maintenance margin that the debt brings', () => {
    // Maintenance 6 + 0.05 d, of which 110 times stay: 1,000 - d = 660 + 5.5 d: d is 52.307692…
    const tiers = debts(null, 'QUOTE_VALUE', ['0', null, '0.1', '0.05']);
    const floor = { notionalRate: decimal(0), maintenanceMultiple: decimal(110) };
    const of = rules('0.5', [tiers], { transferFloor: floor });
    expectMost('USDT', '652.307692307692307692', state, prices('2000'), of);
    expect(checkTransferOut('USDT', decimal(653), state, prices('2000'), of)?.message).toBe(
      "The rest would not cover what the venue's floor for transfers keeps.",
    );
  });

  it('is not there where it is owed already, or nothing covers', () => {
    expectMost('USDT', '0', account({ BTC: '1' }, open), prices('60000'), rules('0.98', [OKX]));
    expectMost('USDT', '0', account({ USDT: '300', BTC: '1' }, open), prices('1000'), rules('0.5', [OKX]));
    // A loss beyond the balance: 300 - 400, 10 for it. 710 of BTC cover that, and each unit that leaves costs 1.1.
    const short = account({ USDT: '300', BTC: '1' }, open);
    expectMost('USDT', '0', short, prices('1420'), rules('0.5', [OKX]));
    expectMost('USDT', '100', short, prices('1640'), rules('0.5', [OKX]));
  });
});

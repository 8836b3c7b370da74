import { expect, it } from '@jest/globals';
import fc from 'fast-check';

import { textOf } from '../../../src/ledger/account-text.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import type { AccountState } from '../../../src/margin/model.js';
import { PackedAccounts } from '../../../src/risk/columns/packed-accounts.js';
import { toMargin } from '../../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../../support/oracle/random-portfolio.js';
import { ordinaryAccounts } from './ordinary.js';

/** All that counts of an account, as text: what is zero counts nothing. */
function plain({ collateralMode, positionMode, balances, positions }: AccountState): unknown {
  return {
    collateralMode,
    positionMode,
    balances: balances
      .filter(({ quantity }) => !quantity.isZero())
      .map(({ asset, quantity }) => [asset, toPlain(quantity)]),
    positions: positions
      .filter(({ size }) => !size.isZero())
      .map(({ size, cost, leverage, isolatedMargin, ...rest }) => ({
        ...rest,
        amounts: [size, cost, leverage, isolatedMargin].map(toPlain),
      })),
  };
}

it('gives back exactly what was put in, whatever was put in and taken out before', () => {
  const change = fc.record({
    unit: fc.nat(20),
    tape: fc.option(fc.array(fc.nat(), { maxLength: 400, size: 'max' }), { freq: 5 }),
  });
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 60 }), (changes) => {
      const packed = new PackedAccounts();
      const held = new Map<number, AccountState>();
      for (const { unit, tape } of changes) {
        if (tape === null) {
          packed.delete(unit);
          held.delete(unit);
        } else {
          const { account } = toMargin(randomPortfolio(tape));
          packed.set(unit, textOf(account));
          held.set(unit, account);
        }
      }
      for (let unit = 0; unit <= 20; unit++) {
        const expected = held.get(unit);
        const found = packed.get(unit);
        expect(found === null ? null : plain(found)).toEqual(expected === undefined ? null : plain(expected));
      }
    }),
    { numRuns: 100 },
  );
});

it('keeps every digit of the largest and the smallest amounts', () => {
  const packed = new PackedAccounts();
  const most = `${'9'.repeat(30)}.${'9'.repeat(18)}`;
  const [account] = ordinaryAccounts(1) as [AccountState];
  const balances = [most, `-${most}`, '0.000000000000000001'].map((quantity, index) => {
    return { asset: `Ä"${index}`, quantity: decimal(quantity) };
  });
  packed.set(3, textOf({ ...account, balances }));
  expect(packed.get(3)?.balances.map(({ asset, quantity }) => `${asset} ${quantity.toFixed()}`)).toEqual(
    balances.map(({ asset, quantity }) => `${asset} ${quantity.toFixed()}`),
  );
});

it('uses freed places again', () => {
  const packed = new PackedAccounts();
  const accounts = ordinaryAccounts(100);
  const fill = (): void => accounts.forEach((account, unit) => packed.set(unit, textOf(account)));
  fill();
  const { bytes } = packed;
  for (let turn = 0; turn < 200; turn++) fill();
  expect(packed.bytes).toBe(bytes);
});

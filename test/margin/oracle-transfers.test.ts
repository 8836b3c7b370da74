/** What can leave where it may leave a debt, against the oracle (rules: 8, 17 and 18). */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { toPlain, type Decimal } from '../../src/margin/decimal.js';
import { checkTransferOut, maxTransferable } from '../../src/margin/solve/transferable.js';
import { withBalanceChanges } from '../../src/margin/state/account.js';
import { assessMargin, initialMarginBalance } from '../../src/margin/state/assess.js';
import { nearDebt } from '../support/oracle/near-debt.js';
import { toMargin } from '../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../support/oracle/random-portfolio.js';
import { plainText } from '../support/oracle/rational.js';
import { maxTransferableBy } from '../support/oracle/transferable.js';

/** As in oracle.test.ts. */
const RUNS = Number(process.env['ORACLE_RUNS'] ?? 700);
const SEED = process.env['ORACLE_SEED'];

const tapes = fc.array(fc.nat(), { minLength: 20, maxLength: 400, size: 'max' });

/** Compares with the oracle; what the portfolio is an example of. */
function examine(numbers: readonly number[]): string[] {
  const asked = nearDebt(randomPortfolio(numbers), numbers);
  if (asked === null) return [];
  const { portfolio, symbol } = asked;
  const { account, market, policy } = toMargin(portfolio);
  const leaves = maxTransferable(symbol, account, market, policy);
  expect(toPlain(leaves)).toBe(plainText(maxTransferableBy(symbol, portfolio), 150));
  const check = (quantity: Decimal): unknown => checkTransferOut(symbol, quantity, account, market, policy);
  expect(check(leaves.plus('1e-18'))).not.toBeNull();
  if (!leaves.gt(0)) return ['nothing leaves'];
  expect(check(leaves)).toBeNull();
  const taken = { asset: symbol, quantity: leaves.negated(), kind: 'TRANSFER' } as const;
  const before = assessMargin(account, market, policy);
  const after = assessMargin(withBalanceChanges(account, [taken]), market, policy);
  expect(initialMarginBalance(after).gte(after.initialMargin)).toBe(true);

  const held = before.collateral.find(({ asset }) => asset === symbol);
  const left = after.collateral.find(({ asset }) => asset === symbol);
  const part = held?.quantity.eq(leaves) === true ? 'all' : 'a part';
  const isPaid = after.collateral.some(({ quantity, equity }) => quantity.lt(0) && equity.gt(quantity));
  return [
    `${part} leaves`,
    ...(left?.equity.lt(0) === true ? [`${part} leaves, and a debt stays`] : []),
    ...(left?.initialMargin.gt(0) === true ? [`${part} leaves, and a debt that requires margin stays`] : []),
    ...(isPaid ? [`${part} leaves, and profit pays a debt`] : []),
  ];
}

describe(`what can leave near a debt, ${RUNS} portfolios`, () => {
  it(
    'is what the oracle finds, is accepted, leaves what is accepted, and is the most that is',
    () => {
      fc.assert(
        fc.property(tapes, (numbers) => void examine(numbers)),
        { numRuns: RUNS, endOnFailure: SEED === undefined, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
      );
    },
    60_000 + RUNS * 100,
  );

  it('ends before the debt, within it, and beyond it', () => {
    const seen: Record<string, number> = {};
    for (const numbers of fc.sample(tapes, { numRuns: 500, seed: 7 })) {
      for (const what of examine(numbers)) seen[what] = (seen[what] ?? 0) + 1;
    }
    const least: Record<string, number> = {
      'nothing leaves': 20,
      'all leaves': 20,
      'a part leaves': 20,
      'all leaves, and a debt stays': 10,
      'a part leaves, and a debt stays': 10,
      'all leaves, and a debt that requires margin stays': 5,
      'a part leaves, and a debt that requires margin stays': 10,
      'a part leaves, and profit pays a debt': 10,
    };
    const missing = Object.entries(least).filter(([what, times]) => (seen[what] ?? 0) < times);
    expect({ missing, seen: missing.length === 0 ? {} : seen }).toEqual({ missing: [], seen: {} });
  });
});

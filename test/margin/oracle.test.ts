import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { withBalanceChanges } from '../../src/margin/state/account.js';
import { assessMargin, initialMarginBalance } from '../../src/margin/state/assess.js';
import { decimal, toPlain, type Decimal } from '../../src/margin/decimal.js';
import { assetLiquidationPrice, positionLiquidationPrice } from '../../src/margin/solve/liquidation-price.js';
import { checkTransferOut, maxTransferable } from '../../src/margin/solve/transferable.js';
import { assetBounds, isBound, positionBounds, type Bounds } from '../support/oracle/liquidation.js';
import type { Portfolio } from '../support/oracle/portfolio.js';
import { minus, most, plainText, plus, rational, zero, type Rational } from '../support/oracle/rational.js';
import { isolatedState, asQuoted, stateOf } from '../support/oracle/state.js';
import { maxTransferableBy } from '../support/oracle/transferable.js';
import { toMargin } from '../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../support/oracle/random-portfolio.js';

/** `ORACLE_RUNS=100000 npx jest test/margin/oracle` for the long run; ORACLE_SEED repeats one. */
const RUNS = Number(process.env['ORACLE_RUNS'] ?? 700);
const SEED = process.env['ORACLE_SEED'];

const tapes = fc.array(fc.nat(), { maxLength: 1_500, size: 'max' });

function sameForAll(compare: (portfolio: Portfolio, numbers: readonly number[]) => void): void {
  fc.assert(
    fc.property(tapes, (numbers) => compare(randomPortfolio(numbers), numbers)),
    // Shrinking takes minutes: ask for it with the seed that failed.
    { numRuns: RUNS, endOnFailure: SEED === undefined, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
  );
}

/** Exact: an oracle's sum that the server states with the same digits. */
function exact(value: Rational): string {
  return plainText(value, 150) ?? 'not finite';
}

function optional(value: Decimal | null): string | null {
  return value === null ? null : toPlain(value);
}

function optionalExact(value: Rational | null): string | null {
  return value === null ? null : exact(value);
}

function shown({
  reason,
  price,
  otherPrice,
}: {
  reason: string | null;
  price: Decimal | null;
  otherPrice: Decimal | null;
}) {
  return { reason, price: optional(price), otherPrice: optional(otherPrice) };
}

function expected({ reason, price, otherPrice }: Bounds) {
  return { reason, price: optionalExact(price), otherPrice: optionalExact(otherPrice) };
}

function expectBounds(bounds: Bounds): void {
  if (bounds.below !== null) expect(isBound(bounds.below, -1n, bounds)).toBe(true);
  if (bounds.above !== null) expect(isBound(bounds.above, 1n, bounds)).toBe(true);
}

describe(`the rules against the oracle, ${RUNS} portfolios`, () => {
  it(
    'agree on collateral, requirement, ratio, status, liquidation prices and what can leave',
    () => {
      sameForAll((portfolio, numbers) => {
        const { account, market, policy } = toMargin(portfolio);
        const report = assessMargin(account, market, policy);
        const state = stateOf(portfolio);
        const available = minus(plus(state.initialCollateral, state.pnlBeside), state.initialMargin);
        expect({
          status: report.status,
          wallet: toPlain(report.walletValue),
          collateral: toPlain(report.collateralValue),
          initialCollateral: toPlain(report.initialCollateralValue),
          available: toPlain(report.availableMargin),
          pnl: toPlain(report.unrealizedPnl),
          marginBalance: toPlain(report.marginBalance),
          initialMargin: toPlain(report.initialMargin),
          forOrders: toPlain(report.openOrderInitialMargin),
          maintenanceMargin: toPlain(report.maintenanceMargin),
          ratio: optional(report.marginRatio),
        }).toEqual({
          status: state.status,
          wallet: exact(state.wallet),
          collateral: exact(state.collateral),
          initialCollateral: exact(state.initialCollateral),
          available: exact(state.status === 'UNPRICED' ? zero : most(zero, available)),
          pnl: exact(state.pnl),
          marginBalance: exact(state.marginBalance),
          initialMargin: exact(state.initialMargin),
          forOrders: exact(state.forOrders),
          maintenanceMargin: exact(state.maintenanceMargin),
          ratio: optionalExact(state.ratio),
        });

        // Liquidation prices and transfers of a few, so that large portfolios do not take all the time.
        const first = numbers[0] ?? 0;
        const some = <T>(list: readonly T[], most: number): T[] =>
          Array.from({ length: Math.min(list.length, most) }, (_, index) => list[(first + index) % list.length] as T);

        for (const position of some(portfolio.positions, 3)) {
          const own = report.positions.find(
            ({ instrument, side }) => instrument === position.instrument && (side === 'LONG') === position.long,
          );
          if (own === undefined) throw new Error('a position is missing from the report');
          if (position.isolated) {
            const mark = asQuoted.mark(position.instrument, portfolio);
            expect(own.status).toBe(isolatedState(position, portfolio, mark).status);
          }
          for (const follows of [false, true]) {
            const bounds = positionBounds(position, portfolio, follows);
            expect(shown(positionLiquidationPrice(own, account, report, policy, follows))).toEqual(expected(bounds));
            expectBounds(bounds);
          }
        }
        for (const { symbol } of some(portfolio.assets, 2)) {
          const bounds = assetBounds(symbol, portfolio);
          expect(shown(assetLiquidationPrice(symbol, account, report, market, policy))).toEqual(expected(bounds));
          expectBounds(bounds);

          const leaves = maxTransferable(symbol, account, market, policy);
          expect(toPlain(leaves)).toBe(exact(maxTransferableBy(symbol, portfolio)));
          if (leaves.gt(0)) {
            expect(checkTransferOut(symbol, leaves, account, market, policy)).toBeNull();
            const taken = { asset: symbol, quantity: leaves.negated(), kind: 'TRANSFER' } as const;
            const after = assessMargin(withBalanceChanges(account, [taken]), market, policy);
            const isOff = account.switchedOff.includes(symbol);
            const isFree = portfolio.multiAsset ? isOff : symbol !== portfolio.single;
            expect(isFree || initialMarginBalance(after).gte(after.initialMargin)).toBe(true);
          }
          expect(checkTransferOut(symbol, leaves.plus('1e-18'), account, market, policy)).not.toBeNull();
        }
      });
    },
    60_000 + RUNS * 100,
  );
});

describe('what the random portfolios cover', () => {
  it('has every status, both bounds, jumps, transfers in part, and boundaries', () => {
    const seen: Record<string, number> = {};
    const count = (what: string): void => {
      seen[what] = (seen[what] ?? 0) + 1;
    };
    for (const numbers of fc.sample(tapes, { numRuns: 600, seed: 7 })) {
      const portfolio = randomPortfolio(numbers);
      const { account, market, policy } = toMargin(portfolio);
      const report = assessMargin(account, market, policy);
      count(report.status);
      const { liquidationRatio } = policy;
      const side = liquidationRatio.sideOf(report.maintenanceMargin, report.marginBalance);
      if (side === 0 && !report.maintenanceMargin.isZero()) count('equality');
      if (!liquidationRatio.isOne) count(side === 0 ? 'equality of early liquidation' : 'early liquidation');
      if (portfolio.positions.length > 20) count('many positions');
      if (portfolio.assets.length > 20) count('many assets');
      if (report.initialCollateralValue.lt(report.collateralValue)) count('counts less at first');
      if (report.openOrderInitialMargin.gt(0)) count('orders need initial margin');
      for (const { staleSymbols, instrument, side, maintenanceMargin } of report.openOrders) {
        if (maintenanceMargin?.gt(0) === true) count('orders need maintenance margin');
        if (staleSymbols.includes(instrument)) count('orders at a stale mark');
        if (!account.positions.some((own) => own.instrument === instrument && (side ?? own.side) === own.side)) {
          count('orders alone');
        }
      }
      for (const position of report.positions) {
        if (position.marginMode === 'ISOLATED') count(`isolated ${position.status}`);
        const price = positionLiquidationPrice(position, account, report, policy, true);
        count(price.reason ?? (price.otherPrice === null ? 'one side' : 'both sides'));
        if (price.price !== null && toPlain(price.price) === toPlain(position.markPrice ?? decimal(0)))
          count('at the mark');
      }
      for (const { asset, quantity, equity, switchedOff } of report.collateral) {
        if (switchedOff) count(equity.lt(0) ? 'owed, and switched off' : 'held, and switched off');
        if (switchedOff && !equity.eq(quantity)) count('PnL settled in what is switched off, as equity');
        const most = maxTransferable(asset, account, market, policy);
        if (most.gt(0) && most.lt(quantity)) count('leaves in part');
        if (most.gt(0) && switchedOff && report.maintenanceMargin.gt(0))
          count('leaves, switched off, beside a position');
      }
    }
    const least: Record<string, number> = {
      NO_EXPOSURE: 10,
      HEALTHY: 30,
      WARNING: 10,
      MARGIN_CALL: 10,
      LIQUIDATION: 10,
      UNPRICED: 10,
      equality: 5,
      'equality of early liquidation': 3,
      'early liquidation': 50,
      'many positions': 5,
      'many assets': 5,
      'counts less at first': 50,
      'orders need initial margin': 50,
      'orders need maintenance margin': 50,
      'orders at a stale mark': 3,
      'orders alone': 10,
      'isolated HEALTHY': 10,
      'isolated LIQUIDATION': 10,
      'one side': 50,
      'both sides': 10,
      NOT_REACHABLE: 5,
      ALREADY_LIQUIDATABLE: 10,
      'at the mark': 1,
      'leaves in part': 20,
      'held, and switched off': 50,
      'owed, and switched off': 20,
      'PnL settled in what is switched off, as equity': 5,
      'leaves, switched off, beside a position': 10,
    };
    const missing = Object.entries(least).filter(([what, times]) => (seen[what] ?? 0) < times);
    expect({ missing, seen: missing.length === 0 ? {} : seen }).toEqual({ missing: [], seen: {} });
  });

  it('reads plain decimals as the rationals that they are', () => {
    expect(plainText(rational('-12.50'), 18)).toBe('-12.5');
    expect(plainText({ n: 1n, d: 3n }, 18)).toBeNull();
  });
});

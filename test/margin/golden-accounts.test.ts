/** Whole accounts, step by step, against test/golden/accounts.json: balances, positions, sums, and what follows. */
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { assessMargin } from '../../src/margin/state/assess.js';
import { decimal, toPlain, type Decimal } from '../../src/margin/decimal.js';
import { assetLiquidationPrice, positionLiquidationPrice } from '../../src/margin/solve/liquidation-price.js';
import { maxTransferable } from '../../src/margin/solve/transferable.js';
import type { Portfolio } from '../support/oracle/portfolio.js';
import { toMargin } from '../support/oracle/portfolio-to-margin.js';

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), 'utf8')) as T;
}

interface GoldenAccount {
  readonly id: string;
  readonly what: string;
  readonly portfolio: Portfolio;
  readonly collateral: readonly { asset: string; value: string; tiers: string[]; collateralValue: string }[];
  readonly positions: readonly Record<string, string>[];
  readonly margin: Readonly<Record<string, string | null>>;
  readonly liquidationPrices: readonly {
    position: number;
    indexFollows: boolean;
    reason: string | null;
    price: string | null;
    otherPrice: string | null;
  }[];
  readonly maxTransferable: readonly { asset: string; quantity: string }[];
}

/** The file is older than units and settlement assets. */
function inUsdt(portfolio: Portfolio): Portfolio {
  const instruments = portfolio.instruments.map((each) => ({ ...each, settlement: 'USDT' }));
  return { ...portfolio, unit: 'USDT', single: 'USDT', instruments };
}

/** The named fields of a report as texts. */
function fields(report: object, names: readonly string[]): Record<string, unknown> {
  const values = new Map<string, unknown>(Object.entries(report));
  return Object.fromEntries(
    names.map((name) => {
      const value = values.get(name);
      return [name, typeof value === 'object' && value !== null ? toPlain(value as Decimal) : value];
    }),
  );
}

const ACCOUNTS = golden<GoldenAccount[]>('accounts');

describe.each(ACCOUNTS.map((one) => [one.id, one.what, one] as const))('%s: %s', (_id, _what, expected) => {
  const { account: state, market: prices, policy: rules } = toMargin(inUsdt(expected.portfolio));
  const report = assessMargin(state, prices, rules);

  it('counts each balance', () => {
    const shown = report.collateral.map(({ asset, value, tiers, collateralValue }) => ({
      asset,
      value: toPlain(value ?? decimal('NaN')),
      tiers: tiers.map((tier) => `${toPlain(tier.value)} x ${toPlain(tier.ratio)} = ${toPlain(tier.collateralValue)}`),
      collateralValue: toPlain(collateralValue),
    }));
    expect(shown).toEqual(expected.collateral);
  });

  it('requires of each position', () => {
    report.positions.forEach((own, index) => {
      const wanted = expected.positions[index] ?? {};
      const names = Object.keys(wanted).filter((name) => name !== 'why');
      expect({ ...fields(own, names), why: wanted['why'] }).toEqual(wanted);
    });
    expect(report.positions).toHaveLength(expected.positions.length);
  });

  it('adds up', () => {
    expect(fields(report, Object.keys(expected.margin))).toEqual(expected.margin);
  });

  it('is liquidated where it should be', () => {
    for (const { position: index, indexFollows, reason, price, otherPrice } of expected.liquidationPrices) {
      const own = report.positions[index];
      if (own === undefined) throw new Error('no such position');
      const found = positionLiquidationPrice(own, state, report, rules, indexFollows);
      expect(fields(found, ['reason', 'price', 'otherPrice'])).toEqual({ reason, price, otherPrice });
    }
    expect(assetLiquidationPrice('USDT', state, report, prices, rules).price).toBeNull();
  });

  it('lets go what it may', () => {
    for (const { asset, quantity } of expected.maxTransferable) {
      expect(toPlain(maxTransferable(asset, state, prices, rules))).toBe(quantity);
    }
  });
});

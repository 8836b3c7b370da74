/**
 * Every field of every answer of margin/ against a former build of it: arithmetic may change, and no digit with it.
 *
 *   FORMER=/path/to/a/built/checkout ORACLE_RUNS=100000 npm test -- test/margin/former
 */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import {
  type Decimal,
  decimal,
  quotientDown,
  quotientHalfEven,
  quotientUp,
  roundDown,
  roundUp,
} from '../../src/margin/decimal.js';
import { simulate, type SimulatedChanges } from '../../src/margin/change/simulate.js';
import { assetLiquidationPrice, positionLiquidationPrice } from '../../src/margin/solve/liquidation-price.js';
import { stress } from '../../src/margin/solve/stress.js';
import { checkTransferOut, maxTransferable } from '../../src/margin/solve/transferable.js';
import { assessMargin } from '../../src/margin/state/assess.js';
import { formerMargin, translated, translatedMarket } from '../../bench/former.js';
import type { Portfolio } from '../support/oracle/portfolio.js';
import { toMargin, type Arguments } from '../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../support/oracle/random-portfolio.js';

const FORMER = process.env['FORMER'] ?? '';
const RUNS = Number(process.env['ORACLE_RUNS'] ?? 700);
const SEED = process.env['ORACLE_SEED'];

/** The functions that are compared, of either build. */
const NOW = {
  ...{ decimal, quotientDown, quotientHalfEven, quotientUp, roundDown, roundUp },
  ...{
    simulate,
    assetLiquidationPrice,
    positionLiquidationPrice,
    stress,
    checkTransferOut,
    maxTransferable,
    assessMargin,
  },
};
type Margin = typeof NOW;

/** A door out of the test's world: see test/support/environment.js. */
declare const importBuilt: (path: string) => Promise<object>;

const FILES = ['decimal', 'simulate', 'liquidation-price', 'stress', 'transferable', 'assess'];

/** What a former build does not answer. */
const ADDED: readonly string[] = ['openOrders', 'openOrderInitialMargin', 'switchedOff'];

/** Plain data with decimals as texts, so that a difference is one of text. */
function asText(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('toFixed' in value) return (value as Decimal).toFixed().replace(/^-0$/, '0');
  if (Array.isArray(value)) return value.map(asText);
  const known = Object.entries(value).filter(([name]) => !ADDED.includes(name));
  return Object.fromEntries(known.map(([name, each]) => [name, asText(each)]));
}

/** Reads choices off the end of the tape, where the portfolio does not. */
type Pick = <T>(...choices: readonly [T, ...T[]]) => T;

/** Amounts that no venue has, and that the bounds of inputs allow, or nearly. */
const EXTREMES = [
  '0.000000000000000001',
  '0.000000000123456789',
  '1000000000000000',
  '123456789012345678901234567',
  '0',
] as const;

/** Without what a former build does not know: nothing rests, and nothing is switched off. */
function plain(portfolio: Portfolio): Portfolio {
  const assets = portfolio.assets.map((asset) => ({ ...asset, switchedOff: false }));
  return { ...portfolio, assets, orders: [] };
}

function withExtremes(portfolio: Portfolio, pick: Pick): Portfolio {
  if (pick(true, true, false)) return portfolio;
  const sometimes = (text: string): string => pick(text, text, text, pick(...EXTREMES));
  const above0 = (text: string): string =>
    sometimes(text) === '0' ? text : pick(text, text, pick(...(EXTREMES.slice(0, 4) as [string, ...string[]])));
  return {
    ...portfolio,
    assets: portfolio.assets.map((asset) => ({
      ...asset,
      quantity: pick('', '', '-') + sometimes(asset.quantity).replace('-', ''),
      price: asset.price === null ? null : above0(asset.price),
    })),
    positions: portfolio.positions.map((position) => ({
      ...position,
      size: above0(position.size),
      cost: sometimes(position.cost),
      margin: position.isolated ? sometimes(position.margin) : '0',
    })),
    instruments: portfolio.instruments.map((each) => ({
      ...each,
      mark: each.mark === null ? null : above0(each.mark),
    })),
  };
}

interface Question extends Arguments {
  readonly symbols: readonly string[];
  readonly positions: readonly number[];
  readonly quantities: readonly Decimal[];
  readonly shocks: readonly Decimal[];
  readonly changes: SimulatedChanges;
  readonly fractions: readonly (readonly [Decimal, Decimal])[];
}

function questionOf(portfolio: Portfolio, pick: Pick): Question {
  const some = <T>(list: readonly T[], most: number): T[] => {
    const first = pick(0, 1, 2, 3, 5, 7, 11, 13);
    return Array.from({ length: Math.min(list.length, most) }, (_, index) => list[(first + index) % list.length] as T);
  };
  const asked = toMargin(portfolio);
  const amount = (): Decimal =>
    decimal(pick('1', '0.3', '17.25', '0.000000000000000007', '1234567.89', '-3', '-0.01', ...EXTREMES));
  const instruments = some(portfolio.instruments, 3).map(({ symbol }) => symbol);
  const assets = some(portfolio.assets, 3).map(({ symbol }) => symbol);
  const positive = (): Decimal => decimal(pick('1', '0.3', '17.25', '0.000000000000000007', '1234567.89'));
  return {
    ...asked,
    symbols: assets,
    positions: some([...portfolio.positions.keys()], 4),
    quantities: [positive(), positive()],
    shocks: ['-1', '-0.5', '-0.123456789', '0.000000000000000001', '3'].map(decimal),
    changes: {
      // Switches nothing in any former build.
      collateralAssets: [],
      collateralMode: pick(null, null, 'SINGLE_ASSET', 'MULTI_ASSET'),
      marginModes: instruments.slice(0, 1).map((instrument) => ({ instrument, marginMode: pick('CROSS', 'ISOLATED') })),
      leverages: instruments.map((instrument) => ({
        instrument,
        leverage: decimal(pick('1', '3', '20', '125', '0.5')),
      })),
      transfers: assets.map((asset) => ({ asset, quantity: amount() })),
      margins: some(portfolio.positions, 2).map(({ instrument, long }) => ({
        instrument,
        positionSide: long ? 'LONG' : 'SHORT',
        quantity: amount(),
      })),
      // Rest in no former build.
      orders: [],
      trades: instruments.map((instrument) => ({
        ...{ instrument, side: pick('BUY', 'SELL'), positionSide: portfolio.hedge ? pick('LONG', 'SHORT') : null },
        ...{ size: positive(), price: pick(null, positive()), fee: pick(decimal('0'), decimal('0.123')) },
      })),
      prices: assets.map((symbol) => ({ symbol, price: positive() })),
    },
    fractions: [0, 1, 2].map(() => [amount(), amount()] as const),
  };
}

/** All answers to the question. */
function answersOf(margin: Margin, question: Question): unknown {
  const { account, market, policy, symbols, quantities, shocks, changes } = question;
  const report = margin.assessMargin(account, market, policy);
  const context = { settings: new Map(), platformRoom: new Map() };
  const simulation = margin.simulate(account, changes, market, policy, context);
  return asText({
    report,
    positions: question.positions.flatMap((index) => {
      const position = report.positions[index];
      if (position === undefined) throw new Error('no such position');
      const priced = (follows: boolean): unknown =>
        margin.positionLiquidationPrice(position, account, report, policy, follows);
      return [priced(false), priced(true)];
    }),
    assets: symbols.map((symbol) => ({
      liquidation: margin.assetLiquidationPrice(symbol, account, report, market, policy),
      most: margin.maxTransferable(symbol, account, market, policy),
      refusals: quantities.map((quantity) => margin.checkTransferOut(symbol, quantity, account, market, policy)),
    })),
    shocked: margin.stress(account, market, policy, shocks, symbols.slice(0, 1)),
    simulated: { ...simulation, market: null },
    rounded: question.fractions.map(([a, b]) => [
      ...[margin.roundUp(a.times(b)), margin.roundDown(a.times(b)), a.cmp(b), a.minus(b), a.toNumber()],
      ...(b.isZero() ? [] : [margin.quotientUp(a, b), margin.quotientDown(a, b), margin.quotientHalfEven(a, b)]),
    ]),
  });
}

(FORMER === '' ? describe.skip : describe)(`${RUNS} portfolios in a former build`, () => {
  it(
    'have the same answers to the last digit',
    async () => {
      const former = await formerMargin<Margin>(FORMER, FILES, importBuilt);
      const tapes = fc.array(fc.nat(), { maxLength: 1_500, size: 'max' });
      const seen: Record<string, number> = {};
      fc.assert(
        fc.property(tapes, (numbers) => {
          let next = numbers.length;
          const pick: Pick = (...choices) => choices[(numbers[--next] ?? 0) % choices.length] as (typeof choices)[0];
          const question = questionOf(withExtremes(plain(randomPortfolio(numbers)), pick), pick);
          const answers = answersOf(NOW, question);
          const { market, ...rest } = question;
          const asked = { ...translated(rest, former.decimal), market: translatedMarket(market, former.decimal) };
          expect(answers).toEqual(answersOf(former, asked));
          const { status } = (answers as { report: { status: string } }).report;
          seen[status] = (seen[status] ?? 0) + 1;
        }),
        { numRuns: RUNS, endOnFailure: SEED === undefined, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
      );
      expect(Object.keys(seen)).toHaveLength(6);
    },
    60_000 + RUNS * 100,
  );
});

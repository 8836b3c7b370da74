/** ADL quantiles from the columns against scores in exact decimals, each compared with all others (rules: 24). */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { textOf } from '../../../src/ledger/account-text.js';
import { ZERO } from '../../../src/margin/decimal.js';
import type { AccountState, Market, Policy, PositionSide } from '../../../src/margin/model.js';
import { assessMargin, isolatedMarginBalance } from '../../../src/margin/state/assess.js';
import { AdlRanks } from '../../../src/risk/impact/adl-ranks.js';
import { account, market, policy, position } from '../../support/oracle/margin-builders.js';
import { toMargin } from '../../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../../support/oracle/random-portfolio.js';
import { unitStatesOf } from '../columns/adversary.js';
import { ordinaryAccounts, ordinaryMarkets, ordinaryPolicy } from '../columns/ordinary.js';
import { VENUE, worldOf, type World } from './world.js';

const RUNS = Number(process.env['ADL_RUNS'] ?? 60);
const NEVER = new AbortController().signal;
/** Scores are ordered by seven digits. */
const NEAR = 1e-6;

interface Scored {
  readonly id: string;
  readonly instrument: string;
  readonly side: PositionSide;
  readonly score: number;
}

function scoresOf({ states, market: prices, policy: rules }: World): Scored[] {
  return [...states].flatMap(([id, state]) => {
    const report = assessMargin(state, prices, rules);
    const wallet = Math.max(1, report.walletValue.toNumber());
    return report.positions.map((one) => {
      const { instrument, side, settlementPrice, marginRatio } = one;
      const [balance, maintenance] =
        one.marginMode === 'ISOLATED'
          ? [isolatedMarginBalance(one), one.maintenanceMargin ?? ZERO]
          : [report.marginBalance, report.maintenanceMargin];
      const ratio = marginRatio === null ? 0 : maintenance.toNumber() / balance.toNumber();
      const gain = (one.unrealizedPnl ?? ZERO).times(settlementPrice?.price ?? ZERO).toNumber();
      return { id, instrument, side, score: (Math.max(0, gain) / wallet) * ratio };
    });
  });
}

/** The least and the most that the quantile may be, where a score may be off by its last digits. */
function boundsOf(one: Scored, all: readonly Scored[]): [number, number] {
  const among = all.filter(({ instrument, side }) => instrument === one.instrument && side === one.side);
  const smaller = (than: number): number => among.filter(({ score }) => score < than).length;
  const quantile = (count: number): number => Math.floor((5 * count) / among.length);
  return [quantile(smaller(one.score * (1 - NEAR))), quantile(smaller(one.score * (1 + NEAR)))];
}

/** The world, evaluated: statuses are what the margin loop has settled. */
function settled(states: readonly AccountState[], prices: Market, rules: Policy): World {
  const world = worldOf(states, prices, rules);
  const { columns } = world.accounts;
  for (const [id, state] of world.states) {
    const units = unitStatesOf(assessMargin(state, prices, rules));
    columns.unitsOf(id).forEach((unit, index) => {
      columns.settle(unit, { status: units[index]?.status ?? 'HEALTHY', low: 0, high: 0 });
    });
  }
  return world;
}

async function expectRanks(world: World): Promise<number[]> {
  const ranks = new AdlRanks(world.accounts.columns);
  await ranks.compute(NEVER);
  const scores = scoresOf(world);
  return scores.map((one) => {
    const found = ranks.quantileOf(one.id, VENUE, one.instrument, one.side);
    const [least, most] = boundsOf(one, scores);
    expect({ ...one, found: found === null || found < least || found > most ? found : 'right' }).toMatchObject({
      found: 'right',
    });
    return found ?? NaN;
  });
}

describe('quantiles', () => {
  it('are those of exact scores, over ordinary accounts with cross and isolated positions', async () => {
    const accounts = ordinaryAccounts(600);
    for (const prices of ordinaryMarkets(3)) {
      const found = await expectRanks(settled(accounts, prices, ordinaryPolicy()));
      expect(found).toEqual(expect.arrayContaining([0, 2, 3, 4]));
    }
  });

  it('are those of exact scores, over random portfolios under one policy', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.integer({ min: 0, max: 1_000 }), { minLength: 40, maxLength: 40 }), {
          minLength: 1,
          maxLength: 12,
        }),
        async (draws) => {
          const portfolios = draws.map((numbers) => toMargin(randomPortfolio(numbers)));
          for (const { market: prices, policy: rules } of portfolios.slice(0, 2)) {
            const states = portfolios.map(({ account: state }) => state).filter((state) => fits(state, rules));
            await expectRanks(settled(states, prices, rules));
          }
        },
      ),
      { numRuns: RUNS },
    );
  });
});

/** Whether the policy knows all instruments of the account. */
function fits({ positions, openOrders }: AccountState, rules: Policy): boolean {
  return [...positions, ...openOrders].every(({ instrument }) => rules.instruments.has(instrument));
}

const MARKS = market({ BTCUSDT: '20000' });

/** An account with 10,000 USDT that is long BTC, bought at this price. */
function bought(entry: string, size = '1'): AccountState {
  return account({ USDT: '10000' }, [position({ size, entry })]);
}

const idOf = (number: number): string => `00000000-0000-4000-8000-${String(number).padStart(12, '0')}`;

async function ranked(states: readonly AccountState[], prices = MARKS): Promise<{ ranks: AdlRanks; world: World }> {
  const world = settled(states, prices, policy());
  const ranks = new AdlRanks(world.accounts.columns);
  await ranks.compute(NEVER);
  return { ranks, world };
}

function quantilesOf(ranks: AdlRanks, count: number, side: PositionSide = 'LONG'): (number | null)[] {
  return Array.from({ length: count }, (_, number) => ranks.quantileOf(idOf(number), VENUE, 'BTCUSDT', side));
}

describe('the example of the rules', () => {
  it('ten long positions: those in loss are 0, the others follow by their profit', async () => {
    const entries = ['21000', '20500', '20000', '20001', '22000', '19900', '19800', '19700', '19600', '19500'];
    const { ranks } = await ranked(entries.map((entry) => bought(entry)));
    expect(quantilesOf(ranks, 10)).toEqual([0, 0, 0, 0, 0, 2, 3, 3, 4, 4]);
  });

  it('a position at its own mark is 0, however its digits fall in floats', async () => {
    const sizes = ['0.1', '0.3', '0.7', '1.1', '2.3'];
    const prices = market({ BTCUSDT: '20000.1' });
    const even = sizes.map((size) => bought('20000.1', size));
    const { ranks } = await ranked([...even, ...even.map(() => bought('99999'))], prices);
    expect(quantilesOf(ranks, 10)).toEqual(Array.from({ length: 10 }, () => 0));
  });
});

describe('a position', () => {
  it('without a price is 0, and counts among all', async () => {
    const { ranks } = await ranked([bought('19000'), bought('18000')], market({}));
    expect(quantilesOf(ranks, 2)).toEqual([0, 0]);
  });

  it('is null before the first computation, and where it was not there at the last one', async () => {
    const world = settled([bought('19000')], MARKS, policy());
    const ranks = new AdlRanks(world.accounts.columns);
    expect(quantilesOf(ranks, 1)).toEqual([null]);
    await ranks.compute(NEVER);
    world.accounts.columns.put(idOf(1), 0, textOf(bought('18000')), 1);
    expect(quantilesOf(ranks, 2)).toEqual([0, null]);
    expect(quantilesOf(ranks, 1, 'SHORT')).toEqual([null]);
    await ranks.compute(NEVER);
    expect(quantilesOf(ranks, 2)).toEqual([0, 2]);
  });

  it('keeps its quantile while its account changes', async () => {
    const { ranks, world } = await ranked([bought('19000'), bought('18000')]);
    world.accounts.columns.put(idOf(1), 0, textOf(bought('19999', '0.5')), 9);
    expect(quantilesOf(ranks, 2)).toEqual([0, 2]);
  });

  it('of an account that was removed is gone, also for the account that takes its place', async () => {
    const { ranks, world } = await ranked([bought('19000'), bought('18000')]);
    const { columns } = world.accounts;
    const [cross = NaN] = columns.unitsOf(idOf(1));
    ranks.forget(cross);
    columns.remove(idOf(1));
    columns.put(idOf(2), 0, textOf(bought('18000')), 1);
    expect(columns.unitsOf(idOf(2))).toEqual([cross]);
    expect(quantilesOf(ranks, 3)).toEqual([0, null, null]);
  });
});

describe('a computation', () => {
  const many = Array.from({ length: 3_000 }, (_, number) => bought(String(15_000 + number)));

  it('that meets removals and new accounts on its way ranks what is left', async () => {
    const world = settled(many, MARKS, policy());
    const { columns } = world.accounts;
    const ranks = new AdlRanks(columns);
    const computed = ranks.compute(NEVER);
    for (const number of [0, 1_500, 2_999]) {
      const [cross = NaN] = columns.unitsOf(idOf(number));
      ranks.forget(cross);
      columns.remove(idOf(number));
      columns.put(idOf(5_000 + number), 0, textOf(bought('1')), 1);
    }
    await computed;
    const found = quantilesOf(ranks, 3_000);
    for (const number of [0, 1_500, 2_999]) expect(found[number]).toBeNull();
    expect([found[1], found[2_998]]).toEqual([4, 0]);
  });

  it('ends when it is told to, and what was ranked before stands', async () => {
    const world = settled(many, MARKS, policy());
    const ranks = new AdlRanks(world.accounts.columns);
    await ranks.compute(NEVER);
    const ending = new AbortController();
    ending.abort();
    const slow = Array.from({ length: 20 }, () => ranks.compute(ending.signal).catch((error: unknown) => error));
    await Promise.all(slow);
    expect(quantilesOf(ranks, 1)).toEqual([4]);
  });
});

import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { textOf } from '../../../src/ledger/account-text.js';
import { assessMargin } from '../../../src/margin/state/assess.js';
import { decimal, type Decimal } from '../../../src/margin/decimal.js';
import { Fraction } from '../../../src/margin/fraction.js';
import type { AccountState, Market, Policy } from '../../../src/margin/model.js';
import { statusBoundaries } from '../../../src/margin/state/status.js';
import { AccountColumns } from '../../../src/risk/columns/account-columns.js';
import { alertBoundaries } from '../../../src/risk/alerts/alert-machine.js';
import { quietRangeOf, type Watch } from '../../../src/risk/columns/quiet-range.js';
import { PriceColumn } from '../../../src/risk/columns/price-column.js';
import { RuleColumns } from '../../../src/risk/columns/rule-columns.js';
import { prefilter, settleCalm } from '../../../src/risk/columns/prefilter.js';
import { valueUnits } from '../../../src/risk/columns/valuation.js';
import { account, flat, market, policy, position, table } from '../../support/oracle/margin-builders.js';
import { toMargin } from '../../support/oracle/portfolio-to-margin.js';
import { randomPortfolio } from '../../support/oracle/random-portfolio.js';
import { BOUNDARIES, exactly, unitStatesOf, moved, onBoundary, type KnownUnit, type Move } from './adversary.js';
import { ordinaryAccounts, ordinaryMarkets, ordinaryPolicy } from './ordinary.js';

/** `SCREEN_RUNS=100000 npx jest test/risk/columns/prefilter` for the long run; SCREEN_SEED repeats one. */
const RUNS = Number(process.env['SCREEN_RUNS'] ?? 400);
const SEED = process.env['SCREEN_SEED'];

const ID = '00000000-0000-4000-8000-000000000001';

/** One account in columns of its own, with what is known of each of its margin units. */
class Watched {
  readonly columns = new AccountColumns(new RuleColumns(new PriceColumn()));
  private readonly units: number[];
  private known: readonly KnownUnit[] = [];
  private lastSent: readonly (Decimal | null)[] = [];

  constructor(
    readonly account: AccountState,
    private policy: Policy,
    private readonly minChange: Decimal | null,
  ) {
    const { ruleSet } = this.columns.rules.setPolicy('VENUE', null, policy);
    this.units = this.columns.put(ID, ruleSet, textOf(account), 1);
  }

  setPolicy(policy: Policy): void {
    this.policy = policy;
    const { ruleSet, thresholdsChanged } = this.columns.rules.setPolicy('VENUE', null, policy);
    if (thresholdsChanged) for (const unit of this.units) this.columns.settle(unit, AWAKE);
    expect(ruleSet).toBe(0);
  }

  setPrices(market: Market): void {
    const { prices } = this.columns.rules;
    const { unit } = this.policy;
    const settled = [...this.policy.instruments.values()].map(({ settlementAsset }) => settlementAsset);
    for (const asset of [...this.account.balances.map((balance) => balance.asset), ...settled]) {
      if (asset !== unit) prices.set(prices.ofAsset(asset, unit), market.index(asset)?.price ?? null);
    }
    for (const { instrument } of [...this.account.positions, ...this.account.openOrders]) {
      prices.set(prices.ofInstrument('VENUE', instrument), market.mark(instrument)?.price ?? null);
    }
  }

  /** How many margin units fresh columns call calm at these prices; each of them must be. */
  calm(market: Market): number {
    const fresh = new AccountColumns(this.columns.rules);
    const units = Uint32Array.from(fresh.put(ID, 0, textOf(this.account), 1));
    const rest = settleCalm(fresh, units, units.length, new Uint32Array(units.length));
    const unitStates = unitStatesOf(assessMargin(this.account, market, this.policy));
    const lowest = statusBoundaries(this.policy).reduce((a, b) => (a.cmp(b) <= 0 ? a : b));
    units.forEach((unit, index) => {
      const unitState = unitStates[index] as KnownUnit;
      const status = fresh.statusOf(unit);
      if (status === null) return;
      expect(status).toBe(unitState.status);
      if (status === 'HEALTHY') expect(sideOf(unitState, lowest)).toBe(-1);
      else expect(status).toBe('NO_EXPOSURE');
    });
    return units.length - rest;
  }

  /** Margin units that the prefilter wakes, that something happened to, and that are not within their interval. */
  look(market: Market): { awake: boolean[]; due: boolean[]; outside: number[] } {
    this.setPrices(market);
    const awake = new Uint32Array(this.units.length);
    const count = prefilter(this.columns, Uint32Array.from(this.units), this.units.length, awake);
    const woken = new Set(awake.subarray(0, count));
    const unitStates = unitStatesOf(assessMargin(this.account, market, this.policy));
    if (unitStates.length !== this.units.length) throw new Error('There is not a bucket for each level.');
    const answer = {
      awake: this.units.map((unit) => woken.has(unit)),
      due: unitStates.map((unitState, index) => this.isDue(this.known[index], this.lastSent[index] ?? null, unitState)),
      outside: this.units.filter((unit, index) => !this.isWithin(unit, unitStates[index] as KnownUnit)),
    };
    // What woke is settled as it stands now, what sleeps stays as it was known.
    this.known = unitStates.map((unitState, index) =>
      answer.awake[index] === true ? unitState : (this.known[index] ?? unitState),
    );
    this.lastSent = unitStates.map((unitState, index) =>
      answer.awake[index] === true ? unitState.marginRatio : (this.lastSent[index] ?? null),
    );
    this.units.forEach((unit, index) => {
      if (answer.awake[index] !== true) return;
      const watches: Watch[] =
        this.minChange === null ? [] : [{ lastSent: this.lastSent[index] ?? null, minChange: this.minChange }];
      const boundaries = [...BOUNDARIES, ...alertBoundaries(this.policy, [])];
      this.columns.settle(unit, quietRangeOf(this.known[index] as KnownUnit, boundaries, watches));
    });
    return answer;
  }

  private isDue(before: KnownUnit | undefined, lastSent: Decimal | null, now: KnownUnit): boolean {
    if (before === undefined || before.status !== now.status) return true;
    if (now.status === 'UNPRICED' || now.status === 'NO_EXPOSURE') return false;
    // Below, on and above are three sides: whichever of them a boundary counts as its own is then covered.
    const boundaries = [...BOUNDARIES, ...alertBoundaries(this.policy, [])];
    if (boundaries.some((boundary) => sideOf(before, boundary) !== sideOf(now, boundary))) return true;
    if (this.minChange === null) return false;
    if (lastSent === null || now.marginRatio === null) return lastSent !== now.marginRatio;
    return now.marginRatio.minus(lastSent).abs().gte(this.minChange);
  }

  private isWithin(unit: number, { status, rate, ...amounts }: KnownUnit): boolean {
    // An isolated position without a price has no amounts; a cross account has what `assessMargin` could add up.
    if (status === 'UNPRICED' && unit !== this.units[0]) return true;
    const [marginBalance, maintenanceMargin] = [
      amounts.marginBalance.times(rate),
      amounts.maintenanceMargin.times(rate),
    ];
    const interval = new Float64Array(4);
    valueUnits(this.columns, Uint32Array.of(unit), 0, 1, interval, new Uint8Array(1));
    const [low, high, least, most] = [...interval].map(exactly) as [Decimal, Decimal, Decimal, Decimal];
    return (
      marginBalance.gte(low) && marginBalance.lte(high) && maintenanceMargin.gte(least) && maintenanceMargin.lte(most)
    );
  }
}

const AWAKE = { status: 'HEALTHY', low: Infinity, high: 0 } as const;

function sideOf({ marginBalance, maintenanceMargin }: KnownUnit, { numerator, denominator }: Fraction): number {
  return maintenanceMargin.times(denominator).cmp(marginBalance.times(numerator));
}

const sign = fc.constantFrom(-1, 1);
const step = fc.record({
  /** Which of the symbols move, a bit each. */
  which: fc.nat(255),
  sign,
  /** The price moves by 10^-digits of itself; 19: not at all. */
  digits: fc.integer({ min: 1, max: 19 }),
  lastDigits: fc.integer({ min: -2, max: 2 }),
  /** This one has no price, where there is such a symbol. */
  unpriced: fc.oneof({ arbitrary: fc.constant(999), weight: 5 }, { arbitrary: fc.nat(7), weight: 1 }),
  /** What happens to the rules: mostly nothing. */
  rules: fc.constantFrom(
    '',
    '',
    '',
    '',
    '',
    '',
    'debtMarginRate',
    'dropRatio',
    'swapRatios',
    'warningRatio',
    'liquidationRatio',
    'openOrders',
  ),
});
const scenario = fc.record({
  tape: fc.array(fc.nat(), { maxLength: 400, size: 'max' }),
  boundary: fc.option(fc.constantFrom(...BOUNDARIES, 'liquidation' as const, 'liquidation' as const), { freq: 4 }),
  beside: fc.tuple(fc.integer({ min: -3, max: 3 }), fc.integer({ min: 6, max: 18 })),
  minChange: fc.constantFrom(null, '0.001', '0.000001', '0.000000000000000001', '0'),
  steps: fc.array(step, { minLength: 2, maxLength: 6, size: 'max' }),
});

function changedPolicy(policy: Policy, how: string): Policy {
  const ratios = [...policy.collateralRatios];
  switch (how) {
    case 'debtMarginRate':
      return { ...policy, debtMarginRate: policy.debtMarginRate.isZero() ? decimal('0.05') : decimal(0) };
    case 'dropRatio':
      return { ...policy, collateralRatios: new Map(ratios.slice(1)) };
    case 'swapRatios':
      return {
        ...policy,
        collateralRatios: new Map(ratios.map(([asset], index) => [asset, (ratios.at(index - 1) as Ratio)[1]])),
      };
    case 'openOrders': {
      const weighs = policy.openOrders.maintenance === 'WORST_SIDE';
      const openOrders = {
        ...policy.openOrders,
        maintenance: weighs ? ('NONE' as const) : ('WORST_SIDE' as const),
        openLoss: weighs ? ('INITIAL' as const) : ('NONE' as const),
      };
      return { ...policy, openOrders };
    }
    case 'warningRatio':
      return { ...policy, warningRatio: decimal('0.4') };
    case 'liquidationRatio':
      return { ...policy, liquidationRatio: new Fraction(decimal('1'), decimal('1.05')) };
    default:
      return policy;
  }
}
type Ratio = Policy['collateralRatios'] extends ReadonlyMap<infer K, infer V> ? [K, V] : never;

describe('the prefilter', () => {
  it(
    `never lets a bucket sleep to which something happened, in ${RUNS} scenarios`,
    () => {
      let [slept, due, calm] = [0, 0, 0];
      fc.assert(
        fc.property(scenario, ({ tape, boundary, beside: [units, exponent], minChange, steps }) => {
          const { account: held, market, policy } = toMargin(randomPortfolio(tape));
          const beside = decimal(units).times(`1e-${exponent}`);
          const account =
            boundary === null
              ? held
              : onBoundary(
                  held,
                  market,
                  policy,
                  boundary === 'liquidation' ? policy.liquidationRatio : boundary,
                  beside,
                );
          const watched = new Watched(account, policy, minChange === null ? null : decimal(minChange));
          const symbols = [
            ...account.balances.map(({ asset }) => asset),
            ...[...account.positions, ...account.openOrders].map(({ instrument }) => instrument),
          ];
          let rules = policy;
          const problems: string[] = [];
          for (const { which, sign, digits, lastDigits, unpriced, rules: how } of [...steps, STAY]) {
            const relative = decimal(1).plus(digits === 19 ? 0 : decimal(`1e-${digits}`).times(sign));
            const move: Move = { relative, absolute: decimal('1e-18').times(lastDigits) };
            const moves = symbols.filter((_, index) => (which >> (index % 8)) % 2 === 1).map((s) => [s, move] as const);
            const next = changedPolicy(rules, how);
            if (next !== rules) watched.setPolicy(next);
            rules = next;
            const {
              awake,
              due: happened,
              outside,
            } = watched.look(moved(market, new Map(moves), symbols[unpriced] ?? null));
            if (outside.length > 0) problems.push('The exact amounts are outside their interval.');
            if (happened.some((is, index) => is && awake[index] !== true)) problems.push('It slept.');
            slept += awake.filter((is) => !is).length;
            due += happened.filter((is) => is).length;
            calm += watched.calm(moved(market, new Map(moves), symbols[unpriced] ?? null));
          }
          expect(problems).toEqual([]);
        }),
        { numRuns: RUNS, endOnFailure: SEED === undefined, ...(SEED === undefined ? {} : { seed: Number(SEED) }) },
      );
      // It would be easy never to let anybody sleep.
      expect(slept).toBeGreaterThan(RUNS);
      expect(due).toBeGreaterThan(RUNS);
      expect(calm).toBeGreaterThan(RUNS / 10);
    },
    60_000 + RUNS * 20,
  );

  it('wakes nobody for nothing among ordinary accounts', () => {
    const policy = ordinaryPolicy();
    const watched = ordinaryAccounts(120).map((account) => new Watched(account, policy, decimal('0.001')));
    let [looks, due, forNothing, calm] = [0, 0, 0, 0];
    ordinaryMarkets(20).forEach((market, round) => {
      for (const account of watched) {
        const { awake, due: happened, outside } = account.look(market);
        expect(outside).toEqual([]);
        if (round === 0) continue;
        calm += account.calm(market);
        looks += awake.length;
        due += happened.filter((is) => is).length;
        forNothing += awake.filter((is, index) => is && happened[index] === false).length;
      }
    });
    expect(looks).toBeGreaterThan(3_000);
    expect(calm).toBeGreaterThan(looks / 4);
    expect(due).toBeGreaterThan(50);
    expect(due).toBeLessThan(looks / 2);
    expect(forNothing).toBe(0);
  });
});

describe('a balance without a price', () => {
  it('wakes an account where it would count, and leaves one in LIQUIDATION asleep where it would not', () => {
    const inCoins = table([['0', '0'], ['10', '0.5']], { tierUnit: 'QUANTITY' }); // prettier-ignore
    const rules = policy({
      ratios: { DUST: flat('0'), COIN: inCoins, NEW: { ...flat('1'), countsUnpricedAbove: null } },
    });
    const open = [position({ size: '1', entry: '37500' })];
    const wakes = (balances: Record<string, string>): (boolean | undefined)[] => {
      const watched = new Watched(account({ USDT: '100', ...balances }, open), rules, null);
      return [1, 2, 3].map((digits) => watched.look(market({ BTCUSDT: `3750${digits}` })).awake[0]);
    };
    for (const asset of ['DUST', 'NEW']) expect(wakes({ [asset]: '1' })).toEqual([true, false, false]);
    expect(wakes({ COIN: '9.999999999999999999' })).toEqual([true, true, true]); // its float is 10
    expect(wakes({ COIN: '9.9' })).toEqual([true, false, false]);
    expect(wakes({ COIN: '10.000000000000000001' })).toEqual([true, true, true]);
  });
});

const STAY = { which: 0, sign: 1, digits: 19, lastDigits: 0, unpriced: 999, rules: '' };

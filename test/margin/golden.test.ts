import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { assessMargin } from '../../src/margin/state/assess.js';
import { autoExchange } from '../../src/margin/change/auto-exchange.js';
import { assessBalance } from '../../src/margin/state/collateral.js';
import { decimal, toPlain, type Decimal } from '../../src/margin/decimal.js';
import { interestOfOneHour } from '../../src/margin/change/interest.js';
import { positionLiquidationPrice } from '../../src/margin/solve/liquidation-price.js';
import type { CollateralTable, InstrumentRules, PositionSide } from '../../src/margin/model.js';
import { requirement } from '../../src/margin/state/requirement.js';
import { statusOf } from '../../src/margin/state/status.js';
import {
  account,
  BITGET_BTC,
  flat,
  instrument,
  market,
  policy,
  position,
  table,
} from '../support/oracle/margin-builders.js';

function golden<T>(name: string): T {
  return JSON.parse(readFileSync(new URL(`../golden/${name}.json`, import.meta.url), 'utf8')) as T;
}

// --- Worked examples that the venues and others have published ---

interface Example<In, Out> {
  readonly in: In;
  readonly out: Out;
}

interface Holding {
  readonly quantity: string;
  readonly indexPrice: string;
  readonly ratio: string;
}

interface Examples {
  readonly V01: Example<Omit<Holding, 'ratio'>, { collateralValue: string }>;
  readonly V03: Example<{ BTC: Holding; USDT: Omit<Holding, 'indexPrice'> }, { collateralValue: string }>;
  readonly V05: Example<
    Omit<Holding, 'ratio'> & { tiers: [floor: string, cap: string, ratio: string][] },
    { collateralValue: string }
  >;
  readonly V08: Example<Holding, { collateralValue: string }>;
  /** Maintenance margin by notional. */
  readonly V13: Example<{ instrument: string }, Record<string, string>>;
  readonly V17: Example<
    [{ notional: string; maintenanceRate: string }, { notional: string; leverage: string }],
    [{ maintenanceMargin: string }, { initialMargin: string }]
  >;
  readonly V19: Example<{ walletBalance: string; positions: Row[] }, Record<string, string>>;
  readonly V24: Example<
    { maintenanceRate: string; feeRate: string; rows: [side: PositionSide, leverage: string, entry: string][] },
    string[]
  >;
  readonly V43: Example<{ deficit: string; ratio: string }, { sold: string; tolerance: string }>;
  readonly V44: Example<
    { balance: string; freeThreshold: string; hourlyRate: string },
    { interest: string; 'atThreshold(-1000)': string }
  >;
  readonly V51: Example<Holding, { collateralValue: string }>;
  readonly V53: Example<{ marginBalance: string; maintenanceMargin: string }, Record<string, string>>;
}

interface Row {
  readonly symbol: string;
  readonly side: PositionSide;
  readonly size: string;
  readonly entryPrice: string;
  readonly markPrice: string;
  readonly maintenanceRate: string;
  readonly maintenanceAmount: string;
}

const EXAMPLES = golden<(Example<unknown, unknown> & { id: keyof Examples; what: string })[]>('worked-examples');

function counted(quantity: string, price: string, ratio: CollateralTable): string {
  const rules = policy({ ratios: { X: ratio } });
  const balance = { asset: 'X', quantity: decimal(quantity) };
  return toPlain(assessBalance(balance, 'MULTI_ASSET', market({ X: price }), rules).collateralValue);
}

function expectNear(value: Decimal | null, published: string, tolerance: string): void {
  expect(value?.minus(published).abs().lte(tolerance)).toBe(true);
}

const CHECKS: { readonly [Id in keyof Examples]: (example: Examples[Id]) => void } = {
  V01({ in: given, out }) {
    expect(counted(given.quantity, given.indexPrice, BITGET_BTC)).toBe(out.collateralValue);
  },
  V03({ in: { BTC, USDT }, out }) {
    const rules = policy({ ratios: { BTC: flat(BTC.ratio), USDT: flat(USDT.ratio) } });
    const state = account({ BTC: BTC.quantity, USDT: USDT.quantity });
    expect(toPlain(assessMargin(state, market({ BTC: BTC.indexPrice }), rules).collateralValue)).toBe(
      out.collateralValue,
    );
  },
  V05({ in: given, out }) {
    const rows = given.tiers;
    const tiers = table(
      rows.map(([floor, , ratio]) => [floor, ratio] as const),
      { lastCap: rows.at(-1)?.[1] ?? '' },
    );
    expect(counted(given.quantity, given.indexPrice, tiers)).toBe(out.collateralValue);
  },
  V08({ in: given, out }) {
    expect(counted(given.quantity, given.indexPrice, flat(given.ratio))).toBe(out.collateralValue);
  },
  V13({ in: given, out }) {
    const rules = tiersOf(given.instrument);
    for (const [notional, maintenance] of Object.entries(out)) {
      expect(toPlain(requirement(decimal(notional), decimal(1), rules, policy()).maintenanceMargin)).toBe(maintenance);
    }
  },
  V17({ in: [first, second], out }) {
    const rules = instrument('X', 'X', [['0', first.maintenanceRate, '0', '100']]);
    const needed = (notional: string, leverage: string) =>
      requirement(decimal(notional), decimal(leverage), rules, policy({ maintenanceMethod: 'FLAT' }));
    expect(toPlain(needed(first.notional, '1').maintenanceMargin)).toBe(out[0].maintenanceMargin);
    expect(toPlain(needed(second.notional, second.leverage).initialMargin)).toBe(out[1].initialMargin);
  },
  V19({ in: given, out }) {
    const rows = given.positions;
    const rules = policy({
      instruments: rows.map(({ symbol, maintenanceRate, maintenanceAmount }) =>
        instrument(symbol, symbol, [['0', maintenanceRate, maintenanceAmount, '20']]),
      ),
    });
    const state = account(
      { USDT: given.walletBalance },
      rows.map(({ symbol, side, size, entryPrice }) => position({ instrument: symbol, side, size, entry: entryPrice })),
    );
    const prices = market(Object.fromEntries(rows.map(({ symbol, markPrice }) => [symbol, markPrice])));
    const report = assessMargin(state, prices, rules);
    for (const own of report.positions) {
      const { price } = positionLiquidationPrice(own, state, report, rules);
      expectNear(price, out[own.instrument] ?? '', out['tolerance'] ?? '');
    }
  },
  V24({ in: given, out }) {
    const rules = policy({
      instruments: [instrument('X', 'X', [['0', given.maintenanceRate, '0', '100']])],
      liquidationFeeRate: decimal(given.feeRate),
    });
    given.rows.forEach(([side, leverage, entry], index) => {
      // One coin at the entry price; entry / leverage is set aside.
      const isolatedMargin = toPlain(
        requirement(decimal(entry), decimal(leverage), tiersLike(entry), policy()).initialMargin,
      );
      const own = position({
        instrument: 'X',
        side,
        size: '1',
        entry,
        leverage,
        marginMode: 'ISOLATED',
        isolatedMargin,
      });
      const state = account({}, [own]);
      const report = assessMargin(state, market({ X: entry }), rules);
      const [first] = report.positions;
      if (first === undefined) throw new Error('no position');
      expectNear(positionLiquidationPrice(first, state, report, rules).price, out[index] ?? '', '0.00000000000002');
    });
  },
  V43({ in: given, out }) {
    const rules = policy({
      ratios: { BTC: flat(given.ratio) },
      autoExchange: [{ asset: 'USDT', balance: decimal(0) }],
    });
    const prices = market({ BTC: '10000' });
    const changes = autoExchange(account({ BTC: '5', USDT: `-${given.deficit}` }), prices, rules);
    const sold = changes.find(({ asset }) => asset === 'BTC')?.quantity.times(-10_000) ?? null;
    expectNear(sold, out.sold, out.tolerance);
  },
  V44({ in: given, out }) {
    const rule = { asset: 'USDT', hourlyRate: decimal(given.hourlyRate), freeThreshold: decimal(given.freeThreshold) };
    expect(toPlain(interestOfOneHour(decimal(given.balance), rule))).toBe(out.interest);
    expect(toPlain(interestOfOneHour(decimal('-1000'), rule))).toBe(out['atThreshold(-1000)']);
  },
  V51({ in: given, out }) {
    expect(counted(given.quantity, given.indexPrice, flat(given.ratio))).toBe(out.collateralValue);
  },
  V53({ in: given, out }) {
    const at = (liquidatesAtEquality: boolean): string => {
      const status = statusOf(
        decimal(given.marginBalance),
        decimal(given.maintenanceMargin),
        policy({ liquidatesAtEquality }),
      );
      return status === 'LIQUIDATION' ? status : 'not LIQUIDATION';
    };
    expect({ ascendex: at(true), aster: at(false), bitget: at(false) }).toEqual(out);
  },
};

/** Leverage up to 100 and no maintenance margin: initial margin is notional / leverage. */
function tiersLike(symbol: string): InstrumentRules {
  return instrument(symbol, symbol, [['0', '0', '0', '100']]);
}

function tiersOf(symbol: string): InstrumentRules {
  const tables = golden<Record<string, Record<string, string>[]>>('maintenance-tiers');
  const rows = tables[symbol] ?? [];
  return instrument(
    symbol,
    symbol,
    rows.map((row) => [
      row['floor'] ?? '',
      row['maintenanceRate'] ?? '',
      row['maintenanceAmount'] ?? '0',
      row['maxLeverage'] ?? '',
    ]),
  );
}

describe('published worked examples', () => {
  it('are all checked', () => {
    expect(Object.keys(CHECKS).sort()).toEqual(EXAMPLES.map(({ id }) => id).sort());
  });

  it.each(EXAMPLES.map((example) => [example.id, example.what, example] as const))('%s: %s', (id, _what, example) => {
    (CHECKS[id] as (example: Example<unknown, unknown>) => void)(example);
  });
});

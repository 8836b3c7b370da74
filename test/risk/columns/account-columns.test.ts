import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { textOf } from '../../../src/ledger/account-text.js';
import { decimal } from '../../../src/margin/decimal.js';
import type { AccountState, PositionState } from '../../../src/margin/model.js';
import { Bitmap } from '../../../src/risk/columns/bitmap.js';
import { AccountColumns } from '../../../src/risk/columns/account-columns.js';
import { PriceColumn } from '../../../src/risk/columns/price-column.js';
import { RuleColumns } from '../../../src/risk/columns/rule-columns.js';
import { prefilter } from '../../../src/risk/columns/prefilter.js';
import { valueUnits } from '../../../src/risk/columns/valuation.js';
import { account, flat, instrument, policy, position } from '../../support/oracle/margin-builders.js';

const ASSETS = ['A', 'B', 'C', 'D', 'E'] as const;
const INSTRUMENTS = ['P', 'Q', 'R'] as const;
const POLICY = policy({
  ratios: Object.fromEntries(ASSETS.map((asset) => [asset, flat('1')])),
  instruments: INSTRUMENTS.map((symbol) => instrument(symbol, 'A', [['0', '0.5', '0', '10']])),
  assets: { LIKE_A: { pricedAs: 'A' } },
});

function idOf(index: number): string {
  return `01900000-0000-7000-8000-${index.toString(16).padStart(12, '0')}`;
}

function emptyColumns(): { columns: AccountColumns; ruleSet: number } {
  const rules = new RuleColumns(new PriceColumn());
  const { ruleSet } = rules.setPolicy('VENUE', 'CHAIN', POLICY);
  for (const asset of ASSETS) rules.prices.set(rules.prices.ofAsset(asset, 'USDT'), decimal(1));
  for (const symbol of INSTRUMENTS) rules.prices.set(rules.prices.ofInstrument('VENUE', symbol), decimal(1));
  return { columns: new AccountColumns(rules), ruleSet };
}

function holders(columns: AccountColumns, price: number): number[] {
  const dirty = new Bitmap();
  columns.addHolders(price, dirty);
  const out = new Uint32Array(10_000);
  return [...out.subarray(0, dirty.take(out))];
}

/** Every price is 1, so that a margin unit is worth the sum of its quantities. */
function balanceOf(columns: AccountColumns, unit: number): number {
  const interval = new Float64Array(4);
  valueUnits(columns, Uint32Array.of(unit), 0, 1, interval, new Uint8Array(1));
  return ((interval[0] as number) + (interval[1] as number)) / 2;
}

function isolated(symbol: string, margin: string): PositionState {
  return position({ instrument: symbol, size: '1', entry: '1', marginMode: 'ISOLATED', isolatedMargin: margin });
}

describe('the columns', () => {
  it('gives an account a margin unit, and one more for each isolated position', () => {
    const { columns, ruleSet } = emptyColumns();
    const cross = position({ instrument: 'P', size: '2', entry: '1' });
    const state = account({ USDT: '10', A: '5' }, [isolated('Q', '3'), cross, isolated('R', '4')]);
    const units = columns.put(idOf(1), ruleSet, textOf(state), 1);
    expect(units.map((unit) => columns.accountOf(unit))).toEqual([idOf(1), idOf(1), idOf(1)]);
    expect(columns.unitsOf(idOf(1))).toEqual(units);
    // 10 + 5, and 2 x 1 - 2; then margin + 1 x 1 - 1 of each isolated position
    expect(units.map((unit) => balanceOf(columns, unit))).toEqual([15, 3, 4]);
    const { prices } = columns.rules;
    expect(holders(columns, prices.ofAsset('A', 'USDT'))).toEqual([units[0]]);
    expect(holders(columns, prices.ofInstrument('VENUE', 'R'))).toEqual([units[2]]);
    expect(holders(columns, prices.ofInstrument('OTHER', 'R'))).toEqual([]);
  });

  it('touches those who hold an asset that is priced as another', () => {
    const { columns, ruleSet } = emptyColumns();
    const [unit] = columns.put(idOf(1), ruleSet, textOf(account({ LIKE_A: '5' })), 1);
    expect(holders(columns, columns.rules.prices.ofAsset('A', 'USDT'))).toEqual([unit]);
  });

  it('forgets what was known of an account that changes, and of a rule set whose thresholds do', () => {
    const { columns, ruleSet } = emptyColumns();
    const out = new Uint32Array(1);
    const units = Uint32Array.from(columns.put(idOf(1), ruleSet, textOf(account({ A: '5' })), 1));
    const settle = (): void => columns.settle(units[0] as number, { status: 'NO_EXPOSURE', low: 0, high: Infinity });
    expect(prefilter(columns, units, 1, out)).toBe(1);
    settle();
    expect(prefilter(columns, units, 1, out)).toBe(0);
    expect(columns.statusOf(units[0] as number)).toBe('NO_EXPOSURE');
    columns.put(idOf(1), ruleSet, textOf(account({ A: '6' })), 1);
    expect(prefilter(columns, units, 1, out)).toBe(1);
    expect(columns.statusOf(units[0] as number)).toBeNull();
    settle();
    const { thresholdsChanged } = columns.rules.setPolicy('VENUE', 'CHAIN', {
      ...POLICY,
      warningRatio: decimal('0.4'),
    });
    expect(thresholdsChanged).toBe(true);
    const dirty = new Bitmap();
    columns.addRuleSet(ruleSet, dirty, thresholdsChanged);
    expect(dirty.take(out)).toBe(1);
    expect(prefilter(columns, units, 1, out)).toBe(1);
  });

  it('know after any changes what columns that were filled at once know', () => {
    const change = fc.record({
      id: fc.nat(30),
      remove: fc.boolean(),
      held: fc.array(fc.constantFrom(...ASSETS), { maxLength: 12 }),
      open: fc.array(fc.constantFrom(...INSTRUMENTS), { maxLength: 12 }),
      isolated: fc.array(fc.constantFrom(...INSTRUMENTS), { maxLength: 3 }),
      quantity: fc.integer({ min: 1, max: 1_000 }),
    });
    fc.assert(
      fc.property(fc.array(change, { maxLength: 120, size: 'max' }), (changes) => {
        const { columns, ruleSet } = emptyColumns();
        const model = new Map<string, AccountState>();
        for (const { id, remove, held, open, isolated: alone, quantity } of changes) {
          if (remove) {
            columns.remove(idOf(id));
            model.delete(idOf(id));
            continue;
          }
          const cross = open.map((symbol) => position({ instrument: symbol, size: `${quantity}`, entry: '1' }));
          const state: AccountState = {
            ...account({}, [...cross, ...alone.map((symbol) => isolated(symbol, `${quantity}`))]),
            balances: held.map((asset) => ({ asset, quantity: decimal(quantity) })),
          };
          columns.put(idOf(id), ruleSet, textOf(state), 1);
          model.set(idOf(id), state);
        }
        expect(columns.size).toBe(model.size);
        const used = new Set<number>();
        for (const [id, { balances, positions }] of model) {
          const [cross, ...others] = columns.unitsOf(id) as [number, ...number[]];
          for (const unit of [cross, ...others]) {
            expect(columns.accountOf(unit)).toBe(id);
            expect(used.has(unit)).toBe(false);
            used.add(unit);
          }
          const total = balances.reduce((sum, { quantity }) => sum + quantity.toNumber(), 0);
          expect(balanceOf(columns, cross)).toBe(total);
          const margins = positions.filter(({ marginMode }) => marginMode === 'ISOLATED');
          expect(others.map((unit) => balanceOf(columns, unit))).toEqual(
            margins.map(({ isolatedMargin }) => isolatedMargin.toNumber()),
          );
        }
        for (const asset of ASSETS) {
          const expected = [...model].filter(([, { balances }]) => balances.some((b) => b.asset === asset));
          const found = holders(columns, columns.rules.prices.ofAsset(asset, 'USDT')).map((unit) =>
            columns.accountOf(unit),
          );
          expect(found.sort()).toEqual(expected.map(([id]) => id).sort());
        }
        const dirty = new Bitmap();
        columns.addRuleSet(ruleSet, dirty, false);
        const out = new Uint32Array(1_000);
        expect([...out.subarray(0, dirty.take(out))]).toEqual([...used].sort((a, b) => a - b));
      }),
      { numRuns: 150 },
    );
  });

  it('keeps the ids of many accounts apart', () => {
    const { columns, ruleSet } = emptyColumns();
    const state = account({ A: '1' });
    for (let index = 0; index < 2_000; index++) columns.put(idOf(index), ruleSet, textOf(state), 1);
    for (let index = 0; index < 2_000; index += 3) columns.remove(idOf(index));
    for (let index = 0; index < 2_000; index++) {
      const expected = index % 3 === 0 ? [] : [idOf(index)];
      expect(columns.unitsOf(idOf(index)).map((unit) => columns.accountOf(unit))).toEqual(expected);
    }
  });
});

describe('dirty bits', () => {
  it('are taken in ascending order, in parts, and go on where the last part ended', () => {
    const dirty = new Bitmap();
    for (const bit of [900, 3, 31, 32, 64, 3]) dirty.add(bit);
    const out = new Uint32Array(3);
    expect([dirty.take(out), ...out]).toEqual([3, 3, 31, 32]);
    // A lower one that is added again comes last.
    dirty.add(3);
    expect([dirty.take(out), ...out]).toEqual([3, 64, 900, 3]);
    expect(dirty.take(out)).toBe(0);
  });
});

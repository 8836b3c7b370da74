/** A fill taken back: the account as if it had never been (rules: 25). */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { withBalanceChanges, withPositions } from '../../../src/margin/state/account.js';
import { decimal, toPlain } from '../../../src/margin/decimal.js';
import { applyFill, type Fill } from '../../../src/margin/change/fill.js';
import { reverseFill, type PositionFact, type ReversalEffect } from '../../../src/margin/change/reverse-fill.js';
import type { AccountState, MarginMode, PositionMode, PositionSide, TradeSide } from '../../../src/margin/model.js';
import { account, position } from '../../support/oracle/margin-builders.js';

function fill(side: TradeSide, size: string, price: string, more: Partial<Fill> = {}): Fill {
  return {
    ...{
      instrument: 'BTCUSDT',
      settlementAsset: 'USDT',
      side,
      positionSide: null,
      size: decimal(size),
      price: decimal(price),
    },
    ...{ fee: decimal(0), leverage: decimal(10), marginMode: 'CROSS', ...more },
  };
}

const isolated = (side: TradeSide, size: string, price: string, more: Partial<Fill> = {}): Fill =>
  fill(side, size, price, { marginMode: 'ISOLATED', ...more });

function fact(of: Fill, place: number, positionMode: PositionMode = 'ONE_WAY'): PositionFact {
  return { kind: 'FILL', name: `fill ${place}`, fill: of, positionMode };
}

const EMPTY = account({ USDT: '0' });

function take(state: AccountState, of: Fill): AccountState {
  const effect = applyFill(state, of);
  if (effect.refusal !== null) throw new Error(effect.refusal.message);
  return withBalanceChanges(withPositions(state, effect.positions), effect.changes);
}

function reversal(facts: readonly PositionFact[], reversed: number, start = EMPTY): ReversalEffect {
  const effect = reverseFill({ start: start.positions, facts, reversed });
  if (effect.refusal !== null) throw new Error(effect.refusal.message);
  return effect;
}

function obstacle(facts: readonly PositionFact[], reversed: number): string {
  const { refusal } = reverseFill({ start: [], facts, reversed });
  expect(refusal?.code).toBe('REVERSAL_IMPOSSIBLE');
  return refusal?.message ?? '';
}

function shown({ positions, changes, realizedPnl }: ReversalEffect): object {
  return {
    positions: positions.map(
      ({ side, size, cost, isolatedMargin }) =>
        `${side} ${toPlain(size)} for ${toPlain(cost)}, margin ${toPlain(isolatedMargin)}`,
    ),
    changes: changes.map(({ kind, asset, quantity }) => `${kind} ${asset} ${toPlain(quantity)}`),
    pnl: toPlain(realizedPnl),
  };
}

/** All digits of balances and positions, without order. */
function digits(state: AccountState): string[] {
  return [
    ...state.balances
      .filter(({ quantity }) => !quantity.isZero())
      .map((each) => `${each.asset} ${toPlain(each.quantity)}`),
    ...state.positions.map(
      ({ side, size, cost, isolatedMargin, leverage, marginMode }) =>
        `${side} ${toPlain(size)} ${toPlain(cost)} ${toPlain(isolatedMargin)} ${toPlain(leverage)} ${marginMode}`,
    ),
  ].sort();
}

describe('a reversed fill', () => {
  it('long 10 at 10, closed at 12, the close reversed: long 10 at 10, realised 0', () => {
    const effect = reversal([fact(fill('BUY', '10', '10'), 0), fact(fill('SELL', '10', '12'), 1)], 1);
    expect(shown(effect)).toEqual({
      positions: ['LONG 10 for 100, margin 0'],
      changes: ['REALIZED_PNL USDT -20'],
      pnl: '-20',
    });
    expect(effect.present).toEqual([]);
  });

  it('gives the fee back in its asset', () => {
    const fees = { fee: decimal('0.5'), feeAsset: 'BNB' };
    expect(shown(reversal([fact(fill('BUY', '10', '10', fees), 0)], 0))).toEqual({
      positions: ['LONG 0 for 0, margin 0'],
      changes: ['FEE BNB 0.5'],
      pnl: '0',
    });
  });

  it('changes what later fills have realised: of cost that is not there', () => {
    // 1@10 and 1@20 cost 30; 1 sold at 20 releases 15: +5. Without the second: +10, and nothing is left.
    const facts = [fill('BUY', '1', '10'), fill('BUY', '1', '20'), fill('SELL', '1', '20')].map((each, place) =>
      fact(each, place),
    );
    expect(shown(reversal(facts, 1))).toEqual({
      positions: ['LONG 0 for 0, margin 0'],
      changes: ['REALIZED_PNL USDT 5'],
      pnl: '5',
    });
  });

  it('leaves a short where what was closed was never opened', () => {
    const facts = [fact(fill('BUY', '10', '10'), 0), fact(fill('SELL', '10', '12'), 1)];
    expect(shown(reversal(facts, 0))).toEqual({
      positions: ['SHORT 10 for 120, margin 0'],
      changes: ['REALIZED_PNL USDT -20'],
      pnl: '-20',
    });
  });

  it('takes out of isolated margin what it set aside, and keeps what was moved since', () => {
    const facts: PositionFact[] = [
      fact(isolated('BUY', '1', '10000'), 0),
      fact(isolated('BUY', '1', '11000', { fee: decimal('2') }), 1),
      { kind: 'MARGIN', name: 'a transfer', side: 'LONG', quantity: decimal('100') },
    ];
    // 1,000 + 1,100 + 100; without the second 1,100.
    expect(shown(reversal(facts, 1))).toEqual({
      positions: ['LONG 1 for 10000, margin 1100'],
      changes: ['FEE USDT 2', 'MARGIN_ADJUSTMENT USDT 1100'],
      pnl: '0',
    });
  });

  it('sets aside again what a closing released, at the leverage of its time', () => {
    const facts = [
      fact(isolated('BUY', '2', '10000'), 0),
      fact(isolated('SELL', '1', '10500', { fee: decimal('5') }), 1),
      fact(isolated('BUY', '1', '10000', { leverage: decimal(5) }), 2),
    ];
    // 2,000 aside; half of it released, +500 - 5; then 2,000 more at 5x.
    expect(shown(reversal(facts, 1))).toEqual({
      positions: ['LONG 3 for 30000, margin 4000'],
      changes: ['MARGIN_ADJUSTMENT USDT -1000', 'REALIZED_PNL USDT -500', 'FEE USDT 5'],
      pnl: '-500',
    });
  });

  it('that was itself a flip is taken back while nothing stands on it', () => {
    const facts = [fact(fill('BUY', '1', '10'), 0), fact(fill('SELL', '3', '12'), 1)];
    expect(shown(reversal(facts, 1))).toEqual({
      positions: ['SHORT 0 for 0, margin 0', 'LONG 1 for 10, margin 0'],
      changes: ['REALIZED_PNL USDT -2'],
      pnl: '-2',
    });
  });
});

describe('what stands in the way is named:', () => {
  it('a later fill that closed the position and opened the other side', () => {
    const facts = [fill('BUY', '1', '10'), fill('BUY', '1', '10'), fill('SELL', '3', '12')];
    expect(
      obstacle(
        facts.map((each, place) => fact(each, place)),
        0,
      ),
    ).toContain('fill 2 closes the position and opens');
  });

  it('a later fill that would do so without it', () => {
    const facts = [fill('BUY', '2', '10'), fill('BUY', '1', '10'), fill('SELL', '3', '12')];
    expect(
      obstacle(
        facts.map((each, place) => fact(each, place)),
        1,
      ),
    ).toContain('fill 2 closes the position and opens');
  });

  it('its own insurance, and that of a later fill', () => {
    const facts = [isolated('BUY', '1', '10000'), isolated('BUY', '1', '10000'), isolated('SELL', '2', '8000')];
    const placed = facts.map((each, place) => fact(each, place));
    expect(obstacle(placed, 2)).toContain('the insurance fund paid for fill 2');
    expect(obstacle(placed, 0)).toContain('the insurance fund pays for fill 2');
  });

  it('insurance that a later fill would need without it', () => {
    // 1,000 aside, and 900 moved in with the second: -1,500 of half is covered; of the first alone 500 is not.
    const facts: PositionFact[] = [
      fact(isolated('BUY', '1', '10000'), 0),
      fact(isolated('BUY', '1', '10000', { leverage: decimal(1) }), 1),
      fact(isolated('SELL', '1', '8500'), 2),
    ];
    expect(obstacle(facts, 1)).toContain('the insurance fund pays for fill 2');
  });

  it('margin that was taken out of a position that would not be there', () => {
    const facts: PositionFact[] = [
      fact(isolated('BUY', '1', '10000'), 0),
      { kind: 'MARGIN', name: 'a transfer', side: 'LONG', quantity: decimal('-100') },
    ];
    expect(obstacle(facts, 0)).toContain('a transfer takes a position, or margin, that would not be there');
  });

  it('more margin taken out than there would be', () => {
    const facts: PositionFact[] = [
      fact(isolated('BUY', '1', '10000'), 0),
      fact(isolated('BUY', '1', '10000', { leverage: decimal(1) }), 1),
      { kind: 'MARGIN', name: 'a transfer', side: 'LONG', quantity: decimal('-1001') },
    ];
    expect(obstacle(facts, 1)).toContain('a transfer takes a position, or margin, that would not be there');
  });

  it('a change of mode for which nothing may be open', () => {
    const facts: PositionFact[] = [
      fact(fill('BUY', '1', '10'), 0),
      fact(fill('SELL', '1', '10'), 1),
      { kind: 'MODE', name: 'the change of margin mode' },
      fact(isolated('BUY', '1', '10'), 3),
    ];
    expect(obstacle(facts, 1)).toContain('the change of margin mode takes that nothing is open');
  });

  it('a closing in hedge mode of what would not be there', () => {
    const facts = [fill('BUY', '2', '10', { positionSide: 'LONG' }), fill('SELL', '2', '10', { positionSide: 'LONG' })];
    expect(
      obstacle(
        facts.map((each, place) => fact(each, place, 'HEDGE')),
        0,
      ),
    ).toContain('fill 1 closes more than there would be');
  });
});

it('throws where the facts do not follow from each other', () => {
  const facts: PositionFact[] = [
    { kind: 'MARGIN', name: 'a transfer', side: 'LONG', quantity: decimal(1) },
    fact(fill('BUY', '1', '10'), 1),
  ];
  expect(() => reverseFill({ start: [], facts, reversed: 1 })).toThrow('a transfer');
  expect(() => reverseFill({ start: [], facts, reversed: 0 })).toThrow('a fill');
});

describe('random fills', () => {
  const size = fc.integer({ min: 1, max: 300 }).map((n) => decimal(n).times('0.01'));
  const price = fc.integer({ min: 18_000, max: 22_000 }).map((n) => decimal(n).times('0.5'));
  const fills = fc.array(
    fc.record({
      instrument: fc.constant('BTCUSDT'),
      settlementAsset: fc.constant('USDT'),
      ...{ size, price, side: fc.constantFrom<TradeSide>('BUY', 'SELL') },
      ...{ positionSide: fc.constantFrom<PositionSide>('LONG', 'SHORT') },
      fee: fc.constantFrom('0', '0.3', '-0.1').map(decimal),
      ...{ feeAsset: fc.constantFrom(null, 'BNB'), leverage: fc.constantFrom('3', '7', '20').map(decimal) },
    }),
    { minLength: 1, maxLength: 8 },
  );
  const modes = fc.record({
    positionMode: fc.constantFrom<PositionMode>('ONE_WAY', 'HEDGE'),
    marginMode: fc.constantFrom<MarginMode>('CROSS', 'ISOLATED'),
  });

  /** Those that the account takes, one after the other, at the settings of their time. */
  function taken(list: readonly Omit<Fill, 'marginMode'>[], positionMode: PositionMode, marginMode: MarginMode) {
    const isolatedMargin = marginMode === 'ISOLATED' ? '3300' : '0';
    const states = [
      account({ USDT: '1000' }, [position({ size: '1', entry: '9900', marginMode, leverage: '3', isolatedMargin })], {
        positionMode,
      }),
    ];
    const facts: PositionFact[] = [];
    for (const each of list) {
      const of = { ...each, marginMode, positionSide: positionMode === 'HEDGE' ? each.positionSide : null };
      const before = states.at(-1) as AccountState;
      const set = { ...before, positions: before.positions.map((held) => ({ ...held, leverage: of.leverage })) };
      if (applyFill(set, of).refusal !== null) continue;
      facts.push(fact(of, facts.length, positionMode));
      states.push(take(set, of));
    }
    return { states, facts };
  }

  const after = (state: AccountState, { positions, changes }: ReversalEffect): AccountState =>
    withBalanceChanges(withPositions(state, positions), changes);

  it('reversed at once restore every digit', () => {
    let restored = 0;
    fc.assert(
      fc.property(fills, modes, (list, { positionMode, marginMode }) => {
        const { states, facts } = taken(list, positionMode, marginMode);
        facts.forEach((_fact, place) => {
          const before = states[place] as AccountState;
          const effect = reverseFill({ start: before.positions, facts: facts.slice(place, place + 1), reversed: 0 });
          if (effect.refusal !== null) return expect(effect.refusal.message).toContain('the insurance fund paid');
          const fillOf = facts[place] as PositionFact & { kind: 'FILL' };
          const { leverage } = fillOf.fill;
          const back = after(states[place + 1] as AccountState, effect);
          const at = (state: AccountState): AccountState => ({
            ...state,
            positions: state.positions.map((held) => ({ ...held, leverage })),
          });
          expect(digits(at(back))).toEqual(digits(at(before)));
          restored += 1;
        });
      }),
      { numRuns: 300 },
    );
    expect(restored).toBeGreaterThan(300);
  });

  it('reversed later leave what the others alone come to', () => {
    let [compared, refused] = [0, 0];
    fc.assert(
      fc.property(fills, modes, fc.nat(), (list, { positionMode, marginMode }, pick) => {
        const { states, facts } = taken(list, positionMode, marginMode);
        if (facts.length === 0) return;
        const reversed = pick % facts.length;
        const [start, end] = [states[0] as AccountState, states.at(-1) as AccountState];
        const effect = reverseFill({ start: start.positions, facts, reversed });
        if (effect.refusal !== null) {
          refused += 1;
          return;
        }
        expect(digits({ ...end, positions: effect.present })).toEqual(digits(end));
        const others = facts.filter((_fact, place) => place !== reversed) as (PositionFact & { kind: 'FILL' })[];
        const alone = others.reduce((state, { fill: of }) => {
          const positions = state.positions.map((held) => ({ ...held, leverage: of.leverage }));
          return take({ ...state, positions }, of);
        }, start);
        const strip = (state: AccountState): AccountState => ({
          ...state,
          positions: state.positions.map((held) => ({ ...held, leverage: decimal(1) })),
        });
        expect(digits(strip(after(end, effect)))).toEqual(digits(strip(alone)));
        compared += 1;
      }),
      { numRuns: 500 },
    );
    // Both happen, or the property says nothing.
    expect(Math.min(compared, refused)).toBeGreaterThan(50);
  });
});

/** When an alert fires (rules: 13), by examples and by properties. */
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';

import { decimal } from '../../../src/margin/decimal.js';
import { MARGIN_STATUSES, type MarginStatus } from '../../../src/margin/model.js';
import { statusOf } from '../../../src/margin/state/status.js';
import {
  CALM,
  alertBoundaries,
  close,
  isCalm,
  step,
  type AlertRule,
  type MachineState,
} from '../../../src/risk/alerts/alert-machine.js';
import { quietRangeOf, type UnitAmounts } from '../../../src/risk/columns/quiet-range.js';
import { policy } from '../../support/oracle/margin-builders.js';

const POLICY = policy();

/** A margin balance of 1,000 and the ratio; the status as the rules say. */
function at(ratio: string, balance = '1000'): UnitAmounts {
  const marginBalance = decimal(balance);
  const maintenanceMargin = marginBalance.times(ratio);
  return { status: statusOf(marginBalance, maintenanceMargin, POLICY), marginBalance, maintenanceMargin };
}

function unitState(status: MarginStatus, balance = '0', maintenance = '0'): UnitAmounts {
  return { status, marginBalance: decimal(balance), maintenanceMargin: decimal(maintenance) };
}

function rule(id: string, marginRatio: string, rearmBelow: string): AlertRule {
  return { id, marginRatio: decimal(marginRatio), rearmBelow: decimal(rearmBelow) };
}

/** What fires over the states, one text for each. */
function fires(
  unitStates: readonly UnitAmounts[],
  rules: readonly AlertRule[] = [],
  begin: MachineState = CALM,
): string[] {
  const fired: string[] = [];
  let state = begin;
  for (const each of unitStates) {
    const next = step(state, each, POLICY, rules);
    state = next.state;
    for (const crossing of next.crossings) {
      const text =
        crossing.kind === 'STATUS_CHANGED'
          ? `${crossing.previousStatus} -> ${crossing.status}`
          : `${crossing.rule} at ${crossing.status}`;
      fired.push(text);
    }
  }
  return fired;
}

const over = (...ratios: string[]): string[] => fires(ratios.map((ratio) => at(ratio)));

describe('a status', () => {
  it('that trembles at a boundary fires once', () => {
    expect(over('0.81', '0.79', '0.81')).toEqual(['HEALTHY -> MARGIN_CALL']);
    expect(over('0.5', '0.499', '0.476', '0.5', '0.475', '0.6')).toEqual(['HEALTHY -> WARNING']);
  });

  it('that gets worse fires at once, on the boundary, with the status that it is', () => {
    expect(over('0.499999', '0.5', '0.8', '1', '1.000001')).toEqual([
      'HEALTHY -> WARNING',
      'WARNING -> MARGIN_CALL',
      'MARGIN_CALL -> LIQUIDATION',
    ]);
    expect(over('0.1', '7')).toEqual(['HEALTHY -> LIQUIDATION']);
  });

  it('that gets better fires below 0.95 of its threshold, with the status that it is then', () => {
    // 0.95 x 1, 0.95 x 0.8, 0.95 x 0.5.
    expect(over('1.1', '0.95', '0.949999999999999999')).toEqual([
      'HEALTHY -> LIQUIDATION',
      'LIQUIDATION -> MARGIN_CALL',
    ]);
    expect(over('0.8', '0.76', '0.759999999999999999')).toEqual(['HEALTHY -> MARGIN_CALL', 'MARGIN_CALL -> WARNING']);
    expect(over('0.5', '0.475', '0.474999999999999999')).toEqual(['HEALTHY -> WARNING', 'WARNING -> HEALTHY']);
    expect(over('1.1', '0.3')).toEqual(['HEALTHY -> LIQUIDATION', 'LIQUIDATION -> HEALTHY']);
  });

  it('that has not recovered still gets worse from where it was alerted', () => {
    // 0.77 is WARNING by itself, and the alerted MARGIN_CALL stands.
    expect(over('0.81', '0.77', '1.2', '0.96', '0.9', '0.77', '0.7')).toEqual([
      'HEALTHY -> MARGIN_CALL',
      'MARGIN_CALL -> LIQUIDATION',
      'LIQUIDATION -> MARGIN_CALL',
      'MARGIN_CALL -> WARNING',
    ]);
  });

  it('is calm with and without exposure', () => {
    expect(fires([unitState('NO_EXPOSURE'), at('0.1'), unitState('NO_EXPOSURE', '5'), at('0.4')])).toEqual([]);
  });

  it('has recovered without exposure, with a balance of 0 too', () => {
    expect(fires([at('0.9'), unitState('NO_EXPOSURE'), at('0.9')])).toEqual([
      'HEALTHY -> MARGIN_CALL',
      'MARGIN_CALL -> NO_EXPOSURE',
      'HEALTHY -> MARGIN_CALL',
    ]);
    // Nothing is required, and something is owed.
    expect(fires([unitState('LIQUIDATION', '-250'), unitState('NO_EXPOSURE')])).toEqual([
      'HEALTHY -> LIQUIDATION',
      'LIQUIDATION -> NO_EXPOSURE',
    ]);
  });

  it('stays LIQUIDATION while the balance is not positive', () => {
    expect(
      fires([
        unitState('LIQUIDATION', '0', '5'),
        unitState('LIQUIDATION', '-250'),
        unitState('LIQUIDATION', '-1', '5'),
      ]),
    ).toEqual(['HEALTHY -> LIQUIDATION']);
  });

  it('fires when prices go missing and when they are there again, with any status then', () => {
    for (const [ratio, status] of [
      ['1.2', 'LIQUIDATION'],
      ['0.9', 'MARGIN_CALL'],
      ['0.1', 'HEALTHY'],
    ] as const) {
      expect(fires([at('0.9'), unitState('UNPRICED', '7', '9'), unitState('UNPRICED'), at(ratio)])).toEqual([
        'HEALTHY -> MARGIN_CALL',
        'MARGIN_CALL -> UNPRICED',
        `UNPRICED -> ${status}`,
      ]);
    }
    expect(fires([unitState('UNPRICED'), unitState('NO_EXPOSURE')])).toEqual([
      'HEALTHY -> UNPRICED',
      'UNPRICED -> NO_EXPOSURE',
    ]);
  });

  it('of a position that is closed has recovered, where something was alerted', () => {
    expect(close({ status: 'MARGIN_CALL', fired: [] })).toEqual([
      { kind: 'STATUS_CHANGED', status: 'NO_EXPOSURE', previousStatus: 'MARGIN_CALL' },
    ]);
    expect(close({ status: 'HEALTHY', fired: ['a rule'] })).toEqual([]);
  });
});

describe('a rule', () => {
  const rules = [rule('low', '0.3', '0.285'), rule('high', '0.6', '0.2')];

  it('fires from its ratio on, and again only after the ratio was below what arms it', () => {
    const ratios = ['0.299', '0.3', '0.29', '0.285', '0.31', '0.2849', '0.3'].map((ratio) => at(ratio));
    expect(fires(ratios, [rules[0] as AlertRule])).toEqual(['low at HEALTHY', 'low at HEALTHY']);
  });

  it('fires beside others and beside the status, in their order', () => {
    expect(fires([at('0.7'), at('0.25'), at('0.6'), at('0.19'), at('2')], rules)).toEqual([
      ...['HEALTHY -> WARNING', 'low at WARNING', 'high at WARNING', 'WARNING -> HEALTHY'],
      ...['HEALTHY -> WARNING', 'low at WARNING', 'WARNING -> HEALTHY'],
      ...['HEALTHY -> LIQUIDATION', 'low at LIQUIDATION', 'high at LIQUIDATION'],
    ]);
  });

  it('fires without a balance', () => {
    expect(fires([unitState('LIQUIDATION', '0', '1')], [rule('far', '1000', '950')])).toEqual([
      'HEALTHY -> LIQUIDATION',
      'far at LIQUIDATION',
    ]);
  });

  it('does not fire without exposure, which arms it', () => {
    const low = [rules[0] as AlertRule];
    expect(fires([unitState('NO_EXPOSURE')], low)).toEqual([]);
    expect(fires([at('0.3'), unitState('NO_EXPOSURE'), at('0.3')], low)).toEqual(['low at HEALTHY', 'low at HEALTHY']);
  });

  it('neither fires nor arms without prices', () => {
    const low = [rules[0] as AlertRule];
    const unpriced = unitState('UNPRICED', '1000', '0');
    expect(fires([unitState('UNPRICED', '1', '9')], low)).toEqual(['HEALTHY -> UNPRICED']);
    expect(fires([at('0.3'), unpriced, at('0.3')], low)).toEqual([
      ...['low at HEALTHY', 'HEALTHY -> UNPRICED', 'UNPRICED -> HEALTHY'],
    ]);
  });

  it('that was removed is forgotten', () => {
    const { state } = step({ status: 'HEALTHY', fired: ['gone'] }, at('0.9'), POLICY, []);
    expect(state).toEqual({ status: 'MARGIN_CALL', fired: [] });
    expect(isCalm(step({ status: 'HEALTHY', fired: ['gone'] }, at('0.1'), POLICY, []).state)).toBe(true);
  });
});

describe('any machine', () => {
  // Often exactly on a boundary, or a digit beside it.
  const edges = ['0.475', '0.5', '0.76', '0.8', '0.95', '1', '0.285', '0.3', '0.57', '0.6', '0.1', '3'];
  const digits = ['0', '0.000000000000000001', '-0.000000000000000001', '0.01', '-0.01'];
  const ratios = fc
    .tuple(fc.constantFrom(...edges), fc.constantFrom(...digits))
    .map(([edge, digit]) => decimal(edge).plus(digit).toFixed());
  const priced = fc.tuple(ratios, fc.constantFrom('1000', '1', '0.007')).map(([ratio, balance]) => at(ratio, balance));
  const extreme = fc.constantFrom(
    unitState('NO_EXPOSURE'),
    unitState('NO_EXPOSURE', '10'),
    unitState('LIQUIDATION', '-10'),
    unitState('LIQUIDATION', '0', '10'),
    unitState('LIQUIDATION', '-10', '10'),
    unitState('UNPRICED', '10', '5'),
    unitState('UNPRICED', '-10', '0'),
  );
  const unitStates = fc.oneof({ weight: 4, arbitrary: priced }, { weight: 1, arbitrary: extreme });
  const all = [rule('a', '0.3', '0.285'), rule('b', '0.6', '0.57'), rule('c', '0.6', '0.1'), rule('d', '3', '3')];
  const rules = fc.subarray(all);
  const states = fc.record({
    status: fc.constantFrom(...MARGIN_STATUSES.filter((status) => status !== 'NO_EXPOSURE')),
    fired: fc.subarray(all.map(({ id }) => id)),
  });

  it('does nothing when it is stepped over the same state again', () => {
    fc.assert(
      fc.property(states, unitStates, rules, (state, where, own) => {
        const once = step(state, where, POLICY, own);
        const twice = step(once.state, where, POLICY, own);
        expect(twice).toEqual({ state: once.state, crossings: [] });
        expect(twice.state).toBe(once.state);
      }),
      { numRuns: 2_000 },
    );
  });

  it('fires for every change of its state, except rearming and removed rules', () => {
    fc.assert(
      fc.property(states, unitStates, rules, (state, where, own) => {
        const { state: after, crossings } = step(state, where, POLICY, own);
        const changes = crossings.filter(({ kind }) => kind === 'STATUS_CHANGED');
        expect(changes.length).toBe(after.status === state.status ? 0 : 1);
        const fired = crossings.flatMap((crossing) => (crossing.kind === 'RULE_FIRED' ? [crossing.rule] : []));
        expect(fired).toEqual(after.fired.filter((id) => !state.fired.includes(id)));
        for (const { status } of crossings) expect(status).toBe(where.status);
      }),
      { numRuns: 2_000 },
    );
  });

  it('is never below the status of its unit, and above it only where it has not recovered', () => {
    fc.assert(
      fc.property(fc.array(unitStates, { maxLength: 12 }), rules, (path, own) => {
        let state = CALM;
        for (const where of path) {
          state = step(state, where, POLICY, own).state;
          const is = MARGIN_STATUSES.indexOf(where.status === 'NO_EXPOSURE' ? 'HEALTHY' : where.status);
          expect(MARGIN_STATUSES.indexOf(state.status)).toBeGreaterThanOrEqual(is);
          const threshold = { WARNING: '0.475', MARGIN_CALL: '0.76', LIQUIDATION: '0.95' }[state.status as 'WARNING'];
          if (state.status === where.status || state.status === 'HEALTHY') continue;
          expect(where.maintenanceMargin.gte(where.marginBalance.times(threshold))).toBe(true);
        }
      }),
    );
  });

  it('does nothing while its ratio stays between two boundaries', () => {
    let between = 0;
    fc.assert(
      fc.property(states, unitStates, unitStates, rules, (begin, here, there, own) => {
        const { state } = step(begin, here, POLICY, own);
        const { status, low, high } = quietRangeOf(here, alertBoundaries(POLICY, own), []);
        if (there.status !== status) return;
        const hasRatio = there.status !== 'NO_EXPOSURE' && there.status !== 'UNPRICED';
        const { maintenanceMargin, marginBalance } = there;
        const ratio = marginBalance.gt(0) ? maintenanceMargin.toNumber() / marginBalance.toNumber() : Infinity;
        if (hasRatio && (ratio <= low || (high !== Infinity && ratio >= high))) return;
        between += 1;
        expect(step(state, there, POLICY, own)).toEqual({ state, crossings: [] });
      }),
      { numRuns: 5_000 },
    );
    expect(between).toBeGreaterThan(100);
  });
});

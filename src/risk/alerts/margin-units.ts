/** The margin units of an account: the cross account, and every isolated position. Each has an alert machine. */
import { positionKey } from '../../ledger/records.js';
import { isolatedMarginBalance, type MarginReport } from '../../margin/state/assess.js';
import { ONE, ZERO, type Decimal } from '../../margin/decimal.js';
import type { PositionSide } from '../../margin/model.js';
import type { UnitAmounts } from '../columns/quiet-range.js';

export interface UnitState extends UnitAmounts {
  /** As in `alert_states.level`: "" or "BTCUSDT/LONG". */
  readonly name: string;
  readonly marginRatio: Decimal | null;
  /** What one of its amounts is worth in the venue's unit: those of an isolated position are in its settlement asset. */
  readonly rate: Decimal;
}

/** The name of the cross unit. */
export const CROSS = '';

/** The cross unit first, then isolated positions in the report's order. */
export type UnitStates = readonly [cross: UnitState, ...isolated: UnitState[]];

export function unitStatesOf(report: MarginReport): UnitStates {
  const { status, marginRatio, marginBalance, maintenanceMargin } = report;
  const unitStates: [UnitState, ...UnitState[]] = [
    { name: CROSS, status, marginRatio, marginBalance, maintenanceMargin, rate: ONE },
  ];
  for (const position of report.positions) {
    if (position.marginMode === 'CROSS') continue;
    unitStates.push({
      name: positionKey(position.instrument, position.side),
      status: position.status,
      marginRatio: position.marginRatio,
      // Without a price it counts 0, as in the cross account.
      marginBalance: isolatedMarginBalance(position),
      maintenanceMargin: position.maintenanceMargin ?? ZERO,
      // Without a price it is UNPRICED, and compared with nothing.
      rate: position.settlementPrice?.price ?? ONE,
    });
  }
  return unitStates;
}

/** The state of an isolated position that is closed. */
export function closedUnit(name: string): UnitState {
  return { name, status: 'NO_EXPOSURE', marginRatio: null, marginBalance: ZERO, maintenanceMargin: ZERO, rate: ONE };
}

/** The name of the unit of an isolated position; nulls: of the cross account. */
export function nameOf(instrument: string | null, side: PositionSide | null): string {
  return instrument === null || side === null ? CROSS : positionKey(instrument, side);
}

/** The isolated position of a margin unit; nulls: the cross account. */
export function positionOf(name: string): { readonly instrument: string | null; readonly side: PositionSide | null } {
  if (name === CROSS) return { instrument: null, side: null };
  // A symbol may contain a slash, a side does not.
  const end = name.lastIndexOf('/');
  return { instrument: name.slice(0, end), side: name.slice(end + 1) as PositionSide };
}

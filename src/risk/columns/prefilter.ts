/**
 * The prefilter: which margin units may have crossed something since they were last assessed exactly. It may name a
 * unit needlessly. It never omits one whose status, or side of a boundary, `assessMargin` would now find changed.
 */
import { MARGIN_STATUSES, type MarginStatus, type Policy } from '../../margin/model.js';
import type { AccountColumns } from './account-columns.js';
import {
  UNIT_HALVES,
  UNIT_WORDS,
  QUIET_RANGE,
  FIRST_HOLDING,
  FIRST_POSITION,
  POSITION_AMOUNTS,
  RULE_SET,
  STATUS,
} from './columns.js';
import { LOWER_BOUND, OWES, REQUIRES, UNKNOWN } from './unit-flags.js';
import { INTERVAL_STRIDE, valueUnits } from './valuation.js';

const NO_EXPOSURE = MARGIN_STATUSES.indexOf('NO_EXPOSURE');
const HEALTHY = MARGIN_STATUSES.indexOf('HEALTHY');
const UNPRICED = MARGIN_STATUSES.indexOf('UNPRICED');

/** Units valued before they are judged: their intervals fit into the first-level cache. */
const BATCH = 256;

const intervals = new Float64Array(BATCH * INTERVAL_STRIDE);
const flags = new Uint8Array(BATCH);

/**
 * Values the first `count` of `units` at the present prices and rules. Writes those that must be assessed to `awake`,
 * in the same order, and returns their number.
 */
export function prefilter(columns: AccountColumns, units: Uint32Array, count: number, awake: Uint32Array): number {
  const { halves, quietRanges } = columns.units;
  let woken = 0;
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(count, from + BATCH);
    sink[0] = touch(columns, units, from, to);
    valueUnits(columns, units, from, to, intervals, flags);
    for (let index = from; index < to; index++) {
      const unit = units[index] as number;
      const place = (index - from) * INTERVAL_STRIDE;
      const sleeps = maySleep(
        halves[unit * UNIT_HALVES + STATUS] as number,
        quietRanges[unit * QUIET_RANGE] as number,
        quietRanges[unit * QUIET_RANGE + 1] as number,
        flags[index - from] as number,
        intervals[place] as number,
        intervals[place + 1] as number,
        intervals[place + 2] as number,
        intervals[place + 3] as number,
      );
      if (!sleeps) awake[woken++] = unit;
    }
  }
  return woken;
}

/** Lest the compiler drop reads whose values are not used. */
const sink = new Float64Array(1);

/**
 * Reads one number of every cache line that `valueUnits` will need. These reads are independent, so the processor
 * overlaps them; the sums of an account wait for each other. Accounts scattered in memory take half as long.
 */
function touch(
  { units: columns, holdings, positions }: AccountColumns,
  units: Uint32Array,
  from: number,
  to: number,
): number {
  const { words, quietRanges } = columns;
  const { row: holdingRow, quantity } = holdings;
  const { row: positionRow, amounts } = positions;
  let sum = 0;
  for (let index = from; index < to; index++) {
    const unit = units[index] as number;
    sum += (words[unit * UNIT_WORDS] as number) + (quietRanges[unit * QUIET_RANGE] as number);
  }
  for (let index = from; index < to; index++) {
    const word = (units[index] as number) * UNIT_WORDS;
    const holding = words[word + FIRST_HOLDING] as number;
    const position = words[word + FIRST_POSITION] as number;
    sum += (holdingRow[holding] as number) + (quantity[holding] as number);
    sum += (positionRow[position] as number) + (amounts[position * POSITION_AMOUNTS] as number);
    // The second cache line, if a unit has more than four positions.
    sum += (amounts[(position + 4) * POSITION_AMOUNTS] as number) || 0;
  }
  return sum;
}

/**
 * Settles the units that are surely calm, whatever they were before: nothing is required, or their ratio is surely
 * below every boundary. Writes the others to `rest` and returns their number. The proof is that of sleeping: a unit
 * that may sleep in a quiet range is in it.
 */
export function settleCalm(columns: AccountColumns, units: Uint32Array, count: number, rest: Uint32Array): number {
  const { halves } = columns.units;
  let left = 0;
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(count, from + BATCH);
    valueUnits(columns, units, from, to, intervals, flags);
    for (let index = from; index < to; index++) {
      const unit = units[index] as number;
      const place = (index - from) * INTERVAL_STRIDE;
      const calmBelow = columns.rules.calmBelow[halves[unit * UNIT_HALVES + RULE_SET] as number] as number;
      const sleepsAs = (status: number, high: number): boolean =>
        maySleep(
          status,
          0,
          high,
          flags[index - from] as number,
          intervals[place] as number,
          intervals[place + 1] as number,
          intervals[place + 2] as number,
          intervals[place + 3] as number,
        );
      if (sleepsAs(NO_EXPOSURE, Infinity)) columns.settle(unit, { status: 'NO_EXPOSURE', low: 0, high: Infinity });
      else if (sleepsAs(HEALTHY, calmBelow)) columns.settle(unit, { status: 'HEALTHY', low: 0, high: calmBelow });
      else rest[left++] = unit;
    }
  }
  return left;
}

/** The ratios from which a policy has WARNING, MARGIN_CALL, and LIQUIDATION. */
export type Thresholds = readonly [warning: number, marginCall: number, liquidation: number];

export function thresholdsOf({ warningRatio, marginCallRatio, liquidationRatio }: Policy): Thresholds {
  return [warningRatio.toNumber(), marginCallRatio.toNumber(), liquidationRatio.toNumber()];
}

/** The status that a unit surely has by its interval and flags; null: it must be assessed. */
export function sureStatus(
  thresholds: Thresholds,
  known: number,
  lowestBalance: number,
  highestBalance: number,
  lowestMaintenance: number,
  highestMaintenance: number,
): MarginStatus | null {
  const sleepsAs = (status: number, low: number, high: number): boolean =>
    maySleep(status, low, high, known, lowestBalance, highestBalance, lowestMaintenance, highestMaintenance);
  if ((known & UNKNOWN) !== 0) return 'UNPRICED';
  if (sleepsAs(NO_EXPOSURE, 0, Infinity)) return 'NO_EXPOSURE';
  const bounds = [0, ...thresholds, Infinity];
  for (let zone = 0; zone < ZONES.length; zone++) {
    const [low, high] = [(bounds[zone] as number) * (1 + NEAR), (bounds[zone + 1] as number) * (1 - NEAR)];
    const status = ZONES[zone] as MarginStatus;
    if (sleepsAs(MARGIN_STATUSES.indexOf(status), low, high)) return status;
  }
  return null;
}

const ZONES: readonly MarginStatus[] = ['HEALTHY', 'WARNING', 'MARGIN_CALL', 'LIQUIDATION'];
/** Eight unit roundoffs cover those of a threshold's float (three, of a fraction) and of the product with this. */
const NEAR = 2 ** -50;

/** Any doubt, NaN included, means false. */
function maySleep(
  status: number,
  low: number,
  high: number,
  known: number,
  lowestBalance: number,
  highestBalance: number,
  lowestMaintenance: number,
  highestMaintenance: number,
): boolean {
  // No quiet range: new, changed, or exactly on a boundary.
  if (!(low < high)) return false;
  // As in `assessMargin`, a missing price comes first (rules: 2).
  if ((known & UNKNOWN) !== 0) return status === UNPRICED;
  if (status === UNPRICED) return false;
  if ((known & LOWER_BOUND) !== 0 && status !== HEALTHY && status !== NO_EXPOSURE) return false;
  // Nothing is required: NO_EXPOSURE while the margin balance is not negative, which without debts it cannot be.
  if (status === NO_EXPOSURE) return (known & REQUIRES) === 0 && ((known & OWES) === 0 || lowestBalance >= 0);
  // maintenance > low x balance and maintenance < high x balance must hold anywhere within the intervals. A low of 0
  // demands that something is required: maintenance > 0.
  return lowestMaintenance > low * highestBalance && (high === Infinity || highestMaintenance < high * lowestBalance);
}

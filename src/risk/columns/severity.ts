/** How bad margin units are, so that the worst are assessed first. Only the order of work depends on it, never a status. */
import type { MarginStatus } from '../../margin/model.js';
import { RULE_SET, UNIT_HALVES } from './columns.js';
import { sureStatus, type Thresholds } from './prefilter.js';
import { INTERVAL_STRIDE, valueUnits, type Columns } from './valuation.js';

/** The worst comes first. */
const SEVERITY: Readonly<Record<MarginStatus, number>> = {
  LIQUIDATION: 0,
  MARGIN_CALL: 1,
  WARNING: 2,
  UNPRICED: 3,
  HEALTHY: 4,
  NO_EXPOSURE: 4,
};

/** Numbers from 0 to less than this. */
export const SEVERITIES = 5;

/** Units valued at a time. */
const BATCH = 256;
const intervals = new Float64Array(BATCH * INTERVAL_STRIDE);
const flags = new Uint8Array(BATCH);

/** Writes the severity of each of the first `count` units. */
export function severitiesOf(
  columns: Columns,
  units: Uint32Array,
  count: number,
  thresholdsOf: (ruleSet: number) => Thresholds,
  severities: Uint8Array,
): void {
  const { halves } = columns.units;
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(count, from + BATCH);
    valueUnits(columns, units, from, to, intervals, flags);
    for (let index = from; index < to; index++) {
      const place = (index - from) * INTERVAL_STRIDE;
      const ruleSet = halves[(units[index] as number) * UNIT_HALVES + RULE_SET] as number;
      const status = sureStatus(
        thresholdsOf(ruleSet),
        flags[index - from] as number,
        intervals[place] as number,
        intervals[place + 1] as number,
        intervals[place + 2] as number,
        intervals[place + 3] as number,
      );
      // In doubt it may be the worst.
      severities[index] = SEVERITY[status ?? 'LIQUIDATION'];
    }
  }
}

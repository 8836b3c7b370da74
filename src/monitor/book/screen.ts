/**
 * Which buckets may have crossed something since they were last assessed exactly. The answer may name one for nothing;
 * it never leaves one out whose status, or whose side of a boundary, `assessMargin` would now find to be another.
 */
import { MARGIN_STATUSES } from '../../margin/model.js';
import type { Book } from './book.js';
import { BUCKET_HALVES, CORRIDOR, STATUS } from './columns.js';
import { INTERVAL_STRIDE, LOWER_BOUND, OWES, REQUIRES, UNKNOWN, valueBuckets } from './valuation.js';

const NO_EXPOSURE = MARGIN_STATUSES.indexOf('NO_EXPOSURE');
const HEALTHY = MARGIN_STATUSES.indexOf('HEALTHY');
const UNPRICED = MARGIN_STATUSES.indexOf('UNPRICED');

/** So many buckets are valued before they are judged: their intervals stay in the processor's first cache. */
const BATCH = 256;

const intervals = new Float64Array(BATCH * INTERVAL_STRIDE);
const flags = new Uint8Array(BATCH);

/**
 * Looks at the first `count` of `buckets` at the prices and rules of this moment and writes those that must be assessed
 * to `awake`, in the same order; how many they are.
 */
export function screen(book: Book, buckets: Uint32Array, count: number, awake: Uint32Array): number {
  const { halves, corridors } = book.buckets;
  let woken = 0;
  for (let from = 0; from < count; from += BATCH) {
    const to = Math.min(count, from + BATCH);
    valueBuckets(book, buckets, from, to, intervals, flags);
    for (let index = from; index < to; index++) {
      const bucket = buckets[index] as number;
      const place = (index - from) * INTERVAL_STRIDE;
      const sleeps = maySleep(
        halves[bucket * BUCKET_HALVES + STATUS] as number,
        corridors[bucket * CORRIDOR] as number,
        corridors[bucket * CORRIDOR + 1] as number,
        flags[index - from] as number,
        intervals[place] as number,
        intervals[place + 1] as number,
        intervals[place + 2] as number,
        intervals[place + 3] as number,
      );
      if (!sleeps) awake[woken++] = bucket;
    }
  }
  return woken;
}

/** Every doubt, a NaN among them, ends in false. */
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
  // No corridor: new, changed, or exactly on a boundary.
  if (!(low < high)) return false;
  // The order of `assessMargin`: what has no price comes first (rules: 2).
  if ((known & UNKNOWN) !== 0) return status === UNPRICED;
  if (status === UNPRICED) return false;
  if ((known & LOWER_BOUND) !== 0 && status !== HEALTHY && status !== NO_EXPOSURE) return false;
  // Nothing is required: NO_EXPOSURE while the margin balance is not negative, which without debts it cannot be.
  if (status === NO_EXPOSURE) return (known & REQUIRES) === 0 && ((known & OWES) === 0 || lowestBalance >= 0);
  // maintenance > low x balance and maintenance < high x balance, whatever they are within their intervals. A low of 0
  // asks that something be required: maintenance > 0.
  return lowestMaintenance > low * highestBalance && (high === Infinity || highestMaintenance < high * lowestBalance);
}

/** A maintenance or interest rate may move to between half and double its value without `force`. */
import { decimal, toPlain, type Decimal } from '../../margin/decimal.js';
import type { Breach } from './versioned-rule.js';

const HALF: Decimal = decimal('0.5');
const DOUBLE: Decimal = decimal(2);

/** @param name of the rate, in a clause; @param field in which it was changed */
export function outOfHalfOrDouble(name: string, field: string | null, before: Decimal, after: Decimal): Breach[] {
  const [lowest, highest] = [before.times(HALF), before.times(DOUBLE)];
  if (after.gte(lowest) && after.lte(highest)) return [];
  const bound = after.lt(lowest) ? lowest : highest;
  const message = `${name} goes from ${toPlain(before)} to ${toPlain(after)}, beyond ${after.lt(lowest) ? 'half' : 'double'}`;
  return [{ message, field, required: after, available: bound }];
}

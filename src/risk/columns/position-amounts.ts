/** What the columns keep of a position's text. */
import type { PositionText } from '../../ledger/account-text.js';
import { decimal } from '../../margin/decimal.js';

export function isCross([, , , , , marginMode]: PositionText): boolean {
  return marginMode === 'CROSS';
}

/** Value of a position at price 0: its isolated margin, if any, less what it was bought for. */
export function offsetOf(position: PositionText): number {
  const [, side, , cost, , , isolatedMargin] = position;
  if (isCross(position)) return side === 'LONG' ? 0 - Number(cost) : Number(cost);
  const margin = decimal(isolatedMargin);
  return (side === 'LONG' ? margin.minus(cost) : margin.plus(cost)).toNumber();
}

/**
 * How gains and losses of an isolated position meet its margin (rules: 6).
 */
import { ZERO, max, min, type Decimal } from '../decimal.js';

export interface Settlement {
  /** What stays set aside. */
  readonly margin: Decimal;
  /** What leaves the margin for the USDT balance: what was released, and what a deficit draws; negative: put in. */
  readonly outOfMargin: Decimal;
  /** What the margin lacks, paid by the insurance fund. */
  readonly insurance: Decimal;
}

/**
 * Releases part of the margin and settles an amount (PnL less fee) against it. A surplus goes to the balance; a
 * deficit comes out of the margin that is left; what that lacks is insured, so that the rest of the account never
 * pays. Entries of outOfMargin, the amount and the insurance add up to the surplus, and to 0 where there is none.
 * In USDT, exact.
 */
export function settleIsolated(margin: Decimal, released: Decimal, amount: Decimal): Settlement {
  const deficit = max(ZERO, released.plus(amount).negated());
  const left = margin.minus(released);
  const drawn = min(left, deficit);
  return { margin: left.minus(drawn), outOfMargin: released.plus(drawn), insurance: deficit.minus(drawn) };
}

/**
 * Books an amount (funding, a liquidation fee) on the margin itself: the balance stays as it is, the margin rises or
 * falls by the amount, and what it lacks is insured. In USDT, exact.
 */
export function bookOnMargin(margin: Decimal, amount: Decimal): Settlement {
  if (amount.isNegative()) return settleIsolated(margin, ZERO, amount);
  return { margin: margin.plus(amount), outOfMargin: amount.negated(), insurance: ZERO };
}

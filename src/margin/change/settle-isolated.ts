/**
 * How gains and losses of an isolated position meet its margin (rules: 6).
 */
import { ZERO, max, min, type Decimal } from '../decimal.js';

export interface Settlement {
  /** What stays set aside. */
  readonly margin: Decimal;
  /** What leaves the margin for the balance of the settlement asset: what was released, and what a deficit draws; negative: put in. */
  readonly outOfMargin: Decimal;
  /** What the margin lacks, paid by the insurance fund. */
  readonly insurance: Decimal;
}

/**
 * Releases part of the margin and settles an amount (PnL less fee) against it (rules: 6). In the settlement asset, exact. A surplus goes
 * to the balance. A deficit comes out of the margin that is left. What that lacks is insured: the rest of the account
 * never pays. outOfMargin + amount + insurance = the surplus, or 0 where there is none.
 */
export function settleIsolated(margin: Decimal, released: Decimal, amount: Decimal): Settlement {
  const deficit = max(ZERO, released.plus(amount).negated());
  const left = margin.minus(released);
  const drawn = min(left, deficit);
  return { margin: left.minus(drawn), outOfMargin: released.plus(drawn), insurance: deficit.minus(drawn) };
}

/**
 * Books an amount (funding, a liquidation fee) on the margin itself (rules: 6). In the settlement asset, exact. The balance stays, the
 * margin rises or falls by the amount, and what it lacks is insured.
 */
export function bookOnMargin(margin: Decimal, amount: Decimal): Settlement {
  if (amount.isNegative()) return settleIsolated(margin, ZERO, amount);
  return { margin: margin.plus(amount), outOfMargin: amount.negated(), insurance: ZERO };
}

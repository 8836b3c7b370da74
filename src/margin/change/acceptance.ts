/**
 * Whether a venue would accept the state that a change leads to (rules: 7 and 14).
 */
import { assessMargin, type MarginReport } from '../state/assess.js';
import { ZERO, type Decimal } from '../decimal.js';
import type { AccountState, Market, Policy } from '../model.js';
import { refuse, refuseAmount, type Refusal } from '../refusal.js';

/**
 * Accepted (null) when the margin balance covers the initial margin (rules: 7). Refused with PRICE_UNAVAILABLE while
 * either is unknown, else with INSUFFICIENT_MARGIN.
 */
export function checkInitialMargin(after: MarginReport): Refusal | null {
  if (after.status === 'UNPRICED') {
    const symbols = after.unpriced.join(', ');
    return refuse('PRICE_UNAVAILABLE', `What the account is worth cannot be told without a price of ${symbols}.`);
  }
  if (after.marginBalance.gte(after.initialMargin)) return null;
  const message = 'The margin balance would not cover the initial margin.';
  return refuseAmount('INSUFFICIENT_MARGIN', message, after.initialMargin, after.marginBalance);
}

/** A trade is accepted (null) when initial margin falls, or when `checkInitialMargin` passes after it (rules: 14). */
export function checkTrade(before: AccountState, after: AccountState, market: Market, policy: Policy): Refusal | null {
  const report = assessMargin(after, market, policy);
  const falls = totalInitialMargin(report).lt(totalInitialMargin(assessMargin(before, market, policy)));
  return falls ? null : checkInitialMargin(report);
}

/** Of the cross account and of the isolated positions, so that closing one of those counts as a fall. */
function totalInitialMargin(report: MarginReport): Decimal {
  let total = report.initialMargin;
  for (const { marginMode, initialMargin } of report.positions) {
    if (marginMode === 'ISOLATED') total = total.plus(initialMargin ?? ZERO);
  }
  return total;
}

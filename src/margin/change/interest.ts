/**
 * What a debt costs in an hour (rules: 10; source: 001, "Interest rate").
 */
import type { BalanceChange } from '../state/account.js';
import { ZERO, roundUp, type Decimal } from '../decimal.js';
import type { AccountState, InterestRule, Policy } from '../model.js';

/**
 * hourly rate x (what is owed - the free threshold), in units of the asset, rounded up at 18 digits (rules: 10); 0
 * within the threshold.
 *
 * @param balance of the wallet at the full hour, without PnL; negative: owed
 */
export function interestOfOneHour(balance: Decimal, rule: InterestRule): Decimal {
  const charged = balance.negated().minus(rule.freeThreshold);
  return charged.gt(ZERO) ? roundUp(rule.hourlyRate.times(charged)) : ZERO;
}

/** One hour's entries of an account, each in the asset owed (rules: 10); none in single-asset mode. */
export function interestDue(account: AccountState, policy: Policy): BalanceChange[] {
  if (account.collateralMode === 'SINGLE_ASSET') return [];
  const rules = new Map(policy.interest.map((rule) => [rule.asset, rule]));
  return account.balances.flatMap(({ asset, quantity }) => {
    const rule = rules.get(asset);
    const interest = rule === undefined ? ZERO : interestOfOneHour(quantity, rule);
    return interest.isZero() ? [] : [{ asset, quantity: interest.negated(), kind: 'INTEREST' as const }];
  });
}

/**
 * What resting orders require as maintenance margin beyond positions (rules: 20), over the accounts that a change of rules
 * touches, under either policy. It bends with the mark, so that each account is assessed: only those that have orders.
 */
import { ZERO, type Decimal } from '../../margin/decimal.js';
import type { AccountState, Market, Policy } from '../../margin/model.js';
import { assessMargin } from '../../margin/state/assess.js';
import { inUnit } from '../../margin/state/settlement.js';

type Pair<T> = readonly [before: T, after: T];

export class OrderTotal {
  private sums: Pair<Decimal> = [ZERO, ZERO];

  constructor(
    private readonly market: Market,
    private readonly policies: Pair<Policy>,
    /** Whether the orders of an instrument are touched. */
    private readonly isTouched: (instrument: string) => boolean,
  ) {}

  add(account: AccountState): void {
    const [before, after] = this.policies;
    this.sums = [
      this.sums[0].plus(this.requiredOf(account, before)),
      this.sums[1].plus(this.requiredOf(account, after)),
    ];
  }

  /** In the venue's unit, exact. */
  get values(): Pair<Decimal> {
    return this.sums;
  }

  private requiredOf(account: AccountState, policy: Policy): Decimal {
    let required = ZERO;
    for (const orders of assessMargin(account, this.market, policy).openOrders) {
      if (!this.isTouched(orders.instrument)) continue;
      required = required.plus(inUnit(orders.maintenanceMargin, orders.settlementPrice));
    }
    return required;
  }
}

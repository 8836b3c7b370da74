/**
 * Which alerts a sequence of price batches should fire (rules: 13), computed the long way and without the server's
 * machines. It compares every boundary one by one with what `assessMargin` says at each batch.
 */
import { assessMargin } from '../../../src/margin/state/assess.js';
import { decimal, type Decimal } from '../../../src/margin/decimal.js';
import type { AccountState, Market, Policy } from '../../../src/margin/model.js';

export interface OracleRule {
  readonly id: string;
  readonly marginRatio: Decimal;
  readonly rearmBelow: Decimal;
}

/** One line for each alert: batch, margin unit, kind, status, what was before or the rule, ratio. */
export class AlertOracle {
  readonly alerts: string[] = [];
  private readonly alerted = new Map<string, string>();
  private readonly fired = new Set<string>();

  constructor(
    private readonly account: AccountState,
    private readonly policy: Policy,
    private readonly rules: readonly OracleRule[] = [],
  ) {}

  round(seq: bigint, market: Market): void {
    const report = assessMargin(this.account, market, this.policy);
    this.unitState(seq, '', report.status, report.marginBalance, report.maintenanceMargin, report.marginRatio);
    for (const position of report.positions) {
      const { instrument, side, isolatedMargin, unrealizedPnl, maintenanceMargin } = position;
      if (position.marginMode === 'CROSS') continue;
      if (unrealizedPnl === null || maintenanceMargin === null) throw new Error(`${instrument} has no price.`);
      const balance = isolatedMargin.plus(unrealizedPnl);
      this.unitState(seq, `${instrument}/${side}`, position.status, balance, maintenanceMargin, position.marginRatio);
    }
  }

  private unitState(
    seq: bigint,
    name: string,
    status: string,
    balance: Decimal,
    maintenance: Decimal,
    ratio: Decimal | null,
  ): void {
    const order = ['HEALTHY', 'WARNING', 'MARGIN_CALL', 'LIQUIDATION'];
    const { warningRatio, marginCallRatio, liquidationRatio } = this.policy;
    // Both sides of the comparison times the denominator.
    const threshold: Record<string, readonly [Decimal, Decimal]> = {
      WARNING: [warningRatio, decimal(1)],
      MARGIN_CALL: [marginCallRatio, decimal(1)],
      LIQUIDATION: [liquidationRatio.numerator, liquidationRatio.denominator],
    };
    const calm = status === 'NO_EXPOSURE' ? 'HEALTHY' : status;
    const last = this.alerted.get(name) ?? 'HEALTHY';
    const [numerator, denominator] = threshold[last] ?? [decimal(0), decimal(0)];
    const hasLeft = maintenance.times(denominator).lt(numerator.times('0.95').times(balance));
    if (order.indexOf(calm) > order.indexOf(last) || (order.indexOf(calm) < order.indexOf(last) && hasLeft)) {
      this.alerted.set(name, calm);
      this.alerts.push([seq, name, 'STATUS_CHANGED', status, last, ratio?.toFixed() ?? null].join(' '));
    }
    for (const { id, marginRatio, rearmBelow } of this.rules) {
      const key = `${name} ${id}`;
      if (this.fired.has(key) && maintenance.lt(rearmBelow.times(balance))) this.fired.delete(key);
      else if (!this.fired.has(key) && maintenance.gte(marginRatio.times(balance))) {
        this.fired.add(key);
        this.alerts.push([seq, name, 'RULE_FIRED', status, id, ratio?.toFixed() ?? null].join(' '));
      }
    }
  }
}

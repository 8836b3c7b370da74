/**
 * What alerts a course of events has to bring (rules: 13), in whole numbers and as the rules' text says it,
 * without the code that it judges.
 */

export interface Seen {
  readonly status: string;
  readonly balance: bigint;
  readonly maintenance: bigint;
}

export interface PercentRule {
  readonly id: string;
  /** In per cent. */
  readonly ratio: bigint;
  readonly rearmBelow: bigint;
}

export interface Expected {
  readonly kind: string;
  readonly status: string;
  readonly previousStatus: string | null;
  readonly rule: string | null;
}

const ORDER = ['HEALTHY', 'WARNING', 'MARGIN_CALL', 'LIQUIDATION'];
/** 0.95 x 0.5, 0.8, 1: in hundredths of a per cent. */
const RECOVERED: Readonly<Record<string, bigint>> = { WARNING: 4750n, MARGIN_CALL: 7600n, LIQUIDATION: 9500n };

/** Status by the venue's thresholds 0.5, 0.8 and 1, not at equality. */
export function statusOf(balance: bigint, maintenance: bigint): string {
  if (maintenance === 0n) return balance < 0n ? 'LIQUIDATION' : 'NO_EXPOSURE';
  if (balance < maintenance) return 'LIQUIDATION';
  if (maintenance * 100n >= balance * 80n) return 'MARGIN_CALL';
  return maintenance * 100n >= balance * 50n ? 'WARNING' : 'HEALTHY';
}

export class UnitOracle {
  private alerted = 'HEALTHY';
  private readonly fired = new Set<string>();

  /** Null: the isolated position is closed. */
  see(seen: Seen | null, rules: readonly PercentRule[]): Expected[] {
    const expected: Expected[] = [];
    if (seen === null) {
      if (this.alerted !== 'HEALTHY') expected.push(statusChanged(this.alerted, 'NO_EXPOSURE'));
      return expected;
    }
    const { status, balance, maintenance } = seen;
    if (this.hasChanged(seen)) {
      expected.push(statusChanged(this.alerted, status));
      this.alerted = status === 'NO_EXPOSURE' ? 'HEALTHY' : status;
    }
    for (const { id, ratio, rearmBelow } of rules) {
      const isOver = maintenance * 100n >= balance * ratio;
      const isUnder = maintenance * 100n < balance * rearmBelow;
      if (status === 'UNPRICED') continue;
      if (status === 'NO_EXPOSURE' || isUnder) this.fired.delete(id);
      else if (isOver && !this.fired.has(id)) {
        this.fired.add(id);
        expected.push({ kind: 'RULE_FIRED', status, previousStatus: null, rule: id });
      }
    }
    return expected;
  }

  private hasChanged({ status, balance, maintenance }: Seen): boolean {
    const now = status === 'NO_EXPOSURE' ? 'HEALTHY' : status;
    if (now === this.alerted) return false;
    if (now === 'UNPRICED' || this.alerted === 'UNPRICED' || status === 'NO_EXPOSURE') return true;
    if (ORDER.indexOf(now) > ORDER.indexOf(this.alerted)) return true;
    return maintenance * 10_000n < balance * (RECOVERED[this.alerted] ?? 0n);
  }
}

function statusChanged(previousStatus: string, status: string): Expected {
  return { kind: 'STATUS_CHANGED', status, previousStatus, rule: null };
}

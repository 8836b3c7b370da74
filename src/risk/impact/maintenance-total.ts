/**
 * Maintenance margin of the positions of one instrument, or of the debts in one asset, over many accounts, exactly.
 * Within a segment of the curve it is linear in the notional, so that one sum of sizes is enough. Positions near an
 * edge of a segment are computed one by one.
 */
import { indexPrice } from '../../margin/state/collateral.js';
import { settlementPriceOf } from '../../margin/state/settlement.js';
import { requirementOfDebt } from '../../margin/state/liability.js';
import { flatLiabilityRate, maintenanceCurve, pieceAt, valueAt, type Segment } from '../../margin/curve.js';
import { ZERO, type Decimal } from '../../margin/decimal.js';
import type { Market, Policy } from '../../margin/model.js';
import { ExactSum, INEXACT } from '../columns/exact-sum.js';

/** A notional in floats that is farther than this from an edge (relative) is on the same side as the exact one. */
const NEAR = 2 ** -48;

interface SegmentSum {
  readonly segment: Segment;
  readonly surelyFrom: number;
  readonly surelyBelow: number;
  positions: number;
  readonly size: ExactSum;
}

/** Positions of one instrument. Without a mark, a price of the settlement asset, or rules, they add nothing. */
export class MaintenanceTotal {
  private readonly mark: Decimal | null;
  private readonly markFloat: number;
  /** What one of the quote asset is worth. */
  private readonly rate: Decimal;
  private readonly segments: readonly Segment[];
  private readonly sums: readonly SegmentSum[];
  private oneByOne = ZERO;

  constructor(instrument: string, market: Market, policy: Policy) {
    this.segments = maintenanceCurve(policy.instruments.get(instrument)?.tiers ?? [], policy);
    const rate = settlementPriceOf(instrument, market, policy);
    this.rate = rate?.price ?? ZERO;
    this.mark = this.segments.length === 0 || rate === null ? null : (market.mark(instrument)?.price ?? null);
    this.markFloat = this.mark?.toNumber() ?? NaN;
    this.sums = this.segments.map((segment, index) => {
      // Above the last cap the last segment goes on.
      const isLast = index === this.segments.length - 1;
      return {
        segment,
        surelyFrom: index === 0 ? -Infinity : segment.floor.toNumber() * (1 + NEAR),
        surelyBelow: isLast || segment.cap === null ? Infinity : segment.cap.toNumber() * (1 - NEAR),
        positions: 0,
        size: new ExactSum(),
      };
    });
  }

  /**
   * Adds a position: the float of its size, unsigned, and `digitsOf` the exact one.
   *
   * @param exact the size itself; called if the float does not determine it
   */
  add(float: number, digits: number, exact: () => Decimal): void {
    const { mark } = this;
    if (mark === null) return;
    const notional = float * this.markFloat;
    const sum = this.sums.find(({ surelyFrom, surelyBelow }) => notional > surelyFrom && notional < surelyBelow);
    if (sum === undefined || digits === INEXACT) {
      const exactNotional = exact().times(mark);
      this.oneByOne = this.oneByOne.plus(valueAt(pieceAt(this.segments, exactNotional), exactNotional));
      return;
    }
    sum.positions += 1;
    sum.size.add(float, digits);
  }

  /** In the venue's unit. */
  get value(): Decimal {
    const { mark } = this;
    if (mark === null) return ZERO;
    const inQuote = this.sums.reduce((value, { segment, positions, size }) => {
      const notional = size.total.times(mark);
      return value.plus(segment.slope.times(notional)).plus(segment.intercept.times(positions));
    }, this.oneByOne);
    return inQuote.times(this.rate);
  }
}

/** Debts in one asset. Without a price they add nothing. */
export class DebtTotal {
  private readonly owed = new ExactSum();
  private readonly price: Decimal;
  /** Null: what is required depends on each amount. */
  private readonly rate: Decimal | null;
  private oneByOne = ZERO;

  constructor(
    private readonly asset: string,
    market: Market,
    private readonly policy: Policy,
  ) {
    this.price = indexPrice(asset, market, policy)?.price ?? ZERO;
    this.rate = flatLiabilityRate(asset, policy);
  }

  /** Adds a debt, as a positive number: its float, `digitsOf` the exact one, and the exact one. */
  add(float: number, digits: number, exact: () => Decimal): void {
    this.owed.add(float, digits, exact);
    if (this.rate !== null) return;
    const needed = requirementOfDebt(this.asset, exact(), this.price, this.policy);
    this.oneByOne = this.oneByOne.plus(needed.maintenanceMargin);
  }

  /** Of the debts themselves, in the venue's unit. */
  get value(): Decimal {
    return this.owed.total.times(this.price);
  }

  /** What they require as maintenance margin, in the venue's unit. */
  get required(): Decimal {
    return this.rate === null ? this.oneByOne : this.value.times(this.rate);
  }
}

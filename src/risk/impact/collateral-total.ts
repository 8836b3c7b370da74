/**
 * Collateral value of one asset over many accounts, exactly. Within a segment the value is linear in the quantity, so
 * that one sum of quantities is enough. Amounts near an edge of a segment or at a cap are counted one by one.
 */
import { COUNTS_NOTHING, collateralCurve, type Segment } from '../../margin/curve.js';
import { assessBalance, collateralTableOf } from '../../margin/state/collateral.js';
import { ZERO, type Decimal } from '../../margin/decimal.js';
import type { AssetCounting, Market, Policy } from '../../margin/model.js';
import { ExactSum, INEXACT } from '../columns/exact-sum.js';

/** An amount in floats that is farther than this from an edge (relative) is on the same side as the exact one. */
const NEAR = 2 ** -48;

/** A segment of the collateral curve, and the accounts whose amounts are in it. */
interface Line {
  /** A quantity in floats between these two is surely in the segment, and below the limit of one account. */
  readonly surelyAbove: number;
  readonly surelyBelow: number;
  readonly slope: Decimal;
  readonly intercept: Decimal;
  accounts: number;
  readonly quantity: ExactSum;
}

export class CollateralTotal {
  private readonly lines: readonly Line[];
  private readonly inCoins: boolean;
  /** Null: no price, or accepted nowhere; the asset counts nothing. */
  private readonly price: Decimal | null;
  private readonly surelyCapped: number;
  private capped = 0;
  /** Of what is in no line. */
  private readonly rest = new ExactSum();
  private oneByOne = ZERO;

  constructor(
    private readonly asset: string,
    private readonly counting: AssetCounting,
    private readonly market: Market,
    private readonly policy: Policy,
  ) {
    const table = collateralTableOf(asset, counting, policy);
    const { indexPrice } = this.assess(ZERO);
    this.price = table === null ? null : indexPrice;
    this.inCoins = table?.tierUnit === 'QUANTITY';
    const unit = this.inCoins ? 1 : (this.price?.toNumber() ?? NaN);
    const userCap = table?.userCap?.toNumber() ?? Infinity;
    this.surelyCapped = this.price === null ? Infinity : userCap * (1 + NEAR);
    const { segments } = table === null ? COUNTS_NOTHING : collateralCurve(table);
    this.lines = this.price === null ? [] : segments.map((segment) => lineOf(segment, unit, userCap));
  }

  /**
   * Adds a positive quantity: its float, and `digitsOf` it.
   *
   * @param exact the quantity itself; called if the float does not determine it
   * @param times -1 takes away what was added before
   */
  add(float: number, digits: number, exact: () => Decimal, times: 1 | -1 = 1): void {
    if (digits !== INEXACT) {
      for (const line of this.lines) {
        if (!(float < line.surelyBelow)) continue;
        if (!(float > line.surelyAbove)) break;
        line.accounts += times;
        line.quantity.add(times * float, digits);
        return;
      }
    }
    this.rest.add(times * float, digits, () => exact().times(times));
    if (float > this.surelyCapped) this.capped += times;
    else if (this.price !== null) {
      this.oneByOne = this.oneByOne.plus(this.assess(exact()).collateralValue.times(times));
    }
  }

  /** All that was added, in units of the asset. */
  get quantity(): Decimal {
    let quantity = this.rest.total;
    for (const line of this.lines) quantity = quantity.plus(line.quantity.total);
    return quantity;
  }

  /** In the venue's unit. */
  get value(): Decimal {
    const { price } = this;
    if (price === null) return ZERO;
    const cap = collateralTableOf(this.asset, this.counting, this.policy)?.userCap ?? ZERO;
    let value = this.oneByOne.plus(this.capped === 0 ? ZERO : this.assess(cap).collateralValue.times(this.capped));
    for (const { slope, intercept, accounts, quantity } of this.lines) {
      const amount = this.inCoins ? quantity.total : quantity.total.times(price);
      const counted = slope.times(amount).plus(intercept.times(accounts));
      value = value.plus(this.inCoins ? counted.times(price) : counted);
    }
    return value;
  }

  private assess(quantity: Decimal): ReturnType<typeof assessBalance> {
    return assessBalance({ asset: this.asset, quantity }, this.counting, this.market, this.policy);
  }
}

/** @param unit what a coin is in the units of the curve; quotients by it are off by less than `NEAR`, too */
function lineOf({ floor, cap, slope, intercept }: Segment, unit: number, userCap: number): Line {
  const end = Math.min(cap === null ? Infinity : cap.toNumber() / unit, userCap);
  return {
    surelyAbove: floor.isZero() ? 0 : (floor.toNumber() / unit) * (1 + NEAR),
    surelyBelow: end * (1 - NEAR),
    ...{ slope, intercept, accounts: 0, quantity: new ExactSum() },
  };
}

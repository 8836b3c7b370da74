/**
 * Collateral value of one asset over many accounts, exactly. Within a segment the value is linear in the quantity, so
 * that one sum of quantities is enough. Amounts near an edge of a segment or at a cap are counted one by one.
 */
import { COUNTS_NOTHING, collateralCurve, type Segment } from '../../margin/curve.js';
import { assessBalance, collateralTableOf } from '../../margin/state/collateral.js';
import { ZERO, type Decimal } from '../../margin/decimal.js';
import type { CollateralMode, Market, Policy } from '../../margin/model.js';
import { ExactSum, INEXACT } from '../columns/exact-sum.js';

/** An amount in floats that is farther than this from an edge (relative) is on the same side as the exact one. */
const NEAR = 2 ** -48;

/** A segment of the collateral curve with its ends as floats, and the accounts whose amounts are in it. */
interface Line {
  readonly floor: number;
  readonly cap: number;
  readonly slope: Decimal;
  readonly intercept: Decimal;
  accounts: number;
  readonly quantity: ExactSum;
}

export class CollateralTotal {
  private readonly lines: readonly Line[];
  private readonly inCoins: boolean;
  private readonly userCap: number;
  /** Null: no price, or accepted nowhere; the asset counts nothing. */
  private readonly price: Decimal | null;
  private readonly priceFloat: number;
  private capped = 0;
  private oneByOne = ZERO;

  constructor(
    private readonly asset: string,
    private readonly mode: CollateralMode,
    private readonly market: Market,
    private readonly policy: Policy,
  ) {
    const table = collateralTableOf(asset, mode, policy);
    const { indexPrice } = this.assess(ZERO);
    this.price = table === null ? null : indexPrice;
    this.priceFloat = this.price?.toNumber() ?? NaN;
    this.inCoins = table?.tierUnit === 'QUANTITY';
    this.userCap = table?.userCap?.toNumber() ?? Infinity;
    const { segments } = table === null ? COUNTS_NOTHING : collateralCurve(table);
    this.lines = segments.map(lineOf);
  }

  /**
   * Adds a positive quantity: its float, and `digitsOf` it.
   *
   * @param exact the quantity itself; called if the float does not determine it
   */
  add(float: number, digits: number, exact: () => Decimal): void {
    if (this.price === null) return;
    if (float > this.userCap * (1 + NEAR)) {
      this.capped += 1;
      return;
    }
    const amount = this.inCoins ? float : float * this.priceFloat;
    const line = this.lines.find(({ cap }) => amount < cap);
    const isSure =
      line !== undefined &&
      float < this.userCap * (1 - NEAR) &&
      amount < line.cap * (1 - NEAR) &&
      (line.floor === 0 || amount > line.floor * (1 + NEAR));
    if (!isSure || digits === INEXACT) {
      this.oneByOne = this.oneByOne.plus(this.assess(exact()).collateralValue);
      return;
    }
    line.accounts += 1;
    line.quantity.add(float, digits);
  }

  /** In USDT. */
  get value(): Decimal {
    const { price } = this;
    if (price === null) return ZERO;
    const cap = collateralTableOf(this.asset, this.mode, this.policy)?.userCap ?? ZERO;
    let value = this.oneByOne.plus(this.capped === 0 ? ZERO : this.assess(cap).collateralValue.times(this.capped));
    for (const { slope, intercept, accounts, quantity } of this.lines) {
      const amount = this.inCoins ? quantity.total : quantity.total.times(price);
      const counted = slope.times(amount).plus(intercept.times(accounts));
      value = value.plus(this.inCoins ? counted.times(price) : counted);
    }
    return value;
  }

  private assess(quantity: Decimal): ReturnType<typeof assessBalance> {
    return assessBalance({ asset: this.asset, quantity }, this.mode, this.market, this.policy);
  }
}

function lineOf({ floor, cap, slope, intercept }: Segment): Line {
  const ends = { floor: floor.toNumber(), cap: cap === null ? Infinity : cap.toNumber() };
  return { ...ends, slope, intercept, accounts: 0, quantity: new ExactSum() };
}

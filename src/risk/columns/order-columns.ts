/** Resting orders of cross units, in columns: what the prefilter needs where a policy weighs them (rules: 20). */
import type { OrdersText, PositionText } from '../../ledger/account-text.js';
import { areBeside, sidesOf } from '../../margin/state/open-orders.js';
import { ItemColumns } from './columns.js';
import { grown } from './growth.js';

/** Numbers of an item in `amounts`: size and cost of the position beside it, and the notionals of its orders. */
export const ORDER_AMOUNTS = 4;

/** Orders of one instrument, in hedge mode of one side. Those that can open nothing are left out. */
export class OrderColumns extends ItemColumns {
  /**
   * Size of the position beside the orders, 0 without one; the notionals of orders in its direction, and against it; its
   * cost if it is isolated, else NaN. The floats next to the exact numbers.
   */
  amounts = new Float64Array(0);
  /** 1: the next item is of another unit. */
  isLast = new Uint8Array(0);

  get bytes(): number {
    return this.row.byteLength + this.amounts.byteLength + this.isLast.byteLength;
  }

  /**
   * Adds the orders of a unit. Returns their first item plus 1; 0: there are none.
   *
   * @param rowOf the row of an instrument
   */
  put(
    orders: readonly OrdersText[],
    positions: readonly PositionText[],
    rowOf: (instrument: string) => number,
  ): number {
    const opening = orders.filter(opens);
    if (opening.length === 0) return 0;
    const first = this.take(opening.length);
    opening.forEach((each, index) => {
      const item = first + index;
      this.row[item] = rowOf(each[0]);
      this.amounts.set(amountsOf(each, positions), item * ORDER_AMOUNTS);
      this.isLast[item] = index === opening.length - 1 ? 1 : 0;
    });
    return first + 1;
  }

  /** Calls for the row of each item from the first one on. */
  forEachRow(first: number, visit: (row: number) => void): void {
    for (let item = first; ; item++) {
      visit(this.row[item] as number);
      if (this.isLast[item] === 1) return;
    }
  }

  /** Frees the items of a unit. */
  empty(first: number): void {
    let count = 0;
    this.forEachRow(first, () => (count += 1));
    this.release(first, count);
  }

  protected override grow(needed: number): void {
    super.grow(needed);
    this.isLast = grown(this.isLast, this.row.length);
    this.amounts = grown(this.amounts, this.row.length * ORDER_AMOUNTS);
  }
}

/** As `opens` of margin/state/open-orders.ts, on what is still text. */
function opens([, side, buySize, sellSize]: OrdersText): boolean {
  return (side !== 'SHORT' && buySize !== '0') || (side !== 'LONG' && sellSize !== '0');
}

function amountsOf(orders: OrdersText, positions: readonly PositionText[]): number[] {
  const [instrument, side, , , buyNotional, sellNotional] = orders;
  const beside = positions.find(([symbol, of]) => areBeside({ instrument, side }, { instrument: symbol, side: of }));
  const position = beside === undefined ? null : { side: beside[1] };
  const { adds, reduces } = sidesOf(side, position, Number(buyNotional), Number(sellNotional), 0);
  if (beside === undefined) return [0, adds, reduces, NaN];
  const [, , size, cost, , marginMode] = beside;
  return [Number(size), adds, reduces, marginMode === 'ISOLATED' ? Number(cost) : NaN];
}

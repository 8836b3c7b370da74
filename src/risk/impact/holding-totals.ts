/**
 * What all accounts hold and owe of each asset, and what it counts as collateral, exactly: at the prices and rules of
 * one moment. Accounts that change afterwards are taken out and put in again, so that only a price or a rule makes
 * everything be added up anew.
 */
import { ZERO, type Decimal } from '../../margin/decimal.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import { Slice } from '../../platform/yielding.js';
import { FIRST_HOLDING, HOLDINGS, UNIT_HALVES, UNIT_WORDS } from '../columns/columns.js';
import { ExactSum } from '../columns/exact-sum.js';
import type { KnownAccounts } from '../columns/known-accounts.js';
import { CollateralTotal } from './collateral-total.js';

export interface AssetTotal {
  readonly asset: string;
  readonly chain: string | null;
  /** In units of the asset: the sum of positive balances, and the sum of debts as a positive number. */
  readonly held: Decimal;
  readonly owed: Decimal;
  /** Collateral value of the positive balances, in the venue's unit. */
  readonly collateralValue: Decimal;
}

/** Sums of one asset, as it counts in one collateral mode or switched off, on one chain. */
interface Sums {
  readonly venue: string;
  readonly asset: string;
  readonly chain: string | null;
  readonly held: CollateralTotal;
  readonly owed: ExactSum;
}

/** Margin units between two looks at the clock. */
const BATCH = 256;

export class HoldingTotals {
  /** By row of an asset in the rules' columns. */
  private readonly sums: (Sums | undefined)[] = [];
  /** Accounts whose cross unit is below this are in the sums. */
  private counted = 0;
  /** The holding that `exact` tells. */
  private cross = 0;
  private place = 0;

  /** @param snapshot its prices must be those of the columns at this moment */
  constructor(
    private readonly known: KnownAccounts,
    private readonly snapshot: PriceSnapshot,
  ) {}

  /** Adds up all accounts. Those that change meanwhile must be reported as later. */
  async addAll(): Promise<void> {
    const { units } = this.known.columns;
    const slice = new Slice();
    for (let cross = 0; cross < units.end; cross++) {
      if (cross % BATCH === 0 && slice.isOver) await slice.yield();
      if (units.account[cross] === cross) this.change(cross, 1);
      this.counted = cross + 1;
    }
    this.counted = Infinity;
  }

  /** The account with this cross unit is there, with what it holds now. */
  add(cross: number): void {
    if (cross < this.counted) this.change(cross, 1);
  }

  /** The account is about to change, or to leave. */
  subtract(cross: number): void {
    if (cross < this.counted) this.change(cross, -1);
  }

  /** By asset, then chain; both collateral modes together, and what is switched off. What nobody holds or owes is left out. */
  of(venue: string): AssetTotal[] {
    const totals = new Map<string, AssetTotal>();
    for (const sums of this.sums) {
      if (sums?.venue !== venue) continue;
      const { asset, chain, held, owed } = sums;
      const key = `${asset}\0${chain ?? ''}`;
      const before = totals.get(key) ?? { asset, chain, held: ZERO, owed: ZERO, collateralValue: ZERO };
      totals.set(key, {
        asset,
        chain,
        held: before.held.plus(held.quantity),
        owed: before.owed.plus(owed.total),
        collateralValue: before.collateralValue.plus(held.value),
      });
    }
    return [...totals]
      .filter(([, { held, owed }]) => !held.isZero() || !owed.isZero())
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, total]) => total);
  }

  private change(cross: number, times: 1 | -1): void {
    const { units, holdings } = this.known.columns;
    const first = units.words[cross * UNIT_WORDS + FIRST_HOLDING] as number;
    const end = first + (units.halves[cross * UNIT_HALVES + HOLDINGS] as number);
    this.cross = cross;
    for (let item = first; item < end; item++) {
      const row = holdings.row[item] as number;
      const quantity = holdings.quantity[item] as number;
      const digits = holdings.digits[item] as number;
      const sum = this.sums[row] ?? this.begin(cross, row);
      this.place = item - first;
      if (quantity > 0) sum.held.add(quantity, digits, this.exact, times);
      else sum.owed.add(times * -quantity, digits, () => this.exact().times(-times));
    }
  }

  private readonly exact = (): Decimal => this.known.stateAt(this.cross).balances[this.place]?.quantity ?? ZERO;

  private begin(cross: number, row: number): Sums {
    const { known, snapshot } = this;
    const { venue, chain, policy } = known.ruleSetAt(cross);
    const { asset, counting } = known.columns.rules.assetAt(known.columns.ruleSetOf(cross), row);
    const held = new CollateralTotal(asset, counting, snapshot.marketOf(venue), policy);
    const sums = { venue, asset, chain, held, owed: new ExactSum() };
    this.sums[row] = sums;
    return sums;
  }
}

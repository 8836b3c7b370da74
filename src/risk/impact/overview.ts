/** The overview of a venue: statuses of its accounts, their shortfall, and what they hold and owe of each asset. */
import { assessMargin } from '../../margin/state/assess.js';
import { ZERO, type Decimal } from '../../margin/decimal.js';
import { MARGIN_STATUSES, type MarginStatus } from '../../margin/model.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import type { KnownAccounts } from '../columns/known-accounts.js';
import { UNIT_HALVES, UNIT_WORDS, FIRST_HOLDING, HOLDINGS } from '../columns/columns.js';
import { ExactSum, INEXACT } from '../columns/exact-sum.js';
import { Slice } from '../../platform/yielding.js';
import { CollateralTotal } from './collateral-total.js';

export interface AssetTotal {
  readonly asset: string;
  readonly chain: string | null;
  /** In units of the asset: the sum of positive balances, and the sum of debts as a positive number. */
  readonly held: Decimal;
  readonly owed: Decimal;
  /** Collateral value of the positive balances, in USDT. */
  readonly collateralValue: Decimal;
}

export interface Overview {
  readonly asOf: Date;
  /** By the worst status of each account; statuses that no account has are 0. */
  readonly accounts: readonly { readonly status: MarginStatus; readonly accounts: number }[];
  /** Maintenance margin less margin balance, summed over the cross accounts in LIQUIDATION; in USDT. */
  readonly shortfall: Decimal;
  /** By asset, then chain; assets that nobody holds or owes are left out. */
  readonly assets: readonly AssetTotal[];
}

/** Sums of one asset in one collateral mode on one chain. */
interface Sums {
  readonly asset: string;
  readonly chain: string | null;
  readonly held: ExactSum;
  readonly owed: ExactSum;
  readonly counted: CollateralTotal;
  /** Sum of quantities that their floats do not determine. */
  heldOneByOne: Decimal;
  owedOneByOne: Decimal;
}

/** Prices are those of the snapshot, which must be those of the columns. */
export async function overviewOf(known: KnownAccounts, snapshot: PriceSnapshot, venue: string): Promise<Overview> {
  const { columns } = known;
  const market = snapshot.marketOf(venue);
  const counts = new Map<MarginStatus, number>(MARGIN_STATUSES.map((status) => [status, 0]));
  const sums = new Map<number, Sums>();
  let shortfall = ZERO;
  const slice = new Slice();
  for (let cross = 0; cross < columns.units.end; cross++) {
    if (cross % 256 === 0 && slice.isOver) await slice.yield();
    if (columns.crossOf(cross) !== cross || known.ruleSetAt(cross).venue !== venue) continue;
    const status = columns.worstStatusOf(cross);
    if (status !== null) counts.set(status, (counts.get(status) ?? 0) + 1);
    if (columns.statusOf(cross) === 'LIQUIDATION') {
      const report = assessMargin(known.stateAt(cross), market, known.ruleSetAt(cross).policy);
      if (report.status === 'LIQUIDATION') {
        shortfall = shortfall.plus(report.maintenanceMargin).minus(report.marginBalance);
      }
    }
    addHoldings(known, cross, sums, snapshot);
  }
  return {
    asOf: snapshot.asOf,
    accounts: [...counts].map(([status, accounts]) => ({ status, accounts })),
    shortfall,
    assets: totalsOf(sums.values()),
  };
}

function addHoldings(known: KnownAccounts, cross: number, sums: Map<number, Sums>, snapshot: PriceSnapshot): void {
  const { units, holdings } = known.columns;
  const first = units.words[cross * UNIT_WORDS + FIRST_HOLDING] as number;
  const end = first + (units.halves[cross * UNIT_HALVES + HOLDINGS] as number);
  for (let item = first; item < end; item++) {
    const row = holdings.row[item] as number;
    const exact = (): Decimal => known.stateAt(cross).balances[item - first]?.quantity ?? ZERO;
    let sum = sums.get(row);
    if (sum === undefined) sums.set(row, (sum = sumsOf(known, cross, row, snapshot)));
    const quantity = holdings.quantity[item] as number;
    const digits = holdings.digits[item] as number;
    if (quantity > 0) sum.counted.add(quantity, digits, exact);
    if (digits !== INEXACT) (quantity > 0 ? sum.held : sum.owed).add(Math.abs(quantity), digits);
    else if (quantity > 0) sum.heldOneByOne = sum.heldOneByOne.plus(exact());
    else sum.owedOneByOne = sum.owedOneByOne.minus(exact());
  }
}

function sumsOf(known: KnownAccounts, cross: number, row: number, snapshot: PriceSnapshot): Sums {
  const { venue, chain, policy } = known.ruleSetAt(cross);
  const { asset, mode } = known.columns.rules.assetAt(known.columns.ruleSetOf(cross), row);
  const counted = new CollateralTotal(asset, mode, snapshot.marketOf(venue), policy);
  const [held, owed] = [new ExactSum(), new ExactSum()];
  return { asset, chain, held, owed, counted, heldOneByOne: ZERO, owedOneByOne: ZERO };
}

/** Both collateral modes of an asset together. */
function totalsOf(sums: Iterable<Sums>): AssetTotal[] {
  const totals = new Map<string, AssetTotal>();
  for (const { asset, chain, held, owed, counted, heldOneByOne, owedOneByOne } of sums) {
    const key = `${asset}\0${chain ?? ''}`;
    const before = totals.get(key) ?? { asset, chain, held: ZERO, owed: ZERO, collateralValue: ZERO };
    totals.set(key, {
      asset,
      chain,
      held: before.held.plus(held.total).plus(heldOneByOne),
      owed: before.owed.plus(owed.total).plus(owedOneByOne),
      collateralValue: before.collateralValue.plus(counted.value),
    });
  }
  return [...totals].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, total]) => total);
}

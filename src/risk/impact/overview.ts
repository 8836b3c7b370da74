/**
 * The overview of a venue: statuses of its accounts, their shortfall, and what they hold and owe of each asset. All
 * numbers are exact, at the prices of one moment. What is added up is kept until a price, a rule, a status or an account
 * has changed.
 */
import type { Decimal } from '../../margin/decimal.js';
import { MARGIN_STATUSES, type MarginStatus } from '../../margin/model.js';
import type { PriceSnapshot } from '../../market/price-snapshot.js';
import { Slice } from '../../platform/yielding.js';
import { STATUS, UNIT_HALVES } from '../columns/columns.js';
import type { KnownAccounts } from '../columns/known-accounts.js';
import type { RuleColumns } from '../columns/rule-columns.js';
import { HoldingTotals, type AssetTotal } from './holding-totals.js';
import { ShortfallTotal } from './shortfall-total.js';

export interface Overview {
  readonly asOf: Date;
  /** By the worst status of each account; statuses that no account has are 0. */
  readonly accounts: readonly { readonly status: MarginStatus; readonly accounts: number }[];
  /** Maintenance margin / liquidation ratio less margin balance, summed over the cross accounts in LIQUIDATION; in its unit. */
  readonly shortfall: Decimal;
  /** By asset, then chain; assets that nobody holds or owes are left out. */
  readonly assets: readonly AssetTotal[];
}

/** All accounts at the prices and rules of one moment. */
interface Moment {
  readonly snapshot: PriceSnapshot;
  /** With the policies of then. */
  readonly known: KnownAccounts;
  readonly rules: RuleColumns;
  readonly totals: HoldingTotals;
  readonly added: Promise<void>;
}

type Statuses = Pick<Overview, 'accounts' | 'shortfall'>;

const BATCH = 256;
const LIQUIDATION = MARGIN_STATUSES.indexOf('LIQUIDATION');

export class Overviews {
  private moment: Moment | null = null;
  /** Prices or rules have changed since. */
  private isPast = false;
  /** By venue, with the number of changes of the columns and the moment for which it holds. */
  private readonly counted = new Map<string, { changes: number; moment: Moment; statuses: Promise<Statuses> }>();

  constructor(private readonly known: KnownAccounts) {}

  /** Call when prices or rules of the columns have changed. */
  changed(): void {
    this.isPast = true;
  }

  /** Call right before an account changes or is removed. */
  leaves(id: string): void {
    const cross = this.crossOf(id);
    if (cross !== undefined) this.moment?.totals.subtract(cross);
  }

  /** Call right after an account has changed or is new. */
  enters(id: string): void {
    const cross = this.crossOf(id);
    if (cross !== undefined) this.moment?.totals.add(cross);
  }

  private crossOf(id: string): number | undefined {
    // Before anybody has asked, nothing is added up.
    return this.moment === null ? undefined : this.known.columns.unitsOf(id)[0];
  }

  /** @param snapshot its prices must be those of the columns */
  async of(snapshot: PriceSnapshot, venue: string): Promise<Overview> {
    const moment = this.momentOf(snapshot);
    await moment.added;
    const statuses = await this.statusesOf(moment, venue);
    // Prices of a later moment may have come in the meantime: then this is as of the former.
    const { asOf } = moment === this.moment && !this.isPast ? snapshot : moment.snapshot;
    return { asOf, ...statuses, assets: moment.totals.of(venue) };
  }

  private momentOf(snapshot: PriceSnapshot): Moment {
    if (this.moment !== null && !this.isPast) return this.moment;
    const known = withPoliciesOfNow(this.known);
    const totals = new HoldingTotals(known, snapshot);
    this.isPast = false;
    const added = totals.addAll().catch((error: unknown) => {
      this.isPast = true;
      throw error;
    });
    this.moment = { snapshot, known, rules: known.columns.rules.copy(), totals, added };
    return this.moment;
  }

  private statusesOf(moment: Moment, venue: string): Promise<Statuses> {
    const { changes } = this.known.columns;
    const before = this.counted.get(venue);
    if (before?.changes === changes && before.moment === moment) return before.statuses;
    const statuses = this.count(moment, venue).catch((error: unknown) => {
      this.counted.delete(venue);
      throw error;
    });
    this.counted.set(venue, { changes, moment, statuses });
    return statuses;
  }

  private async count({ known, snapshot, rules }: Moment, venue: string): Promise<Statuses> {
    const { units } = known.columns;
    const counts = MARGIN_STATUSES.map(() => 0);
    const shortfall = new ShortfallTotal(known, snapshot, rules);
    const isOfVenue: boolean[] = [];
    const slice = new Slice();
    for (let cross = 0; cross < units.end; cross++) {
      if (cross % BATCH === 0 && slice.isOver) await slice.yield();
      if (units.account[cross] !== cross) continue;
      if (!(isOfVenue[known.columns.ruleSetOf(cross)] ??= known.ruleSetAt(cross).venue === venue)) continue;
      const own = units.halves[cross * UNIT_HALVES + STATUS] as number;
      const worst = units.next[cross] === 0 ? own : worstOf(known, cross);
      if (worst < counts.length) counts[worst] = (counts[worst] ?? 0) + 1;
      if (own === LIQUIDATION) shortfall.add(cross);
    }
    const accounts = MARGIN_STATUSES.map((status, index) => ({ status, accounts: counts[index] ?? 0 }));
    return { accounts, shortfall: shortfall.value };
  }
}

/** Rules that take effect later do not concern it; accounts that come or change later do. */
function withPoliciesOfNow(known: KnownAccounts): KnownAccounts {
  const { columns } = known;
  const ruleSets = [...known.ruleSets];
  return {
    columns,
    ruleSets,
    stateAt: (cross) => known.stateAt(cross),
    ruleSetAt: (cross) => ruleSets[columns.ruleSetOf(cross)] ?? known.ruleSetAt(cross),
    placeOf: (venue, chain) => known.placeOf(venue, chain),
  };
}

/** The index of the worst status of an account with isolated positions; beyond the last: none is known. */
function worstOf({ columns }: KnownAccounts, cross: number): number {
  const status = columns.worstStatusOf(cross);
  return status === null ? MARGIN_STATUSES.length : MARGIN_STATUSES.indexOf(status);
}

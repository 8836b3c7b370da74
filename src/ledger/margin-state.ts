import { checkCredit } from '../margin/change/unpriced.js';
import { ZERO, type Decimal } from '../margin/decimal.js';
import { positionLiquidationPrice, type LiquidationPrice } from '../margin/solve/liquidation-price.js';
import { assessMargin, type MarginReport, type PositionReport } from '../margin/state/assess.js';
import type { AccountState, Market, Policy, PriceState } from '../margin/model.js';
import type { Refusal } from '../margin/refusal.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import { accountState, type AccountRecord, type Holdings } from './records.js';

/** Source of prices: the board, or the snapshot of a price batch. */
export interface Markets {
  /** For accounts of one venue. The board judges staleness at `now`, a snapshot at its own instant. */
  marketOf(venue: string, now: number): Market;
}

/** The margin state of an account at an instant, with all that it was computed from. */
export interface MarginState {
  readonly account: AccountRecord;
  /** The account as the margin rules take it. */
  readonly holds: AccountState;
  readonly market: Market;
  readonly policy: Policy;
  readonly report: MarginReport;
  readonly asOf: Date;
}

/** What the margin rules said of holdings, and what they took for it. */
interface KnownReport {
  readonly policy: Policy;
  readonly prices: TakenPrices;
  readonly holds: AccountState;
  readonly report: MarginReport;
}

/** By holdings, which never change: those of another version are other ones. */
const reports = new WeakMap<Holdings, KnownReport>();

/**
 * Joins holdings, market and policy; the only place that does. What the margin rules have said stands until a price that
 * it takes, or the policy, is another.
 */
export function marginState(holdings: Holdings, rulebook: Rulebook, board: Markets, asOf: Date): MarginState {
  const { account } = holdings;
  const { market, policy } = rulesOf(account, { rulebook, board }, asOf);
  let known = reports.get(holdings);
  if (known?.policy !== policy || !known.prices.stand(market)) {
    const prices = new TakenPrices();
    // A policy is another object whenever anything of the venue or its instruments is another.
    const holds = accountState(holdings, rulebook);
    known = { policy, prices, holds, report: assessMargin(holds, prices.of(market), policy) };
    reports.set(holdings, known);
  }
  const { holds, report } = known;
  return { account, holds, market, policy, report, asOf };
}

/** The prices that were taken of a market; not the market itself, which holds all prices of its time. */
class TakenPrices {
  private readonly indexes = new Map<string, PriceState | null>();
  private readonly marks = new Map<string, PriceState | null>();

  /** Passes prices on, and keeps them. */
  of(market: Market): Market {
    return {
      index: (asset) => kept(this.indexes, asset, market.index(asset)),
      mark: (instrument) => kept(this.marks, instrument, market.mark(instrument)),
    };
  }

  /** Whether all of them are the same in another market. */
  stand(market: Market): boolean {
    for (const [asset, price] of this.indexes) if (!areSame(price, market.index(asset))) return false;
    for (const [instrument, price] of this.marks) if (!areSame(price, market.mark(instrument))) return false;
    return true;
  }
}

function kept(prices: Map<string, PriceState | null>, symbol: string, price: PriceState | null): PriceState | null {
  prices.set(symbol, price);
  return price;
}

function areSame(one: PriceState | null, other: PriceState | null): boolean {
  if (one === null || other === null) return one === other;
  return one.stale === other.stale && (one.price === other.price || one.price.eq(other.price));
}

/** Of positions of a report that stands: each liquidation price is solved once. */
const liquidationPrices = new WeakMap<MarginReport, Map<string, LiquidationPrice>>();

/** The mark price at which a position of the state would be liquidated (rules: 9). */
export function liquidationPriceOf(
  { holds, report, policy }: Pick<MarginState, 'holds' | 'report' | 'policy'>,
  position: PositionReport,
  indexFollows: boolean,
): LiquidationPrice {
  let known = liquidationPrices.get(report);
  if (known === undefined) {
    known = new Map<string, LiquidationPrice>();
    liquidationPrices.set(report, known);
  }
  const key = `${position.instrument}/${position.side}/${indexFollows}`;
  let price = known.get(key);
  if (price === undefined) {
    price = positionLiquidationPrice(position, holds, report, policy, indexFollows);
    known.set(key, price);
  }
  return price;
}

/** What the margin rules take beside the account: prices and policy of its venue and chain. */
export function rulesOf(
  account: Pick<AccountRecord, 'venue' | 'chain'>,
  { rulebook, board }: { readonly rulebook: Rulebook; readonly board: Markets },
  at: Date,
): { readonly market: Market; readonly policy: Policy } {
  return {
    market: board.marketOf(account.venue, at.getTime()),
    policy: rulebook.policy(account.venue, account.chain, at),
  };
}

/**
 * Why a balance may not be credited (rules: 2): it would count, and never had a price. Null: it may.
 *
 * @param quantity above 0, in units of the asset
 */
export function problemOfCredit(
  asset: string,
  quantity: Decimal,
  { account, balances }: Pick<Holdings, 'account' | 'balances'>,
  parts: { readonly rulebook: Rulebook; readonly board: Markets },
  now: Date,
): Refusal | null {
  const { market, policy } = rulesOf(account, parts, now);
  const after = (balances.get(asset) ?? ZERO).plus(quantity);
  return checkCredit(asset, after, account, market, policy);
}

/**
 * Accounts as they were (rules: 12). The state follows the instant of recording: the version in force, the balances by
 * the ledger, the rules and prices of that instant. Then comes the same assessment as now.
 */
import { SETTLEMENT_ASSET } from '../margin/model.js';
import { pricesAt } from '../market/price-history.js';
import type { PriceSnapshot } from '../market/price-snapshot.js';
import type { Database } from '../platform/database.js';
import { yieldIfBusy } from '../platform/yielding.js';
import { readRowsAt } from './account-rows.js';
import type { LedgerParts } from './ledger-checks.js';
import { marginState, type MarginState, type Markets } from './margin-state.js';
import { holdingsOf, type AccountRecord, type Holdings } from './records.js';

/** An account and an instant. */
export interface PastAccount {
  readonly account: Pick<AccountRecord, 'id' | 'openedAt'>;
  readonly at: Date;
}

/** Why there is no margin state at an instant. */
export type NoMarginAt = 'BEFORE_OPENING' | 'IN_THE_FUTURE' | 'PRICES_NOT_KEPT';

export interface MarginAt {
  readonly margin: MarginState | null;
  /** Null if there is a state. */
  readonly reason: NoMarginAt | null;
}

/**
 * The margin states, in the order of the input. One statement reads all accounts; prices are read once for each
 * instant.
 *
 * @param now instant of the question; later ones are refused
 */
export async function marginsAt(
  { db, rulebook, board }: Pick<LedgerParts, 'db' | 'rulebook' | 'board'>,
  asked: readonly PastAccount[],
  now: Date,
): Promise<MarginAt[]> {
  const holdings = await readHoldingsAt(
    db,
    asked.filter((past) => outOfTime(past, now) === null),
  );
  const priced = [...holdings].filter(([, held]) => needsPrices(held)).map(([{ at }]) => at.getTime());
  const prices = await readPrices(db, new Set(priced), board.maxAge);
  const margins = new Map<PastAccount, MarginState>();
  // By instant, so that the rulebook assembles the rules of each only once.
  for (const [past, held] of [...holdings].sort(([a], [b]) => a.at.getTime() - b.at.getTime())) {
    await yieldIfBusy();
    const markets = needsPrices(held) ? prices.get(past.at.getTime()) : NO_PRICES;
    if (markets !== undefined) margins.set(past, marginState(held, rulebook, markets, past.at));
  }
  // Versions or prices may not be kept that far back.
  return asked.map((past) => {
    const margin = margins.get(past) ?? null;
    return { margin, reason: margin === null ? (outOfTime(past, now) ?? 'PRICES_NOT_KEPT') : null };
  });
}

function outOfTime({ account, at }: PastAccount, now: Date): NoMarginAt | null {
  if (at < account.openedAt) return 'BEFORE_OPENING';
  return at > now ? 'IN_THE_FUTURE' : null;
}

/** USDT alone needs no price. */
function needsPrices({ balances, positions }: Holdings): boolean {
  return (
    [...positions.values()].some(({ size }) => !size.isZero()) ||
    [...balances].some(([asset, quantity]) => asset !== SETTLEMENT_ASSET && !quantity.isZero())
  );
}

const NO_PRICES: Markets = { marketOf: () => ({ index: () => null, mark: () => null }) };

/** By instant; those without kept prices are left out. */
async function readPrices(
  db: Database,
  instants: ReadonlySet<number>,
  maxAge: number,
): Promise<Map<number, PriceSnapshot>> {
  const found = new Map<number, PriceSnapshot>();
  await Promise.all(
    [...instants].map(async (instant) => {
      const snapshot = await pricesAt(db, new Date(instant), maxAge);
      if (snapshot !== null) found.set(instant, snapshot);
    }),
  );
  return found;
}

/** What the accounts held. Left out: accounts whose versions begin later, since the database is older than they are. */
export async function readHoldingsAt(db: Database, asked: readonly PastAccount[]): Promise<Map<PastAccount, Holdings>> {
  const rows = await readRowsAt(
    db,
    asked.map(({ account: { id }, at }) => ({ id, at })),
  );
  const found = new Map<PastAccount, Holdings>();
  asked.forEach((past, place) => {
    const row = rows.get(place);
    if (row !== undefined) found.set(past, holdingsOf(row));
  });
  return found;
}

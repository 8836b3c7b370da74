/**
 * Accounts as they were (rules: 12). The state follows the instant of recording: the version in force, the balances by
 * the ledger, the rules and prices of that instant. Then comes the same assessment as now.
 */
import { pricesAt } from '../market/price-history.js';
import type { Transaction } from '../platform/database/database.js';
import { yieldIfBusy } from '../platform/yielding.js';
import { readRowsAt } from './account-rows.js';
import type { LedgerParts } from './ledger-checks.js';
import { marginState, type MarginState, type Markets } from './margin-state.js';
import { isResting, readableHoldings, UnreadableAccountError, type AccountRecord, type Holdings } from './records.js';

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
 * instant, some instants at a time.
 *
 * @param now instant of the question; later ones are refused
 */
export async function marginsAt(
  { db, rulebook, board }: Pick<LedgerParts, 'db' | 'rulebook' | 'board'>,
  asked: readonly PastAccount[],
  now: Date,
): Promise<(MarginAt | UnreadableAccountError)[]> {
  const { holdings, unreadable } = await readHoldingsAt(
    { db, rulebook },
    asked.filter((past) => outOfTime(past, now) === null),
  );
  const arePriced = (held: Holdings): boolean => needsPrices(held, rulebook.venues.get(held.account.venue)?.unit);
  const priced = [...holdings].filter(([, held]) => arePriced(held)).map(([{ at }]) => at.getTime());
  const terms = { maxAge: board.maxAge, venues: rulebook.venues };
  const prices = await pricesAt(db, [...new Set(priced)], terms);
  const margins = new Map<PastAccount, MarginState>();
  // By instant, so that the rulebook assembles the rules of each only once.
  for (const [past, held] of [...holdings].sort(([a], [b]) => a.at.getTime() - b.at.getTime())) {
    await yieldIfBusy();
    const markets = arePriced(held) ? prices.get(past.at.getTime()) : NO_PRICES;
    if (markets !== undefined) margins.set(past, marginState(held, rulebook, markets, past.at));
  }
  // Versions or prices may not be kept that far back.
  return asked.map((past) => {
    const problem = unreadable.get(past);
    if (problem !== undefined) return problem;
    const margin = margins.get(past) ?? null;
    return { margin, reason: margin === null ? (outOfTime(past, now) ?? 'PRICES_NOT_KEPT') : null };
  });
}

function outOfTime({ account, at }: PastAccount, now: Date): NoMarginAt | null {
  if (at < account.openedAt) return 'BEFORE_OPENING';
  return at > now ? 'IN_THE_FUTURE' : null;
}

/** The venue's unit alone needs no price. Orders count as a need wherever they rest, also where the policy asks nothing of them. */
function needsPrices({ balances, positions, openOrders }: Holdings, unit: string | undefined): boolean {
  return (
    [...openOrders.values()].some(isResting) ||
    [...positions.values()].some(({ size }) => !size.isZero()) ||
    [...balances].some(([asset, quantity]) => asset !== unit && !quantity.isZero())
  );
}

const NO_PRICES: Markets = { marketOf: () => ({ index: () => null, mark: () => null }) };

interface PastHoldings {
  readonly holdings: ReadonlyMap<PastAccount, Holdings>;
  readonly unreadable: ReadonlyMap<PastAccount, UnreadableAccountError>;
}

/** What the accounts held. Left out: accounts whose versions begin later, since the database is older than they are. */
export async function readHoldingsAt(
  { db, rulebook }: Pick<LedgerParts, 'db' | 'rulebook'>,
  asked: readonly PastAccount[],
): Promise<PastHoldings> {
  const rows = await readRowsAt(
    db,
    asked.map(({ account: { id }, at }) => ({ id, at })),
  );
  const holdings = new Map<PastAccount, Holdings>();
  const unreadable = new Map<PastAccount, UnreadableAccountError>();
  asked.forEach((past, place) => {
    const row = rows.get(place);
    if (row === undefined) return;
    const held = readableHoldings(row, rulebook);
    if (held instanceof UnreadableAccountError) unreadable.set(past, held);
    else holdings.set(past, held);
  });
  return { holdings, unreadable };
}

export interface PrunedVersions {
  /** Rows; the page is done when it is 0. */
  readonly deleted: number;
  /** The last account of the page; null: no account was left. */
  readonly last: string | null;
}

/**
 * Deletes versions of the next accounts by id that were over before the instant: at most `limit` of each kind. What held
 * at the instant stays, so that every later one is answered as before. The database refuses it outside of `jobs/`.
 */
export async function pruneVersions(
  tx: Transaction,
  before: Date,
  page: { readonly after: string | null; readonly accounts: number; readonly limit: number },
): Promise<PrunedVersions> {
  const { after, accounts, limit } = page;
  const [pruned] = await tx.$queryRaw<[PrunedVersions]>`
    WITH page AS (
      SELECT id FROM accounts WHERE ${after}::uuid IS NULL OR id > ${after}::uuid ORDER BY id LIMIT ${accounts}
    ), held AS MATERIALIZED (
      SELECT page.id, was.version FROM page CROSS JOIN LATERAL (
        SELECT version FROM account_versions WHERE account_id = page.id AND at <= ${before}::timestamptz
        ORDER BY at DESC, version DESC LIMIT 1
      ) AS was
    ), versions AS (
      DELETE FROM account_versions WHERE (account_id, version) IN (
        SELECT account_id, past.version FROM held JOIN account_versions AS past ON account_id = id
        WHERE past.version < held.version LIMIT ${limit}
      ) RETURNING 1
    ), positions AS (
      DELETE FROM position_versions WHERE (account_id, instrument, side, version) IN (
        SELECT account_id, instrument, side, past.version FROM held JOIN position_versions AS past ON account_id = id
        WHERE EXISTS (
          SELECT FROM position_versions AS later
          WHERE later.account_id = past.account_id AND later.instrument = past.instrument AND later.side = past.side
            AND later.version > past.version AND later.version <= held.version
        ) LIMIT ${limit}
      ) RETURNING 1
    ), settings AS (
      DELETE FROM setting_versions WHERE (account_id, instrument, version) IN (
        SELECT account_id, instrument, past.version FROM held JOIN setting_versions AS past ON account_id = id
        WHERE EXISTS (
          SELECT FROM setting_versions AS later
          WHERE later.account_id = past.account_id AND later.instrument = past.instrument
            AND later.version > past.version AND later.version <= held.version
        ) LIMIT ${limit}
      ) RETURNING 1
    ), switches AS (
      DELETE FROM switched_off_versions WHERE (account_id, version) IN (
        SELECT account_id, past.version FROM held JOIN switched_off_versions AS past ON account_id = id
        WHERE EXISTS (
          SELECT FROM switched_off_versions AS later
          WHERE later.account_id = past.account_id AND later.version > past.version AND later.version <= held.version
        ) LIMIT ${limit}
      ) RETURNING 1
    ), orders AS (
      DELETE FROM open_order_versions WHERE (account_id, instrument, side, version) IN (
        SELECT account_id, instrument, side, past.version FROM held JOIN open_order_versions AS past ON account_id = id
        WHERE EXISTS (
          SELECT FROM open_order_versions AS later
          WHERE later.account_id = past.account_id AND later.instrument = past.instrument AND later.side = past.side
            AND later.version > past.version AND later.version <= held.version
        ) LIMIT ${limit}
      ) RETURNING 1
    )
    SELECT ((SELECT count(*) FROM versions) + (SELECT count(*) FROM positions) + (SELECT count(*) FROM settings)
      + (SELECT count(*) FROM switches) + (SELECT count(*) FROM orders))::int AS deleted, (SELECT id::text FROM page ORDER BY id DESC LIMIT 1) AS last`;
  return pruned;
}

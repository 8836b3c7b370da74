/**
 * Interest on debts, hour by hour (rules: 10; source: 001, "Interest rate"). Each account stores the last full hour
 * that was charged. It is read and written under the account's lock, in the transaction of the entries. So every hour
 * is charged once, whatever restarts and however many processes try.
 */
import { ZERO, decimal, type Decimal } from '../margin/decimal.js';
import { interestDue } from '../margin/change/interest.js';
import type { Policy } from '../margin/model.js';
import { transact, type Transaction } from '../platform/database/database.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import { AccountsBusyError, inLanes, lookAgain, type LedgerParts } from './ledger-checks.js';
import { writeAccounts } from './account-writes.js';
import { LockedAccount, lockReadable } from './locked-accounts.js';
import { bookAutoExchange } from './auto-exchange.js';
import type { MarginState } from './margin-state.js';

const HOUR_MS = 60 * 60 * 1000;

type Parts = Pick<LedgerParts, 'rulebook' | 'board'>;

export interface InterestBatch {
  /** Id after which to go on; null: no account was left. */
  readonly last: string | null;
  readonly accounts: number;
  /** Accounts that paid. */
  readonly charged: number;
  /** Accounts that were not charged, since other work held them. */
  readonly left: readonly string[];
}

/** The full UTC hour at or before the instant. */
export function fullHour(at: Date): Date {
  return new Date(Math.floor(at.getTime() / HOUR_MS) * HOUR_MS);
}

/**
 * Charges the next accounts by id for every hour due up to the last full one. It is one transaction, and charges
 * nothing twice. It waits for nobody: accounts on which other work is done are left for `chargeLeft`.
 */
export async function chargeInterest(
  parts: LedgerParts,
  now: Date,
  after: string | null,
  limit: number,
): Promise<InterestBatch> {
  const { db, rulebook, lanes } = parts;
  const venues = [...rulebook.venues.keys()].filter((venue) => rulebook.interestSince(venue) !== null);
  const rows = await db.$queryRaw<{ id: string }[]>`
    SELECT id FROM accounts
    WHERE venue_code = ANY(${venues}::text[]) AND collateral_mode = 'MULTI_ASSET'
      AND COALESCE(interest_through, opened_at) < ${fullHour(now)}::timestamptz
      AND (${after}::uuid IS NULL OR id > ${after}::uuid)
    ORDER BY id LIMIT ${limit}`;
  const ids = rows.map(({ id }) => id);
  const free = lanes.free(ids);
  const { found, charged } = await charge(parts, now, free);
  const left = ids.filter((id) => !found.has(id));
  return { last: ids.at(-1) ?? null, accounts: ids.length, charged: charged.length, left };
}

/** Charges an account after earlier work on it in this process. False: other work still holds it. */
export async function chargeLeft(parts: LedgerParts, now: Date, id: string): Promise<boolean> {
  try {
    return (await charge(parts, now, [id])).found.has(id);
  } catch (error) {
    if (error instanceof AccountsBusyError) return false;
    throw error;
  }
}

/** Charges those of the accounts that are not locked in the database. */
async function charge(
  parts: LedgerParts,
  now: Date,
  ids: readonly string[],
): Promise<{ readonly found: ReadonlySet<string>; readonly charged: readonly string[] }> {
  const { db, rulebook, bus } = parts;
  if (ids.length === 0) return { found: new Set(), charged: [] };
  const book = async (tx: Transaction): Promise<{ found: Set<string>; charged: string[] }> => {
    const locked = await lockReadable(tx, rulebook, ids, null, { free: true });
    // One that cannot be read is charged for every hour once it can be.
    const lockedAccounts = [...locked.values()].filter((each) => each instanceof LockedAccount);
    const through = await bookInterest(tx, lockedAccounts, parts, now);
    await markInterest(tx, lockedAccounts, through);
    return { found: new Set(locked.keys()), charged: await writeAccounts(tx, lockedAccounts, now) };
  };
  const items = ids.map((accountId) => ({ accountId }));
  const result = await inLanes(parts, ids, null, (wait) => transact(db, book, wait).catch(lookAgain(bus, items)));
  if (result.charged.length > 0) bus.emit('accounts', { ids: result.charged, cause: 'INTEREST' });
  return result;
}

/**
 * Charges locked accounts for every hour since the last one charged, and then exchanges debts past their thresholds.
 * Returns the hour up to which they are charged; call `markInterest` in the same transaction. The hour from 10:00 to
 * 11:00 is paid at 11:00, on the balance of 11:00, by the rules that held until then.
 */
export async function bookInterest(
  tx: Transaction,
  lockedAccounts: readonly LockedAccount[],
  parts: Parts,
  now: Date,
): Promise<Date> {
  const { rulebook } = parts;
  const through = fullHour(now);
  const first = await firstHours(tx, lockedAccounts, parts);
  const owing = lockedAccounts.filter((locked) => (first.get(locked) ?? Infinity) <= through.getTime());
  if (owing.length === 0) return through;
  const from = Math.min(...owing.map((locked) => first.get(locked) ?? Infinity));
  const pasts = await readPasts(tx, owing, from);
  const paying = await readPaying(tx, [...pasts.keys()], first);
  const lastPaid = new Map<LockedAccount, string>();
  for (let hour = from; hour <= through.getTime(); hour += HOUR_MS) {
    for (const [locked, past] of pasts) {
      past.moveTo(hour);
      if (hour < (first.get(locked) ?? Infinity)) continue;
      const policy = policyOfHour(hour, locked.account, rulebook);
      const reference = referenceOf(hour);
      const due = interestDue({ ...past.state(), switchedOff: [], positions: [], openOrders: [] }, policy);
      for (const { asset, quantity } of due) {
        const isFirstHour = paying.get(locked)?.has(asset) !== true;
        locked.post(asset, quantity, { kind: 'INTEREST', reference, reportedAt: null, isFirstHour });
        lastPaid.set(locked, reference);
      }
      paying.set(locked, new Set(due.map(({ asset }) => asset)));
    }
  }
  for (const [locked, reference] of lastPaid) bookAutoExchange(locked, { reference }, parts, now);
  return through;
}

export interface InterestToCome {
  readonly asset: string;
  /** In units of the asset, above 0. */
  readonly quantity: Decimal;
  readonly chargedAt: Date;
}

/**
 * What the next full hour would charge on the balances as they are, by the rules that will hold until then (rules: 10);
 * by symbol.
 */
export function interestOfComingHour({ account, holds, asOf }: MarginState, rulebook: Rulebook): InterestToCome[] {
  const chargedAt = new Date(fullHour(asOf).getTime() + HOUR_MS);
  return interestDue(holds, policyOfHour(chargedAt.getTime(), account, rulebook))
    .map(({ asset, quantity }) => ({ asset, quantity: quantity.negated(), chargedAt }))
    .sort((a, b) => (a.asset < b.asset ? -1 : 1));
}

/** The hour from 10:00 to 11:00 is paid at 11:00, by the rules that held until then. */
function policyOfHour(hour: number, { venue, chain }: MarginState['account'], rulebook: Rulebook): Policy {
  return rulebook.policy(venue, chain, new Date(hour - 1));
}

/** Reference of the entries of an hour's interest. */
function referenceOf(hour: number): string {
  return `interest:${new Date(hour).toISOString()}`;
}

/** Stores that nothing is due up to this hour. The account's version stays. */
export async function markInterest(
  tx: Transaction,
  lockedAccounts: readonly LockedAccount[],
  through: Date,
): Promise<void> {
  const ids = lockedAccounts.map(({ account }) => account.id);
  await tx.$executeRaw`
    UPDATE accounts SET interest_through = ${through}::timestamptz WHERE id = ANY(${ids}::uuid[])`;
}

/** The first full hour of each account that is not charged yet; accounts that pay none are left out. */
async function firstHours(
  tx: Transaction,
  lockedAccounts: readonly LockedAccount[],
  { rulebook }: Parts,
): Promise<Map<LockedAccount, number>> {
  const ids = lockedAccounts.map(({ account }) => account.id);
  const rows = await tx.$queryRaw<{ id: string; since: Date }[]>`
    SELECT id, COALESCE(interest_through, opened_at) AS since FROM accounts WHERE id = ANY(${ids}::uuid[])`;
  const since = new Map(rows.map((row) => [row.id, row.since]));
  const first = new Map<LockedAccount, number>();
  for (const locked of lockedAccounts) {
    const begun = rulebook.interestSince(locked.account.venue);
    const booked = since.get(locked.account.id);
    if (begun === null || booked === undefined || locked.account.collateralMode === 'SINGLE_ASSET') continue;
    const start = booked > begun ? booked : begun;
    first.set(locked, fullHour(start).getTime() + HOUR_MS);
  }
  return first;
}

/**
 * Balances of an account at earlier hours: the present ones, less what was recorded after. Interest is not subtracted:
 * whenever it was recorded, it belongs to an hour before the one being charged.
 */
class PastBalances {
  private readonly later = new Map<string, Decimal>();

  /** @param entries by instant, without interest */
  constructor(
    private readonly locked: LockedAccount,
    private readonly entries: { readonly asset: string; readonly quantity: Decimal; readonly at: number }[],
  ) {
    for (const { asset, quantity } of entries) this.addLater(asset, quantity);
  }

  /** Call with rising instants. */
  moveTo(instant: number): void {
    let passed = 0;
    for (const { asset, quantity, at } of this.entries) {
      if (at > instant) break;
      this.addLater(asset, quantity.negated());
      passed += 1;
    }
    this.entries.splice(0, passed);
  }

  state(): Pick<ReturnType<LockedAccount['state']>, 'collateralMode' | 'positionMode' | 'balances'> {
    const { account, balances } = this.locked;
    return {
      collateralMode: account.collateralMode,
      positionMode: account.positionMode,
      balances: [...balances].map(([asset, quantity]) => ({
        asset,
        quantity: quantity.minus(this.later.get(asset) ?? ZERO),
      })),
    };
  }

  private addLater(asset: string, quantity: Decimal): void {
    this.later.set(asset, (this.later.get(asset) ?? ZERO).plus(quantity));
  }
}

/** Of the accounts that owe something now, or have since the instant. */
async function readPasts(
  tx: Transaction,
  lockedAccounts: readonly LockedAccount[],
  instant: number,
): Promise<Map<LockedAccount, PastBalances>> {
  const ids = lockedAccounts.map(({ account }) => account.id);
  const rows = await tx.$queryRaw<{ id: string; asset: string; quantity: string; at: Date }[]>`
    SELECT account_id AS id, asset_symbol AS asset, quantity::text AS quantity, at
    FROM ledger_entries
    WHERE account_id = ANY(${ids}::uuid[]) AND at > ${new Date(instant)}::timestamptz AND kind <> 'INTEREST'
    ORDER BY at, seq`;
  const entries = new Map<string, { asset: string; quantity: Decimal; at: number }[]>();
  for (const { id, asset, quantity, at } of rows) {
    const own = entries.get(id) ?? [];
    own.push({ asset, quantity: decimal(quantity), at: at.getTime() });
    entries.set(id, own);
  }
  const concerned = lockedAccounts.filter(
    (locked) =>
      entries.has(locked.account.id) || [...locked.balances.values()].some((quantity) => quantity.isNegative()),
  );
  return new Map(concerned.map((locked) => [locked, new PastBalances(locked, entries.get(locked.account.id) ?? [])]));
}

/** The assets in which each account paid interest in the hour before its first uncharged one. */
async function readPaying(
  tx: Transaction,
  lockedAccounts: readonly LockedAccount[],
  first: ReadonlyMap<LockedAccount, number>,
): Promise<Map<LockedAccount, ReadonlySet<string>>> {
  if (lockedAccounts.length === 0) return new Map();
  const hours = lockedAccounts.map((locked) => {
    const hour = (first.get(locked) ?? 0) - HOUR_MS;
    return { account_id: locked.account.id, hour: new Date(hour).toISOString(), reference: referenceOf(hour) };
  });
  // Interest of an hour is recorded after the hour.
  const rows = await tx.$queryRaw<{ id: string; assets: string[] }[]>`
    SELECT account_id AS id, array_agg(asset_symbol) AS assets
    FROM jsonb_to_recordset(${JSON.stringify(hours)}::jsonb) AS before(account_id uuid, hour timestamptz, reference text)
      JOIN ledger_entries USING (account_id, reference)
    WHERE kind = 'INTEREST' AND at >= hour
    GROUP BY account_id`;
  const paid = new Map(rows.map(({ id, assets }) => [id, new Set(assets)]));
  return new Map(lockedAccounts.map((locked) => [locked, paid.get(locked.account.id) ?? new Set<string>()]));
}

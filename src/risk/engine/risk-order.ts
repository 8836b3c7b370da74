/**
 * Accounts by status, and by how near liquidation they are, as last evaluated by the loop. Health comes from the
 * columns, in floating point: it orders accounts and is never shown.
 */
import { accountIds, findAccounts, type AccountQuery } from '../../ledger/accounts.js';
import type { AccountRecord } from '../../ledger/records.js';
import { MARGIN_STATUSES, type MarginStatus } from '../../margin/model.js';
import type { Database } from '../../platform/database/database.js';
import { Slice } from '../../platform/yielding.js';
import type { AccountCache } from './account-cache.js';
import { FIRST_HOLDING, FREE, HOLDINGS, UNIT_HALVES, UNIT_WORDS } from '../columns/columns.js';
import { REQUIRES } from '../columns/unit-flags.js';
import { INTERVAL_STRIDE, valueUnits } from '../columns/valuation.js';

/** A query for accounts, with what only the columns know. */
export interface RiskQuery extends AccountQuery {
  /** The worst status of the cross account and its isolated positions; null: any. */
  readonly statuses: ReadonlySet<MarginStatus> | null;
}

export interface RankedAccount {
  readonly account: AccountRecord;
  readonly rank: Rank;
}

/** Place in the order: by health, lowest first, then by id. */
export interface Rank {
  readonly id: string;
  /** -Infinity: UNPRICED, or a negative balance with nothing required; Infinity: nothing is required. */
  readonly health: number;
}

/** Margin units between two looks at the clock. */
const BATCH = 256;
/** Accounts that one statement may name. */
const NAMED = 10_000;
const CANDIDATES = 1_000;

/** The next accounts, by health. */
export async function accountsByRisk(
  db: Database,
  cache: AccountCache,
  query: RiskQuery,
  after: Rank | null,
  limit: number,
): Promise<RankedAccount[]> {
  const among = await amongWhich(db, query);
  const found: RankedAccount[] = [];
  for (let last = after; found.length < limit;) {
    const ranks = await nextRanks(cache, query, among, last, Math.max(limit, CANDIDATES));
    const ids = ranks.map(({ id }) => id);
    const accounts = new Map(
      (await findAccounts(db, { ...query, ids, orderBy: 'ID' }, null, ids.length)).map((account) => [
        account.id,
        account,
      ]),
    );
    for (const rank of ranks) {
      const account = accounts.get(rank.id);
      if (account !== undefined && found.length < limit) found.push({ account, rank });
    }
    last = ranks.at(-1) ?? null;
    if (ranks.length < Math.max(limit, CANDIDATES)) break;
  }
  return found;
}

/** The next accounts of a status, in the order of the query. */
export async function accountsOfStatus(
  db: Database,
  cache: AccountCache,
  query: RiskQuery,
  after: { readonly id: string; readonly name: string } | null,
  limit: number,
): Promise<AccountRecord[]> {
  const ids = await idsOfStatus(db, cache, query);
  if (ids !== null) return findAccounts(db, { ...query, ids }, after, limit);
  // So many have the status that paging through all accounts finds them soon.
  const found: AccountRecord[] = [];
  for (let last = after; found.length < limit;) {
    const page = await findAccounts(db, query, last, CANDIDATES);
    for (const account of page) {
      const [cross] = cache.columns.unitsOf(account.id);
      const status = cross === undefined ? null : cache.columns.worstStatusOf(cross);
      if (status !== null && query.statuses?.has(status) === true && found.length < limit) found.push(account);
    }
    last = page.at(-1) ?? null;
    if (page.length < CANDIDATES) break;
  }
  return found;
}

/** The accounts with these statuses; null: more than one statement may name. */
export async function idsOfStatus(db: Database, cache: AccountCache, query: RiskQuery): Promise<string[] | null> {
  const ids: string[] = [];
  await forEachAccount(cache, query, await amongWhich(db, query), (cross) => {
    if (ids.length <= NAMED) ids.push(cache.columns.accountOf(cross));
  });
  return ids.length > NAMED ? null : ids;
}

/** Whether a query is confined to one owner or one name. Then only the matching accounts are visited. */
export function isConfinedQuery({
  visibleTo,
  owner,
  name,
}: Pick<AccountQuery, 'visibleTo' | 'owner' | 'name'>): boolean {
  return visibleTo !== null || owner != null || name != null;
}

/** Ids of the matching accounts, which are few; null: all accounts. */
async function amongWhich(db: Database, query: RiskQuery): Promise<ReadonlySet<string> | null> {
  return isConfinedQuery(query) ? new Set(await accountIds(db, query)) : null;
}

/** The `count` lowest ranks after the last one. */
async function nextRanks(
  cache: AccountCache,
  query: RiskQuery,
  among: ReadonlySet<string> | null,
  last: Rank | null,
  count: number,
): Promise<Rank[]> {
  const lowest: Rank[] = [];
  await forEachAccount(cache, query, among, (cross) => {
    const health = healthIn(cache, cross);
    const highest = lowest.at(-1);
    if (lowest.length === count && highest !== undefined && health > highest.health) return;
    const rank = { id: cache.columns.accountOf(cross), health };
    if (last !== null && !precedes(last, rank)) return;
    let place = lowest.length;
    while (place > 0 && precedes(rank, lowest[place - 1] as Rank)) place -= 1;
    lowest.splice(place, 0, rank);
    if (lowest.length > count) lowest.pop();
  });
  return lowest;
}

function precedes(a: Rank, b: Rank): boolean {
  return a.health < b.health || (a.health === b.health && a.id < b.id);
}

async function forEachAccount(
  cache: AccountCache,
  query: RiskQuery,
  among: ReadonlySet<string> | null,
  visit: (cross: number) => void,
): Promise<void> {
  const { columns } = cache;
  const isAsked = (cross: number): boolean => {
    const { venue, chain } = cache.ruleSetAt(cross);
    if (query.venue != null && query.venue !== venue) return false;
    if (query.chain != null && query.chain !== chain) return false;
    if (query.asset != null && !hasBalance(cache, cross, query.asset)) return false;
    if (query.statuses === null) return true;
    const status = cache.columns.worstStatusOf(cross);
    return status !== null && query.statuses.has(status);
  };
  if (among !== null) {
    for (const id of among) {
      const [cross] = columns.unitsOf(id);
      if (cross !== undefined && isAsked(cross)) visit(cross);
    }
    return;
  }
  const slice = new Slice();
  for (let unit = 0; unit < columns.units.end; unit++) {
    if (unit % BATCH === 0 && slice.isOver) await slice.yield();
    // Each account is visited once, at its cross unit.
    if (columns.crossOf(unit) === unit && columns.crossOf(unit) !== FREE && isAsked(unit)) visit(unit);
  }
}

/**
 * Whether the account holds or owes the asset. Without this check the database would return page after page of accounts
 * that do not.
 */
function hasBalance({ columns }: AccountCache, cross: number, asset: string): boolean {
  const { units, holdings, rules } = columns;
  const first = units.words[cross * UNIT_WORDS + FIRST_HOLDING] as number;
  const end = first + (units.halves[cross * UNIT_HALVES + HOLDINGS] as number);
  const ruleSet = columns.ruleSetOf(cross);
  for (let item = first; item < end; item++) {
    if (rules.assetAt(ruleSet, holdings.row[item] as number).asset === asset) return true;
  }
  return false;
}

const one = new Uint32Array(1);
const interval = new Float64Array(INTERVAL_STRIDE);
const flags = new Uint8Array(1);
const UNPRICED = MARGIN_STATUSES.indexOf('UNPRICED');

/** The lowest health of the cross account and its isolated positions. */
function healthIn({ columns }: AccountCache, cross: number): number {
  let lowest = Infinity;
  for (const unit of columns.unitsAt(cross)) {
    if (MARGIN_STATUSES.indexOf(columns.statusOf(unit) ?? 'NO_EXPOSURE') === UNPRICED) return -Infinity;
    one[0] = unit;
    valueUnits(columns, one, 0, 1, interval, flags);
    const [low = 0, high = 0, least = 0, most = 0] = interval;
    const isRequired = ((flags[0] ?? 0) & REQUIRES) !== 0;
    const health = isRequired ? (low + high) / (least + most) : low < 0 ? -Infinity : Infinity;
    lowest = Math.min(lowest, health);
  }
  return lowest;
}

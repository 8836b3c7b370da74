/** Pages of accounts. The database sorts by id or name; the order by risk is that of the loop's last evaluation. */
import { findAccounts, type AccountCursor } from '../../ledger/accounts.js';
import type { AccountRecord } from '../../ledger/records.js';
import {
  accountsByRisk,
  accountsOfStatus,
  type Rank,
  type RankedAccount,
  type RiskQuery,
} from '../../risk/engine/risk-order.js';
import type { Context } from '../execution/context.js';
import { badUserInput } from '../types/api-error.js';
import { MAX_LIST } from '../types/lists.js';
import { pageOf, type Page } from '../types/pagination.js';

export type AccountPage = Page<AccountRecord> & { readonly query: RiskQuery };

/** By id or by name, as the query says. */
export async function accountPage(
  { db, loop, seal }: Context,
  query: RiskQuery,
  first: number | null,
  after: string | null | undefined,
): Promise<AccountPage> {
  checkFilters(query);
  const page = await pageOf<AccountRecord, [string, string]>({
    seal,
    list: 'accounts',
    first,
    after,
    cursorOf: ({ id, name }) => [id, name],
    read: (cursor, limit) =>
      query.statuses === null
        ? findAccounts(db, { ...query, without: loop.setAside.ids }, accountCursor(cursor), limit)
        : accountsOfStatus(db, loop.allAccounts, query, accountCursor(cursor), limit),
  });
  return { ...page, query };
}

/** By health, the lowest first. */
export async function riskPage(
  { db, loop, seal }: Context,
  query: RiskQuery,
  first: number | null,
  after: string | null | undefined,
): Promise<AccountPage> {
  checkFilters(query);
  const { edges, pageInfo } = await pageOf<RankedAccount, [string, string]>({
    seal,
    list: 'accounts by risk',
    first,
    after,
    cursorOf: ({ rank }) => [rank.id, String(rank.health)],
    read: (cursor, limit) => accountsByRisk(db, loop.allAccounts, query, riskCursor(cursor), limit),
  });
  const accounts = edges.map(({ cursor, node }) => ({ cursor, node: node.account }));
  return { edges: accounts, nodes: accounts.map(({ node }) => node), pageInfo, query };
}

/** Accounts of the query that this server cannot read or assess; at most a list of them. */
export async function setAsideIn({ db, loop }: Context, query: RiskQuery): Promise<AccountRecord[]> {
  const { ids } = loop.setAside;
  return ids.length === 0 ? [] : findAccounts(db, { ...query, ids, orderBy: 'ID' }, null, MAX_LIST);
}

function checkFilters(query: RiskQuery): void {
  const filters = [query.venue, query.chain, query.owner, query.name, query.asset];
  if (filters.some((filter) => filter?.includes('\0'))) throw badUserInput('A filter cannot contain NUL.');
}

function riskCursor(cursor: readonly [string, string] | null): Rank | null {
  if (cursor === null) return null;
  const [id, health] = cursor;
  return { id, health: Number(health) };
}

function accountCursor(cursor: readonly [string, string] | null): AccountCursor | null {
  if (cursor === null) return null;
  const [id, name] = cursor;
  return { id, name };
}

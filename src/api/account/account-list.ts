/** Pages of accounts. The database sorts by id or name; the order by risk is that of the loop's last evaluation. */
import { findAccounts, type AccountCursor } from '../../ledger/accounts.js';
import type { AccountRecord } from '../../ledger/records.js';
import { isUuid } from '../../platform/ids.js';
import {
  accountsByRisk,
  accountsOfStatus,
  type Rank,
  type RankedAccount,
  type RiskQuery,
} from '../../risk/engine/risk-order.js';
import type { Context } from '../execution/context.js';
import { badUserInput } from '../types/api-error.js';
import { pageOf, type Page } from '../types/pagination.js';

export type AccountPage = Page<AccountRecord> & { readonly query: RiskQuery };

/** By id or by name, as the query says. */
export async function accountPage(
  { db, loop }: Context,
  query: RiskQuery,
  first: number | null,
  after: string | null | undefined,
): Promise<AccountPage> {
  checkFilters(query);
  const page = await pageOf<AccountRecord, [string, string]>({
    first,
    after,
    cursorOf: ({ id, name }) => [id, name],
    read: (cursor, limit) =>
      query.statuses === null
        ? findAccounts(db, query, accountCursor(cursor), limit)
        : accountsOfStatus(db, loop.accounts, query, accountCursor(cursor), limit),
  });
  return { ...page, query };
}

/** By health, the lowest first. */
export async function riskPage(
  { db, loop }: Context,
  query: RiskQuery,
  first: number | null,
  after: string | null | undefined,
): Promise<AccountPage> {
  checkFilters(query);
  const { edges, pageInfo } = await pageOf<RankedAccount, [string, string]>({
    first,
    after,
    cursorOf: ({ rank }) => [rank.id, String(rank.health)],
    read: (cursor, limit) => accountsByRisk(db, loop.accounts, query, riskCursor(cursor), limit),
  });
  const accounts = edges.map(({ cursor, node }) => ({ cursor, node: node.account }));
  return { edges: accounts, nodes: accounts.map(({ node }) => node), pageInfo, query };
}

function checkFilters(query: RiskQuery): void {
  const filters = [query.venue, query.chain, query.owner, query.name, query.asset];
  if (filters.some((filter) => filter?.includes('\0'))) throw badUserInput('A filter cannot contain NUL.');
}

function riskCursor(cursor: readonly [string, string] | null): Rank | null {
  if (cursor === null) return null;
  const [id, health] = cursor;
  if (!isUuid(id) || health === undefined || health === '' || Number.isNaN(Number(health))) {
    throw badUserInput('Expected a cursor that an earlier page of this order gave out.');
  }
  return { id, health: Number(health) };
}

function accountCursor(cursor: readonly [string, string] | null): AccountCursor | null {
  if (cursor === null) return null;
  const [id, name] = cursor;
  if (!isUuid(id) || typeof name !== 'string') throw badUserInput('Expected a cursor that an earlier page gave out.');
  return { id, name };
}

/** Opens and finds accounts. */
import type { CollateralMode, PositionMode } from '../margin/model.js';
import type { Database } from '../platform/database/database.js';
import { doOnce, type IdempotentRequest } from '../platform/idempotency.js';
import { uuidv7 } from '../platform/ids.js';
import { addToOutbox } from '../platform/outbox.js';
import { Prisma } from '../platform/prisma/client.js';
import type { Audit } from '../policy/changes/audit.js';
import { keyReused, problemOfKey, problemOfText, problemOfVenue } from '../policy/versions/problems.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import type { LedgerParts, Refusal } from './ledger-checks.js';
import { ACCOUNT_COLUMNS, readAccounts, type AccountRecord } from './records.js';

export interface NewAccount {
  readonly name: string;
  readonly owner: string;
  readonly venue: string;
  readonly chain: string | null;
  readonly collateralMode: CollateralMode;
  readonly positionMode: PositionMode;
}

const MAX_NAME = 200;

export interface OpenedAccount {
  readonly account: AccountRecord | null;
  readonly refusals: readonly Refusal[];
}

export async function openAccount(
  { db, rulebook, bus }: Pick<LedgerParts, 'db' | 'rulebook' | 'bus'>,
  account: NewAccount,
  request: IdempotentRequest,
  now: Date,
  /** Null: not opened by an admin. */
  audit: Audit | null = null,
): Promise<OpenedAccount> {
  const subjectKey = `${account.venue}/${account.chain ?? ''}/${account.name}`;
  const fact = { actor: request.viewer, action: request.mutation, subject: null, subjectKey, reason: null, at: now };
  const refused = async (refusals: readonly Refusal[]): Promise<OpenedAccount> => {
    await audit?.refused(fact, refusals, request.input);
    return { account: null, refusals };
  };
  const problemOfRequest = problemOfKey(request.key);
  if (problemOfRequest !== null) return refused([problemOfRequest]);
  const outcome = await doOnce<Refusal>(db, request, now, async (tx) => {
    const refusals = problemsOf(account, rulebook);
    if (refusals.length > 0) return { refusals };
    const { venue, chain, ...rest } = account;
    const id = uuidv7();
    const { collateralMode, positionMode } = account;
    await tx.account.create({
      data: {
        ...rest,
        id,
        venueCode: venue,
        chainCode: chain,
        openedAt: now,
        changedAt: now,
        versions: { create: { version: 1, at: now, collateralMode, positionMode } },
      },
    });
    await addToOutbox(tx, [{ accountId: id, kind: 'CHANGED' }], now);
    await audit?.done(tx, { ...fact, subject: `Account:${id}` }, null, account);
    return { made: id };
  });
  if (outcome.kind === 'refused') return refused(outcome.refusals);
  if (outcome.kind === 'reused') return refused([keyReused()]);
  if (outcome.isNew) bus.emit('accounts', { ids: [outcome.made], cause: 'ACCOUNT' });
  const [made = null] = await readAccounts(db, [outcome.made]);
  return { account: made, refusals: [] };
}

function problemsOf(account: NewAccount, rulebook: Rulebook): Refusal[] {
  return [
    problemOfText(account.name, MAX_NAME, ['name']),
    problemOfText(account.owner, MAX_NAME, ['owner']),
    problemOfVenue(rulebook, account.venue, account.chain),
  ].filter((problem) => problem !== null);
}

export interface AccountQuery {
  /** Null: accounts of all owners. A trader's queries name the trader here. */
  readonly visibleTo: string | null;
  readonly venue?: string | null | undefined;
  readonly chain?: string | null | undefined;
  readonly owner?: string | null | undefined;
  readonly name?: string | null | undefined;
  /** Only accounts that hold or owe the asset. */
  readonly asset?: string | null | undefined;
  /** Only these. */
  readonly ids?: readonly string[] | undefined;
  /** All but these. */
  readonly without?: readonly string[] | undefined;
  readonly orderBy: 'ID' | 'NAME';
}

export interface AccountCursor {
  readonly id: string;
  readonly name: string;
}

/** Up to `limit` accounts after the cursor, in the order of the query. */
export async function findAccounts(
  db: Database,
  query: AccountQuery,
  after: AccountCursor | null,
  limit: number,
): Promise<AccountRecord[]> {
  // By the column: "id" alone would be the text that is answered, which no index orders.
  const order = query.orderBy === 'NAME' ? Prisma.sql`name, accounts.id` : Prisma.sql`accounts.id`;
  const beyond =
    after === null
      ? Prisma.sql`TRUE`
      : query.orderBy === 'NAME'
        ? Prisma.sql`(name, id) > (${after.name}, ${after.id}::uuid)`
        : Prisma.sql`id > ${after.id}::uuid`;
  return db.$queryRaw<AccountRecord[]>`
    SELECT ${ACCOUNT_COLUMNS} FROM accounts WHERE ${conditions(query)} AND ${beyond} ORDER BY ${order} LIMIT ${limit}`;
}

/** Ids of all accounts of the query. */
export async function accountIds(db: Database, query: AccountQuery): Promise<string[]> {
  const rows = await db.$queryRaw<{ id: string }[]>`SELECT id::text AS id FROM accounts WHERE ${conditions(query)}`;
  return rows.map(({ id }) => id);
}

export async function countAccounts(db: Database, query: AccountQuery): Promise<number> {
  const [row] = await db.$queryRaw<{ accounts: number }[]>`
    SELECT count(*)::int AS accounts FROM accounts WHERE ${conditions(query)}`;
  return row?.accounts ?? 0;
}

function conditions(query: AccountQuery): Prisma.Sql {
  const all: Prisma.Sql[] = [Prisma.sql`TRUE`];
  if (query.visibleTo !== null) all.push(Prisma.sql`owner = ${query.visibleTo}`);
  if (query.owner != null) all.push(Prisma.sql`owner = ${query.owner}`);
  if (query.venue != null) all.push(Prisma.sql`venue_code = ${query.venue}`);
  if (query.chain != null) all.push(Prisma.sql`chain_code = ${query.chain}`);
  if (query.name != null) all.push(Prisma.sql`name = ${query.name}`);
  if (query.ids !== undefined) all.push(Prisma.sql`id = ANY(${[...query.ids]}::uuid[])`);
  if (query.without !== undefined && query.without.length > 0) {
    all.push(Prisma.sql`id <> ALL(${[...query.without]}::uuid[])`);
  }
  if (query.asset != null) {
    all.push(Prisma.sql`EXISTS (
      SELECT FROM balances WHERE account_id = accounts.id AND asset_symbol = ${query.asset} AND quantity <> 0)`);
  }
  return Prisma.join(all, ' AND ');
}

/** Opens and finds accounts. */
import type { CollateralMode, PositionMode } from '../margin/model.js';
import { refuse } from '../margin/refusal.js';
import type { Database, Transaction } from '../platform/database/database.js';
import { doOnce, type IdempotentRequest } from '../platform/idempotency.js';
import { uuidv7 } from '../platform/ids.js';
import { addToOutbox } from '../platform/outbox.js';
import { Prisma } from '../platform/prisma/client.js';
import { isStorable } from '../platform/text.js';
import type { Audit } from '../policy/changes/audit.js';
import { keyReused, problemOfKey, problemOfText, problemOfVenue } from '../policy/versions/problems.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import { problemOfId, type LedgerParts, type Refusal } from './ledger-checks.js';
import { ACCOUNT_COLUMNS, readAccounts, type AccountRecord } from './records.js';

export interface NewAccount {
  readonly name: string;
  readonly owner: string;
  readonly venue: string;
  readonly chain: string | null;
  readonly collateralMode: CollateralMode;
  readonly positionMode: PositionMode;
  /** The venue's own id of it, unique at the venue for ever. */
  readonly externalId?: string;
}

const MAX_NAME = 200;
const EXTERNAL_ID = ['externalId'];

export interface OpenedAccount {
  readonly account: AccountRecord | null;
  readonly refusals: readonly Refusal[];
}

/**
 * Opens an account, once by its key and once by its external id. An account that was opened with the same content is
 * answered as it is now.
 */
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
    const id = uuidv7();
    if (!(await insertAccount(tx, id, account, now))) {
      const known = await openedBefore(tx, account);
      return known === null ? { refusals: [externalIdTaken(account)] } : { made: known };
    }
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
    account.externalId === undefined ? null : problemOfId(account.externalId, EXTERNAL_ID),
  ].filter((problem) => problem !== null);
}

/** False where the venue has an account of this external id. An opening of it that is under way is waited for. */
async function insertAccount(tx: Transaction, id: string, account: NewAccount, now: Date): Promise<boolean> {
  const { name, owner, externalId, venue, chain, collateralMode, positionMode } = account;
  const inserted = await tx.$executeRaw`
    INSERT INTO accounts (id, name, owner, external_id, venue_code, chain_code, collateral_mode, position_mode, opened_at,
      opened_collateral_mode, opened_position_mode, changed_at)
    VALUES (${id}::uuid, ${name}, ${owner}, ${externalId ?? null}, ${venue}, ${chain},
      ${collateralMode}::"CollateralMode", ${positionMode}::"PositionMode", ${now}::timestamptz,
      ${collateralMode}::"CollateralMode", ${positionMode}::"PositionMode", ${now}::timestamptz)
    ON CONFLICT (venue_code, external_id) DO NOTHING`;
  if (inserted === 0) return false;
  await tx.accountVersion.create({ data: { accountId: id, version: 1, at: now, collateralMode, positionMode } });
  return true;
}

/** The account that was opened with this external id and the same content; null: its content is another one. */
async function openedBefore(tx: Transaction, account: NewAccount): Promise<string | null> {
  const { name, owner, venue, chain, collateralMode, positionMode } = account;
  // Modes as it was opened: they may have been set since.
  const [same] = await tx.$queryRaw<{ id: string }[]>`
    SELECT id::text AS id FROM accounts
    WHERE venue_code = ${venue} AND external_id = ${account.externalId}
      AND name = ${name} AND owner = ${owner} AND chain_code IS NOT DISTINCT FROM ${chain}
      AND opened_collateral_mode::text = ${collateralMode} AND opened_position_mode::text = ${positionMode}`;
  return same?.id ?? null;
}

function externalIdTaken({ venue }: NewAccount): Refusal {
  const message =
    `An account of ${venue} was opened with this external id before, with other content: ` +
    'send what it was opened with, or another id.';
  return refuse('IDEMPOTENCY_KEY_REUSED', message, EXTERNAL_ID);
}

/** An account as the venue's own systems name it. */
export interface ExternalAccount {
  readonly venue: string;
  readonly externalId: string;
  /** The owner whose accounts the viewer is confined to; null: all accounts. */
  readonly visibleTo: string | null;
}

/** Their ids, in the order of the input; null where there is none that the viewer may see, at no more work. */
export async function findByExternalIds(db: Database, named: readonly ExternalAccount[]): Promise<(string | null)[]> {
  const askable = named.map(({ venue, externalId }) => isStorable(venue) && isStorable(externalId));
  const asked = named.flatMap(({ venue, externalId, visibleTo }, place) =>
    askable[place] === true ? [{ place, venue, external_id: externalId, visible_to: visibleTo }] : [],
  );
  if (asked.length === 0) return named.map(() => null);
  const rows = await db.$queryRaw<{ place: number; id: string }[]>`
    SELECT asked.place, accounts.id::text AS id
    FROM jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) AS asked(place int, venue text, external_id text, visible_to text)
    JOIN accounts ON accounts.venue_code = asked.venue AND accounts.external_id = asked.external_id
      AND (asked.visible_to IS NULL OR accounts.owner = asked.visible_to)`;
  const found = new Map(rows.map(({ place, id }) => [place, id]));
  return named.map((_account, place) => found.get(place) ?? null);
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

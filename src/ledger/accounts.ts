/** Opens and finds accounts. */
import type { CollateralMode, PositionMode } from '../margin/model.js';
import type { Database } from '../platform/database.js';
import { doOnce, type IdempotentRequest } from '../platform/idempotency.js';
import { uuidv7 } from '../platform/ids.js';
import { addToOutbox } from '../platform/outbox.js';
import type { Prisma } from '../platform/prisma/client.js';
import type { Audit } from '../policy/changes/audit.js';
import { keyReused, problemOfKey, problemOfText, problemOfVenue } from '../policy/versions/problems.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import type { LedgerParts, Refusal } from './ledger-checks.js';
import { accountRecord, readAccounts, type AccountRecord } from './records.js';

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
  const byName = query.orderBy === 'NAME';
  const beyond: Prisma.AccountWhereInput =
    after === null
      ? {}
      : byName
        ? { OR: [{ name: { gt: after.name } }, { name: after.name, id: { gt: after.id } }] }
        : { id: { gt: after.id } };
  const rows = await db.account.findMany({
    where: { AND: [conditions(query), beyond] },
    orderBy: byName ? [{ name: 'asc' }, { id: 'asc' }] : [{ id: 'asc' }],
    take: limit,
  });
  return rows.map(accountRecord);
}

/** Ids of all accounts of the query. */
export async function accountIds(db: Database, query: AccountQuery): Promise<string[]> {
  return (await db.account.findMany({ where: conditions(query), select: { id: true } })).map(({ id }) => id);
}

export async function countAccounts(db: Database, query: AccountQuery): Promise<number> {
  return db.account.count({ where: conditions(query) });
}

function conditions(query: AccountQuery): Prisma.AccountWhereInput {
  const all: Prisma.AccountWhereInput[] = [];
  if (query.visibleTo !== null) all.push({ owner: query.visibleTo });
  if (query.owner != null) all.push({ owner: query.owner });
  if (query.venue != null) all.push({ venueCode: query.venue });
  if (query.chain != null) all.push({ chainCode: query.chain });
  if (query.name != null) all.push({ name: query.name });
  if (query.ids !== undefined) all.push({ id: { in: [...query.ids] } });
  if (query.asset != null) {
    all.push({ balances: { some: { assetSymbol: query.asset, quantity: { not: 0 } } } });
  }
  return { AND: all };
}

/**
 * The books of the accounts that one transaction changes: locked in the database, changed in memory, written at once.
 * Every change of a balance goes through `post`, which makes the ledger entry, so that a balance is always the sum of
 * its entries.
 */
import { ZERO, toPlain, type Decimal } from '../margin/decimal.js';
import type { AccountState, CollateralMode, PositionMode } from '../margin/model.js';
import type { Transaction } from '../platform/database.js';
import type { LedgerKind } from '../platform/prisma/enums.js';
import type { Rulebook } from '../policy/rulebook.js';
import {
  accountState,
  positionKey,
  readHoldings,
  type AccountRecord,
  type PositionRecord,
  type SettingRecord,
} from './records.js';

/** Why a balance changes. */
export interface Cause {
  readonly kind: LedgerKind;
  /** The id of the fill, transfer or entry; for what this server made itself, what it was made for. */
  readonly reference: string;
  /** When the venue says it happened; null for what this server made itself. */
  readonly reportedAt: Date | null;
}

interface Entry extends Cause {
  readonly asset: string;
  readonly quantity: Decimal;
  readonly balanceAfter: Decimal;
}

export class OpenBook {
  readonly entries: Entry[] = [];
  readonly changedPositions = new Map<string, PositionRecord>();
  readonly changedSettings = new Map<string, SettingRecord>();
  private record: AccountRecord;
  private hasNewModes = false;

  constructor(
    account: AccountRecord,
    readonly balances: Map<string, Decimal>,
    readonly positions: Map<string, PositionRecord>,
    readonly settings: Map<string, SettingRecord>,
  ) {
    this.record = account;
  }

  get account(): AccountRecord {
    return this.record;
  }

  /** Changes a balance by a quantity of at most 18 fraction digits, other than 0. */
  post(asset: string, quantity: Decimal, cause: Cause): void {
    const balanceAfter = (this.balances.get(asset) ?? ZERO).plus(quantity);
    this.balances.set(asset, balanceAfter);
    this.entries.push({ ...cause, asset, quantity, balanceAfter });
  }

  setPosition(position: PositionRecord): void {
    const key = positionKey(position.instrument, position.side);
    this.positions.set(key, position);
    this.changedPositions.set(key, position);
  }

  setSetting(instrument: string, setting: SettingRecord): void {
    this.settings.set(instrument, setting);
    this.changedSettings.set(instrument, setting);
  }

  setModes(modes: { readonly collateralMode?: CollateralMode; readonly positionMode?: PositionMode }): void {
    this.record = { ...this.record, ...modes };
    this.hasNewModes = true;
  }

  state(rulebook: Rulebook): AccountState {
    return accountState(this, rulebook);
  }

  get isChanged(): boolean {
    return (
      this.hasNewModes || this.entries.length > 0 || this.changedPositions.size > 0 || this.changedSettings.size > 0
    );
  }
}

/**
 * Locks the accounts, in the order of their ids so that no two transactions wait for each other, and reads what they
 * hold after the lock is there. Unknown ids are left out, and with an owner those that are somebody else's: nobody waits
 * for a lock on an account that is not theirs to see.
 */
export async function openBooks(
  tx: Transaction,
  ids: readonly string[],
  owner: string | null = null,
): Promise<Map<string, OpenBook>> {
  if (ids.length === 0) return new Map();
  const locked = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM accounts
    WHERE id = ANY(${[...ids]}::uuid[]) AND (${owner}::text IS NULL OR owner = ${owner})
    ORDER BY id FOR UPDATE`;
  const holdings = await readHoldings(
    tx,
    locked.map(({ id }) => id),
  );
  return new Map(
    [...holdings].map(([id, held]) => [
      id,
      new OpenBook(held.account, new Map(held.balances), new Map(held.positions), new Map(held.settings)),
    ]),
  );
}

/**
 * Writes what has changed: one statement a table, however many accounts. Raises the version of every changed account by
 * one and answers their ids.
 */
export async function writeBooks(tx: Transaction, books: Iterable<OpenBook>, recordedAt: Date): Promise<string[]> {
  const changed = [...books].filter((book) => book.isChanged);
  if (changed.length === 0) return [];
  await writeEntries(tx, changed, recordedAt);
  await writeBalances(tx, changed);
  await writePositions(tx, changed);
  await writeSettings(tx, changed);
  await writeAccounts(tx, changed);
  return changed.map((book) => book.account.id);
}

async function writeEntries(tx: Transaction, books: readonly OpenBook[], at: Date): Promise<void> {
  const rows = books.flatMap((book) =>
    book.entries.map((entry) => ({
      account_id: book.account.id,
      asset_symbol: entry.asset,
      quantity: toPlain(entry.quantity),
      balance_after: toPlain(entry.balanceAfter),
      kind: entry.kind,
      reference: entry.reference,
      reported_at: entry.reportedAt?.toISOString() ?? null,
    })),
  );
  if (rows.length === 0) return;
  const numbered = JSON.stringify(rows.map((row, position) => ({ ...row, position })));
  // Ordered, because the sequence says which entry of an account came first.
  await tx.$executeRaw`
    INSERT INTO ledger_entries
      (account_id, asset_symbol, quantity, balance_after, kind, reference, at, reported_at)
    SELECT account_id, asset_symbol, quantity, balance_after, kind, reference, ${at}::timestamptz, reported_at
    FROM jsonb_to_recordset(${numbered}::jsonb) AS entry(
      position int, account_id uuid, asset_symbol text, quantity numeric, balance_after numeric,
      kind "LedgerKind", reference text, reported_at timestamptz)
    ORDER BY position`;
}

async function writeBalances(tx: Transaction, books: readonly OpenBook[]): Promise<void> {
  const rows = books.flatMap((book) =>
    [...new Set(book.entries.map((entry) => entry.asset))].map((asset) => ({
      account_id: book.account.id,
      asset_symbol: asset,
      quantity: toPlain(book.balances.get(asset) ?? ZERO),
    })),
  );
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO balances (account_id, asset_symbol, quantity)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      AS balance(account_id uuid, asset_symbol text, quantity numeric)
    ON CONFLICT (account_id, asset_symbol) DO UPDATE SET quantity = EXCLUDED.quantity`;
}

async function writePositions(tx: Transaction, books: readonly OpenBook[]): Promise<void> {
  const rows = books.flatMap((book) =>
    [...book.changedPositions.values()].map((position) => ({
      account_id: book.account.id,
      venue_code: book.account.venue,
      instrument: position.instrument,
      side: position.side,
      size: toPlain(position.size),
      cost: toPlain(position.cost),
      isolated_margin: toPlain(position.isolatedMargin),
    })),
  );
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO positions (account_id, venue_code, instrument, side, size, cost, isolated_margin)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS position(
      account_id uuid, venue_code text, instrument text, side "PositionSide",
      size numeric, cost numeric, isolated_margin numeric)
    ON CONFLICT (account_id, instrument, side) DO UPDATE
      SET size = EXCLUDED.size, cost = EXCLUDED.cost, isolated_margin = EXCLUDED.isolated_margin`;
}

async function writeSettings(tx: Transaction, books: readonly OpenBook[]): Promise<void> {
  const rows = books.flatMap((book) =>
    [...book.changedSettings].map(([instrument, { leverage, marginMode }]) => ({
      account_id: book.account.id,
      venue_code: book.account.venue,
      instrument,
      leverage: toPlain(leverage),
      margin_mode: marginMode,
    })),
  );
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO instrument_settings (account_id, venue_code, instrument, leverage, margin_mode)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS setting(
      account_id uuid, venue_code text, instrument text, leverage int, margin_mode "MarginMode")
    ON CONFLICT (account_id, instrument) DO UPDATE
      SET leverage = EXCLUDED.leverage, margin_mode = EXCLUDED.margin_mode`;
}

async function writeAccounts(tx: Transaction, books: readonly OpenBook[]): Promise<void> {
  const rows = books.map(({ account }) => ({
    id: account.id,
    collateral_mode: account.collateralMode,
    position_mode: account.positionMode,
  }));
  await tx.$executeRaw`
    UPDATE accounts SET version = version + 1,
      collateral_mode = changed.collateral_mode, position_mode = changed.position_mode
    FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS changed(
      id uuid, collateral_mode "CollateralMode", position_mode "PositionMode")
    WHERE accounts.id = changed.id`;
}

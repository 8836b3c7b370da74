/**
 * Locked accounts: locked in the database, changed in memory, written at once, in one transaction. Every change of a
 * balance goes through `post`, which makes the ledger entry. So a balance is always the sum of its entries.
 */
import { ZERO, toPlain, type Decimal } from '../margin/decimal.js';
import type { AccountState, CollateralMode, PositionMode } from '../margin/model.js';
import type { Transaction } from '../platform/database.js';
import { addToOutbox } from '../platform/outbox.js';
import type { LedgerKind } from '../platform/prisma/enums.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
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
  /** The id of the fill, transfer or entry; for entries that this server made itself, their cause. */
  readonly reference: string;
  /** The instant that the venue reports; null for entries that this server made itself. */
  readonly reportedAt: Date | null;
  /** For INTEREST: the account paid none in the asset in the hour before. */
  readonly isFirstHour?: boolean;
}

interface Entry extends Cause {
  readonly asset: string;
  readonly quantity: Decimal;
  readonly balanceAfter: Decimal;
}

export class LockedAccount {
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

  /** The instant of recording: never before that of the version before, whatever clocks say. */
  recordedAt(now: Date): Date {
    return this.record.changedAt > now ? this.record.changedAt : now;
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
 * Locks the rows of the accounts and returns their ids. It locks in the order of ids, so that no two transactions wait
 * for each other. Rows that only refer to the account, such as alerts, may still be written. Unknown ids are left out,
 * and with an owner also those of others: nobody waits for an account that is not theirs to see.
 */
export async function lockRows(tx: Transaction, ids: readonly string[], owner: string | null): Promise<string[]> {
  if (ids.length === 0) return [];
  const locked = await tx.$queryRaw<{ id: string }[]>`
    SELECT id FROM accounts
    WHERE id = ANY(${[...ids]}::uuid[]) AND (${owner}::text IS NULL OR owner = ${owner})
    ORDER BY id FOR NO KEY UPDATE`;
  return locked.map(({ id }) => id);
}

/**
 * Locks the accounts as `lockRows` does, and reads what they hold. The read is a second statement, which sees what the
 * lock waited for.
 */
export async function lockAccounts(
  tx: Transaction,
  ids: readonly string[],
  owner: string | null = null,
): Promise<Map<string, LockedAccount>> {
  const holdings = await readHoldings(tx, await lockRows(tx, ids, owner));
  return new Map(
    [...holdings].map(([id, held]) => [
      id,
      new LockedAccount(held.account, new Map(held.balances), new Map(held.positions), new Map(held.settings)),
    ]),
  );
}

/**
 * Writes all changes: one statement a table, however many accounts. Raises the version of every changed account by one
 * and returns their ids. The former state stays as a version. Accounts to be evaluated go to the outbox.
 */
export async function writeAccounts(
  tx: Transaction,
  lockedAccounts: Iterable<LockedAccount>,
  now: Date,
): Promise<string[]> {
  const changed = [...lockedAccounts].filter((locked) => locked.isChanged);
  if (changed.length === 0) return [];
  const alerted = await writeEntries(tx, changed, now);
  await writeBalances(tx, changed);
  await writePositions(tx, changed);
  await writeSettings(tx, changed);
  await writeAccountRows(tx, changed, now);
  const looks = changed.map(({ account }) => ({ accountId: account.id, kind: 'CHANGED' as const }));
  await addToOutbox(tx, [...looks, ...alerted], now);
  return changed.map((locked) => locked.account.id);
}

/** Ledger entries that make an alert. */
interface AlertedEntries {
  readonly accountId: string;
  readonly kind: 'AUTO_EXCHANGED' | 'INTEREST_STARTED';
  /** Their numbers. */
  readonly entries: string[];
}

/** Returns each exchange, by account and cause, and the first hours of interest of each account. */
async function writeEntries(
  tx: Transaction,
  lockedAccounts: readonly LockedAccount[],
  now: Date,
): Promise<AlertedEntries[]> {
  const rows = lockedAccounts.flatMap((locked) =>
    locked.entries.map((entry) => ({
      account_id: locked.account.id,
      asset_symbol: entry.asset,
      quantity: toPlain(entry.quantity),
      balance_after: toPlain(entry.balanceAfter),
      kind: entry.kind,
      reference: entry.reference,
      at: locked.recordedAt(now).toISOString(),
      reported_at: entry.reportedAt?.toISOString() ?? null,
      is_first_hour: entry.isFirstHour ?? false,
    })),
  );
  if (rows.length === 0) return [];
  const numbered = JSON.stringify(rows.map((row, position) => ({ ...row, position })));
  // Ordered, because the sequence numbers an account's entries.
  return tx.$queryRaw<AlertedEntries[]>`
    WITH entry AS (
      SELECT * FROM jsonb_to_recordset(${numbered}::jsonb) AS entry(
        position int, account_id uuid, asset_symbol text, quantity numeric, balance_after numeric,
        kind "LedgerKind", reference text, at timestamptz, reported_at timestamptz, is_first_hour boolean)
    ), written AS (
      INSERT INTO ledger_entries
        (account_id, asset_symbol, quantity, balance_after, kind, reference, at, reported_at)
      SELECT account_id, asset_symbol, quantity, balance_after, kind, reference, at, reported_at
      FROM entry ORDER BY position
      RETURNING seq, account_id, asset_symbol, kind, reference
    ), told AS (
      SELECT account_id, seq, 'AUTO_EXCHANGED' AS kind, reference AS event
      FROM written WHERE kind = 'AUTO_EXCHANGE'
      UNION ALL
      SELECT account_id, seq, 'INTEREST_STARTED', ''
      FROM written JOIN entry USING (account_id, asset_symbol, kind, reference) WHERE kind = 'INTEREST' AND is_first_hour
    )
    SELECT account_id::text AS "accountId", kind, jsonb_agg(seq::text ORDER BY seq) AS entries
    FROM told GROUP BY account_id, kind, event ORDER BY MIN(seq)`;
}

async function writeBalances(tx: Transaction, lockedAccounts: readonly LockedAccount[]): Promise<void> {
  const rows = lockedAccounts.flatMap((locked) =>
    [...new Set(locked.entries.map((entry) => entry.asset))].map((asset) => ({
      account_id: locked.account.id,
      asset_symbol: asset,
      quantity: toPlain(locked.balances.get(asset) ?? ZERO),
    })),
  );
  if (rows.length === 0) return;
  await tx.$executeRaw`
    INSERT INTO balances (account_id, asset_symbol, quantity)
    SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
      AS balance(account_id uuid, asset_symbol text, quantity numeric)
    ON CONFLICT (account_id, asset_symbol) DO UPDATE SET quantity = EXCLUDED.quantity`;
}

async function writePositions(tx: Transaction, lockedAccounts: readonly LockedAccount[]): Promise<void> {
  const rows = lockedAccounts.flatMap((locked) =>
    [...locked.changedPositions.values()].map((position) => ({
      account_id: locked.account.id,
      venue_code: locked.account.venue,
      instrument: position.instrument,
      side: position.side,
      version: locked.account.version + 1,
      size: toPlain(position.size),
      cost: toPlain(position.cost),
      isolated_margin: toPlain(position.isolatedMargin),
    })),
  );
  if (rows.length === 0) return;
  await tx.$executeRaw`
    WITH changed AS (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS position(
        account_id uuid, venue_code text, instrument text, side "PositionSide", version int,
        size numeric, cost numeric, isolated_margin numeric)
    ), kept AS (
      INSERT INTO position_versions (account_id, instrument, side, version, size, cost, isolated_margin)
      SELECT account_id, instrument, side, version, size, cost, isolated_margin FROM changed
    )
    INSERT INTO positions (account_id, venue_code, instrument, side, size, cost, isolated_margin)
    SELECT account_id, venue_code, instrument, side, size, cost, isolated_margin FROM changed
    ON CONFLICT (account_id, instrument, side) DO UPDATE
      SET size = EXCLUDED.size, cost = EXCLUDED.cost, isolated_margin = EXCLUDED.isolated_margin`;
}

async function writeSettings(tx: Transaction, lockedAccounts: readonly LockedAccount[]): Promise<void> {
  const rows = lockedAccounts.flatMap((locked) =>
    [...locked.changedSettings].map(([instrument, { leverage, marginMode }]) => ({
      account_id: locked.account.id,
      venue_code: locked.account.venue,
      instrument,
      version: locked.account.version + 1,
      leverage: toPlain(leverage),
      margin_mode: marginMode,
    })),
  );
  if (rows.length === 0) return;
  await tx.$executeRaw`
    WITH changed AS (
      SELECT * FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS setting(
        account_id uuid, venue_code text, instrument text, version int, leverage int, margin_mode "MarginMode")
    ), kept AS (
      INSERT INTO setting_versions (account_id, instrument, version, leverage, margin_mode)
      SELECT account_id, instrument, version, leverage, margin_mode FROM changed
    )
    INSERT INTO instrument_settings (account_id, venue_code, instrument, leverage, margin_mode)
    SELECT account_id, venue_code, instrument, leverage, margin_mode FROM changed
    ON CONFLICT (account_id, instrument) DO UPDATE
      SET leverage = EXCLUDED.leverage, margin_mode = EXCLUDED.margin_mode`;
}

async function writeAccountRows(tx: Transaction, lockedAccounts: readonly LockedAccount[], now: Date): Promise<void> {
  const rows = lockedAccounts.map((locked) => ({
    id: locked.account.id,
    collateral_mode: locked.account.collateralMode,
    position_mode: locked.account.positionMode,
    at: locked.recordedAt(now).toISOString(),
  }));
  await tx.$executeRaw`
    WITH changed AS (
      UPDATE accounts SET version = version + 1, changed_at = changed.at,
        collateral_mode = changed.collateral_mode, position_mode = changed.position_mode
      FROM jsonb_to_recordset(${JSON.stringify(rows)}::jsonb) AS changed(
        id uuid, collateral_mode "CollateralMode", position_mode "PositionMode", at timestamptz)
      WHERE accounts.id = changed.id
      RETURNING accounts.id, accounts.version, accounts.changed_at, accounts.collateral_mode, accounts.position_mode
    )
    INSERT INTO account_versions (account_id, version, at, collateral_mode, position_mode)
    SELECT id, version, changed_at, collateral_mode, position_mode FROM changed`;
}

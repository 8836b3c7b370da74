/**
 * Locked accounts: locked in the database, changed in memory, written at once (`writeAccounts`), in one transaction. Every
 * change of a balance goes through `post`, which makes the ledger entry. So a balance is always the sum of its entries.
 */
import { ZERO, type Decimal } from '../margin/decimal.js';
import type { AccountState, CollateralMode, PositionMode } from '../margin/model.js';
import type { Transaction } from '../platform/database/database.js';
import type { LedgerKind } from '../platform/prisma/enums.js';
import type { Rulebook } from '../policy/rulebook/rulebook.js';
import { lockRows } from './account-rows.js';
import {
  accountState,
  ordersKey,
  positionKey,
  readHoldings,
  sortedHoldings,
  UnreadableAccountError,
  type AccountRecord,
  type Holdings,
  type KnownHoldings,
  type OpenOrdersRecord,
  type PositionRecord,
  type SettingRecord,
} from './records.js';

/** A fill that is being booked. It gets its number when its row is stored, which is before the entries are. */
export interface NumberedFill {
  seq: bigint | null;
}

/** What an entry comes from. */
export interface Origin {
  /** The id of the fill, transfer or entry; for entries that this server made itself, their cause. */
  readonly reference: string;
  /** Of the fill, the position or the reported entry; null, or left out: of none. */
  readonly instrument?: string | null;
  readonly fill?: NumberedFill;
}

/** Why a balance changes. */
export interface Cause extends Origin {
  readonly kind: LedgerKind;
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
  readonly changedOpenOrders = new Map<string, OpenOrdersRecord>();
  private record: AccountRecord;
  private hasNewModes = false;
  private hasNewSwitches = false;

  constructor(
    account: AccountRecord,
    readonly balances: Map<string, Decimal>,
    readonly positions: Map<string, PositionRecord>,
    readonly settings: Map<string, SettingRecord>,
    readonly openOrders: Map<string, OpenOrdersRecord>,
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

  setOpenOrders(orders: OpenOrdersRecord): void {
    const key = ordersKey(orders.instrument, orders.side);
    this.openOrders.set(key, orders);
    this.changedOpenOrders.set(key, orders);
  }

  setModes(modes: { readonly collateralMode?: CollateralMode; readonly positionMode?: PositionMode }): void {
    this.record = { ...this.record, ...modes };
    this.hasNewModes = true;
  }

  /** @param switchedOff by code point */
  setSwitchedOff(switchedOff: readonly string[]): void {
    this.record = { ...this.record, switchedOff };
    this.hasNewSwitches = true;
  }

  get areSwitchesChanged(): boolean {
    return this.hasNewSwitches;
  }

  state(rulebook: Rulebook): AccountState {
    return accountState(this, rulebook);
  }

  /** What it holds once the changes are committed; change nothing after that. */
  committed(now: Date): Holdings {
    if (!this.isChanged) return this.asHoldings(this.record);
    const changedAt = this.recordedAt(now);
    return this.asHoldings({ ...this.record, version: this.record.version + 1, changedAt });
  }

  private asHoldings(account: AccountRecord): Holdings {
    const { balances, positions, settings, openOrders } = this;
    return sortedHoldings({ account, balances, positions, settings, openOrders });
  }

  get isChanged(): boolean {
    const { entries, changedPositions, changedSettings, changedOpenOrders } = this;
    const changed = changedPositions.size + changedSettings.size + changedOpenOrders.size;
    return this.hasNewModes || this.hasNewSwitches || entries.length > 0 || changed > 0;
  }
}

function lockedAccount({ account, balances, positions, settings, openOrders }: Holdings): LockedAccount {
  return new LockedAccount(account, new Map(balances), new Map(positions), new Map(settings), new Map(openOrders));
}

interface LockOptions {
  /** Leaves out those that another transaction has locked. */
  readonly free?: boolean;
  /** Accounts of which it has the very version that is locked are not read. */
  readonly known?: KnownHoldings;
}

/**
 * Locks the accounts as `lockRows` does, and reads what they hold. The read is a second statement, which sees what the
 * lock waited for. Throws UnreadableAccountError where one of them cannot be read.
 */
export async function lockAccounts(
  tx: Transaction,
  rulebook: Rulebook,
  ids: readonly string[],
  owner: string | null = null,
  options: LockOptions = {},
): Promise<Map<string, LockedAccount>> {
  const locked = await lockReadable(tx, rulebook, ids, owner, options);
  for (const found of locked.values()) if (found instanceof UnreadableAccountError) throw found;
  return locked as Map<string, LockedAccount>;
}

/** The same, where an account that cannot be read holds up no other; with `free`, nor does one that is locked. */
export async function lockReadable(
  tx: Transaction,
  rulebook: Rulebook,
  ids: readonly string[],
  owner: string | null,
  { free = false, known }: LockOptions = {},
): Promise<Map<string, LockedAccount | UnreadableAccountError>> {
  const found = new Map<string, Holdings | UnreadableAccountError>();
  const unknown: string[] = [];
  for (const row of await lockRows(tx, ids, owner, free)) {
    const holdings = known?.holdingsAt(row) ?? null;
    if (holdings === null) unknown.push(row.id);
    else found.set(row.id, holdings);
  }
  for (const [id, holdings] of await readHoldings(tx, rulebook, unknown)) found.set(id, holdings);
  return new Map(
    [...found].map(([id, held]) => [id, held instanceof UnreadableAccountError ? held : lockedAccount(held)]),
  );
}

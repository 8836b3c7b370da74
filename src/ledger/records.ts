/**
 * Accounts and what they hold, as the commands and the API work with them. Each form of an account has its reason:
 * - `AccountRow`: what the one statement answers, in text; the others are made from it.
 * - `AccountRecord`: the account alone, for lists, which do not ask what it holds.
 * - `Holdings`: with exact amounts by key, to look something up or to answer it.
 * - `LockedAccount`: `Holdings` that a transaction changes; it remembers what to write.
 * - `AccountState`: what the margin rules take; only what counts, with the leverage and mode of each position.
 * - `AccountText`: an `AccountState` in text, since a million accounts as objects do not fit into memory.
 */
import { startingLeverage } from '../margin/change/leverage.js';
import { decimal, type Decimal } from '../margin/decimal.js';
import type { AccountState, CollateralMode, MarginMode, PositionMode, PositionSide } from '../margin/model.js';
import type { Database, Transaction } from '../platform/database.js';
import type { InstrumentRecord, Rulebook } from '../policy/rulebook/rulebook.js';
import { readRows, type AccountRow } from './account-rows.js';

export interface AccountRecord {
  readonly id: string;
  readonly name: string;
  readonly owner: string;
  readonly venue: string;
  readonly chain: string | null;
  readonly collateralMode: CollateralMode;
  readonly positionMode: PositionMode;
  readonly version: number;
  readonly openedAt: Date;
  /** Instant at which this version was recorded. */
  readonly changedAt: Date;
}

export interface PositionRecord {
  readonly instrument: string;
  readonly side: PositionSide;
  readonly size: Decimal;
  readonly cost: Decimal;
  readonly isolatedMargin: Decimal;
}

export interface SettingRecord {
  readonly leverage: Decimal;
  readonly marginMode: MarginMode;
}

/** An account with all that it holds, as of one version of it. */
export interface Holdings {
  readonly account: AccountRecord;
  /** By asset symbol; zero balances included. */
  readonly balances: ReadonlyMap<string, Decimal>;
  /** By `positionKey`; closed positions (size 0) included. */
  readonly positions: ReadonlyMap<string, PositionRecord>;
  /** By instrument symbol; only what the trader has set. */
  readonly settings: ReadonlyMap<string, SettingRecord>;
}

export function positionKey(instrument: string, side: PositionSide): string {
  return `${instrument}/${side}`;
}

export async function readAccounts(db: Database | Transaction, ids: readonly string[]): Promise<AccountRecord[]> {
  const rows = await db.account.findMany({ where: { id: { in: [...ids] } } });
  return rows.map(accountRecord);
}

interface StoredAccount extends Omit<AccountRecord, 'venue' | 'chain'> {
  readonly venueCode: string;
  readonly chainCode: string | null;
}

/** Field by field: V8 gives a spread object a shape of its own, which slows down every later read. */
export function accountRecord(row: StoredAccount): AccountRecord {
  return {
    id: row.id,
    name: row.name,
    owner: row.owner,
    venue: row.venueCode,
    chain: row.chainCode,
    collateralMode: row.collateralMode,
    positionMode: row.positionMode,
    version: row.version,
    openedAt: row.openedAt,
    changedAt: row.changedAt,
  };
}

/** Unknown ids are left out. */
export async function readHoldings(db: Database | Transaction, ids: readonly string[]): Promise<Map<string, Holdings>> {
  return new Map((await readRows(db, ids)).map((row) => [row[0], holdingsOf(row)]));
}

/** Sorted as the API returns them: balances by asset, positions by instrument and side. */
export function holdingsOf([id, version, venue, chain, name, owner, openedAt, changedAt, items]: AccountRow): Holdings {
  const [collateralMode, positionMode, balances, positions, settings] = items;
  const held: [asset: string, quantity: Decimal][] = [];
  for (let item = 0; item < balances.length; item += 2) {
    held.push([balances[item] as string, decimal(balances[item + 1] as string)]);
  }
  const open = [...positions].sort(([a, one], [b, other]) => compare(a, b) || compare(one, other));
  return {
    // Field by field, as in `accountRecord`.
    account: {
      id,
      name,
      owner,
      venue,
      chain,
      collateralMode,
      positionMode,
      version,
      openedAt: new Date(openedAt),
      changedAt: new Date(changedAt),
    },
    balances: new Map(held.sort(([a], [b]) => compare(a, b))),
    positions: new Map(
      open.map(([instrument, side, size, cost, margin]) => [
        positionKey(instrument, side),
        { instrument, side, size: decimal(size), cost: decimal(cost), isolatedMargin: decimal(margin) },
      ]),
    ),
    settings: new Map(
      settings.map(([instrument, leverage, marginMode]) => [instrument, { leverage: decimal(leverage), marginMode }]),
    ),
  };
}

function compare(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

/** The setting, or the default: starting leverage, in cross margin (rules: 6 and 7). */
export function settingOf(holdings: Pick<Holdings, 'settings'>, instrument: InstrumentRecord): SettingRecord {
  return (
    holdings.settings.get(instrument.symbol) ?? {
      leverage: startingLeverage(instrument),
      marginMode: 'CROSS',
    }
  );
}

/** The account as the margin rules take it. */
export function accountState(holdings: Holdings, rulebook: Rulebook): AccountState {
  const { account } = holdings;
  return {
    collateralMode: account.collateralMode,
    positionMode: account.positionMode,
    balances: [...holdings.balances].map(([asset, quantity]) => ({ asset, quantity })),
    positions: [...holdings.positions.values()]
      .filter((position) => !position.size.isZero())
      .map((position) => {
        const instrument = rulebook.instrument(account.venue, position.instrument);
        if (instrument === null) throw new Error(`${account.venue} has no instrument ${position.instrument}.`);
        const { leverage, marginMode } = settingOf(holdings, instrument);
        // Field by field, as in `accountRecord`.
        return {
          instrument: position.instrument,
          side: position.side,
          size: position.size,
          cost: position.cost,
          leverage,
          marginMode,
          isolatedMargin: position.isolatedMargin,
        };
      }),
  };
}

/**
 * Reading accounts and what they hold. Everything is read for many accounts at a time: the number of SQL statements does
 * not grow with the number of accounts.
 */
import { startingLeverage } from '../margin/change/leverage.js';
import { decimal, type Decimal } from '../margin/decimal.js';
import type { AccountState, CollateralMode, MarginMode, PositionMode, PositionSide } from '../margin/model.js';
import type { Database, Transaction } from '../platform/database.js';
import { Prisma } from '../platform/prisma/client.js';
import type { InstrumentRecord, Rulebook } from '../policy/rulebook/rulebook.js';

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
  /** When this version was recorded. */
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

interface AccountRow extends Omit<AccountRecord, 'venue' | 'chain'> {
  readonly venueCode: string;
  readonly chainCode: string | null;
}

/** Field by field: V8 gives what was spread a shape of its own, which whoever reads it afterwards has to look up anew. */
export function accountRecord(row: AccountRow): AccountRecord {
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

/** As SQL answers it: numbers as text, since JSON's own would be read as floats. */
export interface HoldingsRow extends AccountRow {
  readonly balances: readonly [asset: string, quantity: string][];
  readonly positions: readonly [instrument: string, side: PositionSide, size: string, cost: string, margin: string][];
  readonly settings: readonly [instrument: string, leverage: number, marginMode: MarginMode][];
}

/**
 * What the accounts hold. One statement, so that one snapshot of the database answers it: balances of one instant beside
 * positions of another would be a wrong margin. Unknown ids are left out.
 */
export async function readHoldings(db: Database | Transaction, ids: readonly string[]): Promise<Map<string, Holdings>> {
  if (ids.length === 0) return new Map();
  const rows = await db.$queryRaw<HoldingsRow[]>`${HOLDINGS} WHERE id = ANY(${[...ids]}::uuid[])`;
  return new Map(rows.map((row) => [row.id, holdingsOf(row)]));
}

/** Numbers travel as text, without the zeros at their end: JSON's own would be read as floats. */
const HOLDINGS = Prisma.sql`
    SELECT id, name, owner, venue_code AS "venueCode", chain_code AS "chainCode", version, opened_at AS "openedAt",
      changed_at AS "changedAt",
      collateral_mode::text AS "collateralMode", position_mode::text AS "positionMode",
      (SELECT COALESCE(json_agg(json_build_array(asset_symbol, trim_scale(quantity)::text) ORDER BY asset_symbol COLLATE "C"), '[]')
        FROM balances WHERE account_id = accounts.id) AS balances,
      (SELECT COALESCE(json_agg(json_build_array(instrument, side,
          trim_scale(size)::text, trim_scale(cost)::text, trim_scale(isolated_margin)::text)
          ORDER BY instrument COLLATE "C", side), '[]')
        FROM positions WHERE account_id = accounts.id) AS positions,
      (SELECT COALESCE(json_agg(json_build_array(instrument, leverage, margin_mode)), '[]')
        FROM instrument_settings WHERE account_id = accounts.id) AS settings
    FROM accounts`;

export function holdingsOf({ balances, positions, settings, ...account }: HoldingsRow): Holdings {
  return {
    account: accountRecord(account),
    balances: new Map(balances.map(([asset, quantity]) => [asset, decimal(quantity)])),
    positions: new Map(
      positions.map(([instrument, side, size, cost, margin]) => [
        positionKey(instrument, side),
        { instrument, side, size: decimal(size), cost: decimal(cost), isolatedMargin: decimal(margin) },
      ]),
    ),
    settings: new Map(
      settings.map(([instrument, leverage, marginMode]) => [instrument, { leverage: decimal(leverage), marginMode }]),
    ),
  };
}

/** What holds without a setting: the starting leverage, in cross margin (rules: 6 and 7). */
export function settingOf(holdings: Pick<Holdings, 'settings'>, instrument: InstrumentRecord): SettingRecord {
  return (
    holdings.settings.get(instrument.symbol) ?? {
      leverage: startingLeverage(instrument),
      marginMode: 'CROSS',
    }
  );
}

/** The account as the margin rules see it. */
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

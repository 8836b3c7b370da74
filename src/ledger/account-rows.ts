/**
 * Reading accounts with all that they hold: one statement, as they are or as they were. One statement, so that one
 * snapshot of the database answers it: balances of one instant beside positions of another would be a wrong margin.
 */
import type { CollateralMode, MarginMode, PositionMode, PositionSide } from '../margin/model.js';
import type { Database, Transaction } from '../platform/database.js';
import { Prisma } from '../platform/prisma/client.js';

/**
 * An account as the statement answers it, as of one version. Amounts are text in plain notation, without zeros at their
 * end: JSON's own numbers would be read as floats. Balances and positions come in no order, and may be zero.
 */
export type AccountRow = readonly [
  id: string,
  version: number,
  venue: string,
  chain: string | null,
  name: string,
  owner: string,
  openedAt: string,
  changedAt: string,
  held: HeldRow,
];

export type HeldRow = readonly [
  collateralMode: CollateralMode,
  positionMode: PositionMode,
  /** Asset, quantity, asset, quantity... */
  balances: readonly string[],
  positions: readonly PositionRow[],
  settings: readonly (readonly [instrument: string, leverage: number, marginMode: MarginMode])[],
];

export type PositionRow = readonly [
  instrument: string,
  side: PositionSide,
  size: string,
  cost: string,
  isolatedMargin: string,
];

/** What the row named `account` holds. */
interface Held {
  /** With `asset_symbol` and `quantity`. */
  readonly balances: Prisma.Sql;
  /** With `instrument`, `side`, `size`, `cost` and `isolated_margin`. */
  readonly positions: Prisma.Sql;
  /** With `instrument`, `leverage` and `margin_mode`. */
  readonly settings: Prisma.Sql;
}

/**
 * An `AccountRow` of the row named `account`. The JSON is put together by hand, since the functions for it take twice
 * the time, and every account is read at start. Text that users choose goes through them all the same.
 */
function rowOf({ balances, positions, settings }: Held): Prisma.Sql {
  return Prisma.sql`
    '["' || account.id || '",' || account.version || ',' || to_json(account.venue_code)
      || ',' || COALESCE(to_json(account.chain_code)::text, 'null')
      || ',' || to_json(account.name) || ',' || to_json(account.owner)
      || ',' || to_json(account.opened_at) || ',' || to_json(account.changed_at)
      || ',["' || account.collateral_mode || '","' || account.position_mode
      || '",[' || array_to_string(ARRAY(
        SELECT to_json(asset_symbol) || ',"' || trim_scale(quantity) || '"' FROM (${balances}) AS balance), ',')
      || '],[' || array_to_string(ARRAY(
        SELECT '[' || to_json(instrument) || ',"' || side || '","' || trim_scale(size) || '","' || trim_scale(cost)
          || '","' || trim_scale(isolated_margin) || '"]' FROM (${positions}) AS position), ',')
      || '],[' || array_to_string(ARRAY(
        SELECT '[' || to_json(instrument) || ',' || leverage || ',"' || margin_mode || '"]'
        FROM (${settings}) AS setting), ',')
      || ']]]'`;
}

const NOW = Prisma.sql`
  SELECT ${rowOf({
    balances: Prisma.sql`SELECT asset_symbol, quantity FROM balances WHERE account_id = account.id`,
    positions: Prisma.sql`
      SELECT instrument, side, size, cost, isolated_margin FROM positions WHERE account_id = account.id`,
    settings: Prisma.sql`SELECT instrument, leverage, margin_mode FROM instrument_settings WHERE account_id = account.id`,
  })} AS row
  FROM accounts AS account`;

/** Unknown ids are left out. */
export async function readRows(db: Database | Transaction, ids: readonly string[]): Promise<AccountRow[]> {
  if (ids.length === 0) return [];
  const rows = await db.$queryRaw<{ row: string }[]>`${NOW} WHERE id = ANY(${[...ids]}::uuid[])`;
  return rows.map(({ row }) => JSON.parse(row) as AccountRow);
}

/** The next accounts by id after the last one that was read; null: from the first. */
export async function readRowsAfter(db: Database, last: string | null, limit: number): Promise<AccountRow[]> {
  const rows = await db.$queryRaw<{ row: string }[]>`
    ${NOW} WHERE (${last}::uuid IS NULL OR id > ${last}::uuid) ORDER BY id LIMIT ${limit}`;
  return rows.map(({ row }) => JSON.parse(row) as AccountRow);
}

export interface AccountVersion {
  readonly id: string;
  readonly version: number;
}

/** The versions of the next accounts by id after the last one that was read; null: from the first. */
export async function readVersionsAfter(db: Database, last: string | null, limit: number): Promise<AccountVersion[]> {
  return db.$queryRaw<AccountVersion[]>`
    SELECT id::text AS id, version FROM accounts
    WHERE (${last}::uuid IS NULL OR id > ${last}::uuid) ORDER BY id LIMIT ${limit}`;
}

/**
 * As they were: the version in force at the instant, and what was held then.
 *
 * Per account neither instants nor sequence numbers ever go back against each other. So one entry divides what was booked
 * from what came later, and each balance is found from there by its index: what it takes grows neither with the entries
 * of other accounts nor with its own.
 */
const THEN = rowOf({
  balances: Prisma.sql`
    SELECT held.asset_symbol, entry.balance_after AS quantity
    FROM balances AS held CROSS JOIN LATERAL (
      SELECT balance_after FROM ledger_entries
      WHERE account_id = held.account_id AND asset_symbol = held.asset_symbol AND seq <= booked.seq
      ORDER BY seq DESC LIMIT 1
    ) AS entry
    WHERE held.account_id = account.id`,
  positions: Prisma.sql`
    SELECT held.instrument, held.side, past.size, past.cost, past.isolated_margin
    FROM positions AS held CROSS JOIN LATERAL (
      SELECT size, cost, isolated_margin FROM position_versions
      WHERE account_id = held.account_id AND instrument = held.instrument AND side = held.side
        AND version <= account.version
      ORDER BY version DESC LIMIT 1
    ) AS past
    WHERE held.account_id = account.id`,
  settings: Prisma.sql`
    SELECT held.instrument, past.leverage, past.margin_mode
    FROM instrument_settings AS held CROSS JOIN LATERAL (
      SELECT leverage, margin_mode FROM setting_versions
      WHERE account_id = held.account_id AND instrument = held.instrument AND version <= account.version
      ORDER BY version DESC LIMIT 1
    ) AS past
    WHERE held.account_id = account.id`,
});

/** By their place in `asked`. Left out: accounts whose versions begin later, since the database is older than they are. */
export async function readRowsAt(
  db: Database,
  asked: readonly { readonly id: string; readonly at: Date }[],
): Promise<Map<number, AccountRow>> {
  if (asked.length === 0) return new Map();
  const instants = JSON.stringify(asked.map(({ id, at }, place) => ({ place, account_id: id, at: at.toISOString() })));
  const rows = await db.$queryRaw<{ place: number; row: string }[]>`
    SELECT asked.place, ${THEN} AS row
    FROM jsonb_to_recordset(${instants}::jsonb) AS asked(place int, account_id uuid, at timestamptz)
    CROSS JOIN LATERAL (SELECT * FROM accounts WHERE accounts.id = asked.account_id LIMIT 1) AS known
    CROSS JOIN LATERAL (
      SELECT version, at, collateral_mode, position_mode FROM account_versions
      WHERE account_id = known.id AND at <= asked.at
      ORDER BY at DESC, version DESC LIMIT 1
    ) AS was
    CROSS JOIN LATERAL (
      SELECT known.id, known.name, known.owner, known.venue_code, known.chain_code, known.opened_at,
        was.version, was.at AS changed_at, was.collateral_mode, was.position_mode
    ) AS account
    LEFT JOIN LATERAL (
      SELECT seq FROM ledger_entries
      WHERE account_id = known.id AND at <= asked.at
      ORDER BY at DESC, seq DESC LIMIT 1
    ) AS booked ON TRUE`;
  return new Map(rows.map(({ place, row }) => [place, JSON.parse(row) as AccountRow]));
}

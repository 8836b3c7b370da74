/**
 * Reads accounts with all that they hold, as they are or as they were. It takes one statement, so that one snapshot of
 * the database answers: balances of one instant beside positions of another would give a wrong margin.
 */
import type { CollateralMode, MarginMode, PositionMode, PositionSide } from '../margin/model.js';
import type { Database, Transaction } from '../platform/database.js';
import { Prisma } from '../platform/prisma/client.js';

/**
 * An account as the statement returns it, at one version. Amounts are text in plain notation, without trailing zeros:
 * JSON's numbers would be read as floats. Balances and positions are unordered, and may be zero.
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

/** Holdings of the row named `account`, as SQL. */
interface Held {
  /** Has the columns `asset_symbol` and `quantity`. */
  readonly balances: Prisma.Sql;
  /** Has the columns `instrument`, `side`, `size`, `cost` and `isolated_margin`. */
  readonly positions: Prisma.Sql;
  /** Has the columns `instrument`, `leverage` and `margin_mode`. */
  readonly settings: Prisma.Sql;
}

/**
 * An `AccountRow` of the row named `account`. Its JSON is concatenated, since PostgreSQL's JSON functions take twice
 * the time, and every account is read at start. Only text that users choose passes through them.
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

/** The next accounts by id after `last`; null: from the first. */
export async function readRowsAfter(db: Database, last: string | null, limit: number): Promise<AccountRow[]> {
  const rows = await db.$queryRaw<{ row: string }[]>`
    ${NOW} WHERE (${last}::uuid IS NULL OR id > ${last}::uuid) ORDER BY id LIMIT ${limit}`;
  return rows.map(({ row }) => JSON.parse(row) as AccountRow);
}

export interface AccountVersion {
  readonly id: string;
  readonly version: number;
}

/** The versions of the next accounts by id after `last`; null: from the first. */
export async function readVersionsAfter(db: Database, last: string | null, limit: number): Promise<AccountVersion[]> {
  return db.$queryRaw<AccountVersion[]>`
    SELECT id::text AS id, version FROM accounts
    WHERE (${last}::uuid IS NULL OR id > ${last}::uuid) ORDER BY id LIMIT ${limit}`;
}

/**
 * Holdings at an instant: the version in force then, and what it held. For each account instants and sequence numbers
 * rise together. So one entry divides what was posted by then from what came later, and an index finds each balance
 * from there. The cost grows neither with other accounts' entries nor with its own.
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

/**
 * By position in `asked`. Accounts whose versions begin later are left out: the database is older than its versions.
 */
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

/**
 * Reads accounts with all that they hold, as they are or as they were. It takes one statement, so that one snapshot of
 * the database answers: balances of one instant beside positions of another would give a wrong margin.
 */
import type { CollateralMode, MarginMode, PositionMode, PositionSide } from '../margin/model.js';
import type { Database, Transaction } from '../platform/database/database.js';
import { columnOf } from '../platform/database/columns.js';
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
  externalId: string | null,
];

export type HeldRow = readonly [
  collateralMode: CollateralMode,
  positionMode: PositionMode,
  /** Asset, quantity, asset, quantity... */
  balances: readonly string[],
  positions: readonly PositionRow[],
  settings: readonly (readonly [instrument: string, leverage: number, marginMode: MarginMode])[],
  openOrders: readonly OrdersRow[],
  /** Asset symbols, by code point. */
  switchedOff: readonly string[],
];

export type PositionRow = readonly [
  instrument: string,
  side: PositionSide,
  size: string,
  cost: string,
  isolatedMargin: string,
];

export type OrdersRow = readonly [
  instrument: string,
  /** BOTH in one-way mode. */
  side: PositionSide | 'BOTH',
  buySize: string,
  sellSize: string,
  buyNotional: string,
  sellNotional: string,
  sequence: string,
];

/** Holdings of the row named `account`, as SQL. */
interface Held {
  /** Has the columns `asset_symbol` and `quantity`. */
  readonly balances: Prisma.Sql;
  /** Has the columns `instrument`, `side`, `size`, `cost` and `isolated_margin`. */
  readonly positions: Prisma.Sql;
  /** Has the columns `instrument`, `leverage` and `margin_mode`. */
  readonly settings: Prisma.Sql;
  /** Has the columns `instrument`, `side`, `buy_size`, `sell_size`, `buy_notional`, `sell_notional` and `sequence`. */
  readonly orders: Prisma.Sql;
}

/**
 * An `AccountRow` of the row named `account`. Its JSON is made by `format`: PostgreSQL's JSON functions take twice the
 * time, and every account is read at start; and each `||` takes time to plan, which one account's read would feel. Only
 * text that users choose passes through JSON functions.
 */
function rowOf({ balances, positions, settings, orders }: Held): Prisma.Sql {
  return Prisma.sql`
    format('["%s",%s,%s,%s,%s,%s,%s,%s,["%s","%s",[%s],[%s],[%s],[%s],%s],%s]',
      account.id, account.version, to_json(account.venue_code), COALESCE(to_json(account.chain_code)::text, 'null'),
      to_json(account.name), to_json(account.owner), to_json(account.opened_at), to_json(account.changed_at),
      account.collateral_mode, account.position_mode,
      array_to_string(ARRAY(
        SELECT format('%s,"%s"', to_json(asset_symbol), trim_scale(quantity)) FROM (${balances}) AS balance), ','),
      array_to_string(ARRAY(
        SELECT format('[%s,"%s","%s","%s","%s"]',
          to_json(instrument), side, trim_scale(size), trim_scale(cost), trim_scale(isolated_margin))
        FROM (${positions}) AS position), ','),
      array_to_string(ARRAY(
        SELECT format('[%s,%s,"%s"]', to_json(instrument), leverage, margin_mode) FROM (${settings}) AS setting), ','),
      array_to_string(ARRAY(
        SELECT format('[%s,"%s","%s","%s","%s","%s","%s"]', to_json(instrument), side, trim_scale(buy_size),
          trim_scale(sell_size), trim_scale(buy_notional), trim_scale(sell_notional), trim_scale(sequence))
        FROM (${orders}) AS resting), ','),
      to_json(account.switched_off),
      COALESCE(to_json(account.external_id)::text, 'null'))`;
}

const NOW = Prisma.sql`
  SELECT ${rowOf({
    balances: Prisma.sql`SELECT asset_symbol, quantity FROM balances WHERE account_id = account.id`,
    positions: Prisma.sql`
      SELECT instrument, side, size, cost, isolated_margin FROM positions WHERE account_id = account.id`,
    settings: Prisma.sql`SELECT instrument, leverage, margin_mode FROM instrument_settings WHERE account_id = account.id`,
    orders: Prisma.sql`
      SELECT instrument, side, buy_size, sell_size, buy_notional, sell_notional, sequence FROM open_orders
      WHERE account_id = account.id`,
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
    WHERE (${last}::uuid IS NULL OR id > ${last}::uuid) ORDER BY accounts.id LIMIT ${limit}`;
}

/**
 * Accounts that anybody has changed since a snapshot of the database, each change once. A transaction may commit long
 * after it wrote: neither its instant nor its number says whether it was seen. A snapshot does, since it names the
 * transactions that were open.
 */
export interface WrittenVersion extends AccountVersion {
  /** The number of its transaction. */
  readonly writtenBy: string;
}

export interface ChangedAccounts {
  /** What was read shows all transactions of this snapshot; the next read begins there. */
  readonly snapshot: string;
  /** The newest version of each. */
  readonly versions: readonly WrittenVersion[];
}

/** The snapshot of now. */
export async function readSnapshot(db: Database): Promise<string> {
  const [row] = await db.$queryRaw<{ snapshot: string }[]>`SELECT pg_current_snapshot()::text AS snapshot`;
  if (row === undefined) throw new Error('Expected a snapshot of the database, got none.');
  return row.snapshot;
}

/** By the index of `written_by`: the cost grows with the changes since, however many accounts there are. */
export async function readChangedSince(db: Database, snapshot: string): Promise<ChangedAccounts> {
  const { end, open } = parsed(snapshot);
  // Numbers from the end of the new snapshot on are of a database that this one was copied from.
  const [row] = await db.$queryRaw<{ snapshot: string; versions: Record<string, [number, string]> }[]>`
    SELECT pg_current_snapshot()::text AS snapshot, COALESCE((
      SELECT json_object_agg(account_id, json_build_array(version, written_by::text)) FROM (
        SELECT DISTINCT ON (account_id) account_id, version, written_by FROM account_versions
        WHERE (written_by >= ${end}::bigint
            AND written_by < pg_snapshot_xmax(pg_current_snapshot())::text::bigint)
          OR written_by = ANY(${open}::bigint[])
        ORDER BY account_id, version DESC
      ) AS changed
    ), '{}') AS versions`;
  if (row === undefined) throw new Error('Expected a snapshot of the database, got none.');
  return {
    snapshot: row.snapshot,
    versions: Object.entries(row.versions).map(([id, [version, writtenBy]]) => ({ id, version, writtenBy })),
  };
}

/** Whether the database has all of these versions, each as its transaction wrote it. */
export async function hasVersions(db: Database, versions: readonly WrittenVersion[]): Promise<boolean> {
  if (versions.length === 0) return true;
  const [row] = await db.$queryRaw<{ found: number }[]>`
    SELECT count(*)::int AS found
    FROM jsonb_to_recordset(${JSON.stringify(versions)}::jsonb) AS known(id uuid, version int, "writtenBy" bigint)
    JOIN account_versions AS stored
      ON account_id = known.id AND stored.version = known.version AND written_by = "writtenBy"`;
  return row?.found === versions.length;
}

/** As PostgreSQL writes it, such as "10:20:10,14": all before 20 have ended, but for 10 and 14. */
function parsed(snapshot: string): { readonly end: string; readonly open: string[] } {
  const [, end = '0', open = ''] = snapshot.split(':');
  return { end, open: open.split(',').filter((each) => each !== '') };
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
  orders: Prisma.sql`
    SELECT held.instrument, held.side, past.buy_size, past.sell_size, past.buy_notional, past.sell_notional,
      past.sequence
    FROM open_orders AS held CROSS JOIN LATERAL (
      SELECT buy_size, sell_size, buy_notional, sell_notional, sequence FROM open_order_versions
      WHERE account_id = held.account_id AND instrument = held.instrument AND side = held.side
        AND version <= account.version
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
        known.external_id, was.version, was.at AS changed_at, was.collateral_mode, was.position_mode,
        COALESCE((
          SELECT switched_off FROM switched_off_versions
          WHERE account_id = known.id AND version <= was.version ORDER BY version DESC LIMIT 1
        ), '{}') AS switched_off
    ) AS account
    LEFT JOIN LATERAL (
      SELECT seq FROM ledger_entries
      WHERE account_id = known.id AND at <= asked.at
      ORDER BY at DESC, seq DESC LIMIT 1
    ) AS booked ON TRUE`;
  return new Map(rows.map(({ place, row }) => [place, JSON.parse(row) as AccountRow]));
}

/** A version of an account, as its row has it. */
export interface LockedRow extends AccountVersion {
  readonly changedAt: Date;
}

/**
 * Locks the rows of the accounts. It locks in the order of ids, so that no two transactions wait for each other. Rows
 * that only refer to the account, such as alerts, may still be written. Unknown ids are left out, and with an owner also
 * those of others: nobody waits for an account that is not theirs to see.
 *
 * @param free leaves out those that another transaction has locked, and does not wait
 */
export async function lockRows(
  tx: Database | Transaction,
  ids: readonly string[],
  owner: string | null,
  free = false,
): Promise<LockedRow[]> {
  if (ids.length === 0) return [];
  return tx.$queryRaw<LockedRow[]>`/* prepared */
    SELECT id::text AS id, version, changed_at AS "changedAt" FROM accounts
    WHERE id = ANY(${columnOf(ids, (id) => id)}::uuid[]) AND (${owner}::text IS NULL OR owner = ${owner})
    ORDER BY accounts.id FOR NO KEY UPDATE ${free ? Prisma.sql`SKIP LOCKED` : Prisma.empty}`;
}

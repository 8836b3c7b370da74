/** The rows that a batch of fills or of prices makes, written with plain `pg` in one transaction, one statement a table. */
import type pg from 'pg';

import { accountId } from './portfolios.js';

export interface Fill {
  readonly fillId: string;
  readonly account: number;
  readonly instrument: string;
  readonly size: string;
  readonly price: string;
  readonly fee: string;
  readonly at: string;
}

const FILLS = `
  INSERT INTO fills (venue_code, fill_id, account_id, instrument, side, position_side, size, price, fee, realized_pnl, at,
    recorded_at)
  SELECT 'BITGET', fill_id, account_id, instrument, 'BUY', 'LONG', size, price, fee, 0, at, at
  FROM unnest($1::text[], $2::uuid[], $3::text[], $4::numeric[], $5::numeric[], $6::numeric[], $7::timestamptz[])
    AS row (fill_id, account_id, instrument, size, price, fee, at)`;
const ENTRIES = `
  INSERT INTO ledger_entries (account_id, asset_symbol, quantity, balance_after, kind, reference, at, reported_at)
  SELECT account_id, 'USDT', -fee, -2500.5 - fee, 'FEE', fill_id, at, at
  FROM unnest($1::text[], $2::uuid[], $3::numeric[], $4::timestamptz[]) AS row (fill_id, account_id, fee, at)`;
const BALANCES = `
  INSERT INTO balances (account_id, asset_symbol, quantity)
  SELECT account_id, 'USDT', quantity FROM unnest($1::uuid[], $2::numeric[]) AS row (account_id, quantity)
  ON CONFLICT (account_id, asset_symbol) DO UPDATE SET quantity = excluded.quantity`;
const POSITIONS = `
  INSERT INTO positions (account_id, venue_code, instrument, side, size, cost)
  SELECT account_id, 'BITGET', instrument, 'LONG', size, size * 60000
  FROM unnest($1::uuid[], $2::text[], $3::numeric[]) AS row (account_id, instrument, size)
  ON CONFLICT (account_id, instrument, side) DO UPDATE SET size = excluded.size, cost = excluded.cost`;
const ACCOUNTS = `
  UPDATE accounts SET version = version + 1, changed_at = $2 WHERE id = ANY($1::uuid[]) RETURNING id, version`;
const VERSIONS = `
  INSERT INTO account_versions (account_id, version, at, collateral_mode, position_mode)
  SELECT account_id, version, $3, 'MULTI_ASSET', 'HEDGE'
  FROM unnest($1::uuid[], $2::int[]) AS row (account_id, version)`;
const POSITION_VERSIONS = `
  INSERT INTO position_versions (account_id, instrument, side, version, size, cost, isolated_margin)
  SELECT account_id, instrument, 'LONG', version, size, size * 60000, 0
  FROM unnest($1::uuid[], $2::text[], $3::int[], $4::numeric[]) AS row (account_id, instrument, version, size)`;
const OUTBOX = `INSERT INTO outbox (account_id, kind, at) SELECT account_id, 'CHANGED', $2 FROM unnest($1::uuid[]) AS account_id`;

/** @param named the statements are prepared, each once a session */
export async function writeFills(client: pg.Client, fills: readonly Fill[], named: boolean): Promise<void> {
  const run = (name: string, text: string, values: unknown[]): Promise<pg.QueryResult> =>
    client.query(named ? { name, text, values } : { text, values });
  const column = (pick: (fill: Fill) => string): string[] => fills.map(pick);
  const [ids, owners] = [column(({ fillId }) => fillId), column(({ account }) => accountId(account))];
  const [fees, instants] = [column(({ fee }) => fee), column(({ at }) => at)];
  const instruments = column(({ instrument }) => instrument);
  const [sizes, prices] = [column(({ size }) => size), column(({ price }) => price)];
  const accounts = [...new Set(owners)].sort();
  const now = instants[0];
  const positions = [
    ...new Map(
      fills.map((fill) => [`${fill.account}/${fill.instrument}`, { ...fill, id: accountId(fill.account) }]),
    ).values(),
  ];
  const held = [positions.map(({ id }) => id), positions.map(({ instrument }) => instrument)] as const;
  const heldSizes = positions.map(({ size }) => `301.5${size.slice(2)}`);
  await client.query('BEGIN');
  const updated = await run('accounts', ACCOUNTS, [accounts, now]);
  const versions = new Map(updated.rows.map((row: { id: string; version: number }) => [row.id, row.version]));
  await run('fills', FILLS, [ids, owners, instruments, sizes, prices, fees, instants]);
  await run('entries', ENTRIES, [ids, owners, fees, instants]);
  await run('balances', BALANCES, [accounts, accounts.map((_, index) => `-2500.5${index}`)]);
  await run('positions', POSITIONS, [...held, heldSizes]);
  await run('versions', VERSIONS, [accounts, accounts.map((id) => versions.get(id)), now]);
  await run('past', POSITION_VERSIONS, [...held, held[0].map((id) => versions.get(id)), heldSizes]);
  await run('outbox', OUTBOX, [accounts, now]);
  await client.query('COMMIT');
}

export interface Mark {
  readonly instrument: string;
  readonly price: string;
  readonly at: string;
}

const MARKS = `
  INSERT INTO mark_prices (venue_code, instrument, source, price, at, round)
  SELECT 'BITGET', instrument, 'bench', price, at, $4
  FROM unnest($1::text[], $2::numeric[], $3::timestamptz[]) AS row (instrument, price, at)
  ON CONFLICT (venue_code, instrument) DO UPDATE SET price = excluded.price, at = excluded.at, round = excluded.round`;
const CHANGES = `
  INSERT INTO price_changes (symbol, round, at, price, priced_at, stale)
  SELECT 'mark/BITGET/' || instrument, $4, at, price, at, false
  FROM unnest($1::text[], $2::numeric[], $3::timestamptz[]) AS row (instrument, price, at)`;

export async function writeMarks(client: pg.Client, marks: readonly Mark[], named: boolean): Promise<void> {
  const run = (name: string, text: string, values: unknown[]): Promise<pg.QueryResult> =>
    client.query(named ? { name, text, values } : { text, values });
  const [at] = marks.map((mark) => mark.at);
  await client.query('BEGIN');
  const { rows } = await run(
    'round',
    'INSERT INTO price_rounds (seq, at) SELECT COALESCE(max(seq), 0) + 1, $1 FROM price_rounds RETURNING seq',
    [at],
  );
  const [{ seq } = { seq: '' }] = rows as { seq: string }[];
  const columns = [
    marks.map(({ instrument }) => instrument),
    marks.map(({ price }) => price),
    marks.map((mark) => mark.at),
  ];
  await run('marks', MARKS, [...columns, seq]);
  await run('changes', CHANGES, [...columns, seq]);
  await client.query('COMMIT');
}

/** mercurius and graphql-jit, with `pg` and one named statement a request. */
import pg from 'pg';

import { openRules } from './margin.mjs';
import { serveMercurius } from './serve-mercurius.mjs';

const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 });
const COLUMNS = 'id, name, owner, venue_code, collateral_mode, position_mode, opened_at';
const PLAIN = `SELECT ${COLUMNS} FROM accounts WHERE id = $1 AND owner = $2`;
const HELD = `
  SELECT ${COLUMNS},
    ARRAY(SELECT ARRAY[asset_symbol, quantity::text] FROM balances WHERE account_id = account.id) AS balances,
    ARRAY(SELECT ARRAY[instrument, side::text, size::text, cost::text] FROM positions
      WHERE account_id = account.id AND size > 0) AS positions,
    ARRAY(SELECT ARRAY[instrument, leverage::text] FROM instrument_settings WHERE account_id = account.id) AS settings
  FROM accounts AS account WHERE id = $1 AND owner = $2`;
const LIST = `SELECT ${COLUMNS} FROM accounts WHERE owner = $1 ORDER BY id LIMIT $2`;

const rowsOf = async (name, text, values) => (await pool.query({ name, text, values })).rows;
const venues = new Map((await pool.query('SELECT code, name FROM venues')).rows.map((venue) => [venue.code, venue]));
const source = {
  venues,
  account: async (id, owner, withHoldings) => {
    const [row] = await (withHoldings ? rowsOf('held', HELD, [id, owner]) : rowsOf('plain', PLAIN, [id, owner]));
    return row ?? null;
  },
  accounts: (owner, limit) => rowsOf('list', LIST, [owner, limit]),
};
await serveMercurius(source, await openRules(async (sql) => (await pool.query(sql)).rows));

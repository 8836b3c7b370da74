/** What the database refuses to everybody, whatever code asks: on a database with rows in every table. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { thinPrices } from '../../src/jobs/price-thinning.js';
import type { Database } from '../../src/platform/database/database.js';
import { restoreFormerDatabase, type FormerDatabase } from '../support/services/former-database.js';

let former: FormerDatabase;
let db: Database;
let close: () => Promise<void>;
beforeAll(async () => {
  former = await restoreFormerDatabase(`SELECT '' AS text`);
  ({ db, close } = await former.open());
  // Of tables that the former server had not.
  await run(`INSERT INTO account_transfers
    SELECT venue_code, 'x', id, (SELECT max(id::text)::uuid FROM accounts), 'USDT', 1, now(), now() FROM accounts
    ORDER BY accounts.id LIMIT 1`);
  await run(`INSERT INTO open_orders
    SELECT account_id, venue_code, instrument, 'BOTH', 1, 0, 2, 0, 7 FROM positions LIMIT 1`);
  await run(`INSERT INTO open_order_versions SELECT account_id, instrument, side, 1, 1, 0, 2, 0, 7 FROM open_orders`);
  await run(`INSERT INTO switched_off_versions SELECT id, 2, '{BTC}' FROM accounts LIMIT 1`);
  await run('INSERT INTO reversals SELECT min(seq), max(seq) FROM fills');
});
afterAll(async () => {
  await close();
  await former.drop();
});

const run = (sql: string): Promise<number> => db.$executeRawUnsafe(sql);
const textsOf = async (sql: string): Promise<string[]> =>
  (await db.$queryRawUnsafe<{ text: string }[]>(`SELECT (${sql})::text AS text`)).map(({ text }) => text);
const contentOf = (table: string): Promise<string[]> =>
  textsOf(`SELECT jsonb_agg(to_jsonb(kept) ORDER BY to_jsonb(kept)::text) FROM ${table} AS kept`);

/** Adds a row that is there already, with a change. */
const insertLike = (table: string, change: object): Promise<number> =>
  run(`INSERT INTO ${table}
    SELECT (jsonb_populate_record(kept, '${JSON.stringify(change)}')).* FROM ${table} AS kept LIMIT 1`);

/** Each with a column that it has. */
const APPEND_ONLY: readonly [table: string, column: string][] = [
  ['ledger_entries', 'quantity'],
  ['transfers', 'quantity'],
  ['account_transfers', 'quantity'],
  ['reported_entries', 'quantity'],
  ['fills', 'price'],
  ['reversals', 'reversal_seq'],
  ['audit_entries', 'actor'],
  ['account_versions', 'version'],
  ['position_versions', 'version'],
  ['setting_versions', 'version'],
  ['switched_off_versions', 'version'],
  ['open_order_versions', 'version'],
  ['collateral_ratios', 'effective_from'],
  ['collateral_tiers', 'ratio'],
  ['margin_policies', 'effective_from'],
  ['interest_rules', 'hourly_rate'],
  ['auto_exchange_thresholds', 'balance'],
  ['maintenance_schedules', 'effective_from'],
  ['maintenance_tiers', 'maintenance_rate'],
];
const VERSIONED = ['collateral_ratios', 'margin_policies', 'maintenance_schedules'];

describe.each(APPEND_ONLY)('%s', (table, column) => {
  it.each([
    ['a change', `UPDATE ${table} SET ${column} = (SELECT max(${column}) FROM ${table})`],
    ['a deletion', `DELETE FROM ${table}`],
    ['emptying', `TRUNCATE ${table} CASCADE`],
  ])('refuses %s', async (_what, sql) => {
    const before = await contentOf(table);
    expect(before).not.toEqual(['[]']);
    await expect(run(sql)).rejects.toThrow('is append-only');
    expect(await contentOf(table)).toEqual(before);
  });
});

describe('the instants of a version', () => {
  const scheduled = `cancelled_at IS NULL AND applied_at IS NULL`;

  it('are set once, from null', async () => {
    const cancel = `UPDATE collateral_ratios SET cancelled_at = now(), cancelled_by = 'admin', cancel_reason = 'x'`;
    expect(await run(`${cancel} WHERE ${scheduled}`)).toBe(1);
    const before = await contentOf('collateral_ratios');
    for (const change of [
      `cancelled_at = now() + interval '1 hour'`,
      `cancelled_at = NULL`,
      `cancelled_by = 'another'`,
      `cancel_reason = NULL`,
    ]) {
      const sql = `UPDATE collateral_ratios SET ${change} WHERE cancelled_at IS NOT NULL`;
      await expect(run(sql)).rejects.toThrow('is set once');
    }
    for (const change of [`applied_at = now()`, `applied_at = NULL`]) {
      const sql = `UPDATE collateral_ratios SET ${change} WHERE applied_at IS NOT NULL`;
      await expect(run(sql)).rejects.toThrow('is set once');
    }
    expect(await contentOf('collateral_ratios')).toEqual(before);
  });

  it('cannot take another change with them', async () => {
    const sql = `UPDATE collateral_ratios SET cancelled_by = 'admin', reason = 'x' WHERE cancelled_by IS NULL`;
    await expect(run(sql)).rejects.toThrow('is append-only');
  });

  it('may be written again as they are', async () => {
    for (const table of VERSIONED) expect(await run(`UPDATE ${table} SET reason = reason`)).toBeGreaterThan(0);
  });
});

describe('the history of prices', () => {
  it.each(['price_rounds', 'price_changes'])('keeps the rows of %s outside of thinning', async (table) => {
    const before = await contentOf(table);
    expect(before).not.toEqual(['[]']);
    for (const sql of [
      `DELETE FROM ${table}`,
      `UPDATE ${table} SET at = at + interval '1 ms'`,
      `UPDATE ${table} SET ${table === 'price_rounds' ? 'seq = seq + 100' : 'price = price + 1'}`,
    ]) {
      await expect(run(sql)).rejects.toThrow('is refused');
    }
    await expect(run(`TRUNCATE ${table}`)).rejects.toThrow('is append-only');
    expect(await contentOf(table)).toEqual(before);
  });

  it('does not let a batch be taken back', async () => {
    await expect(run('UPDATE price_rounds SET taken = false WHERE taken')).rejects.toThrow('is refused');
  });

  it('may be dated back, where a clock was ahead', async () => {
    expect(await run(`UPDATE price_rounds SET at = at - interval '1 ms'`)).toBeGreaterThan(0);
    expect(await run(`UPDATE price_changes SET at = at - interval '1 ms'`)).toBeGreaterThan(0);
  });

  it('is thinned by the job, whose allowance ends with its transaction', async () => {
    const [before = ''] = await textsOf('SELECT count(*) FROM price_rounds');
    const now = new Date('2026-11-30T00:00:00Z');
    const { deleted } = await thinPrices(db, { now, fullMs: 0, after: 0n, limit: 500 });
    const [after = ''] = await textsOf('SELECT count(*) FROM price_rounds');
    expect(deleted).toBeGreaterThan(0);
    expect(Number(after)).toBeLessThan(Number(before));
    await expect(run('DELETE FROM price_rounds')).rejects.toThrow('is refused');
  });
});

describe('a number that nothing writes is refused', () => {
  it.each([
    ['accounts', 'version = -3'],
    ['positions', 'size = -1'],
    ['positions', 'cost = -1'],
    ['positions', 'isolated_margin = -0.1'],
    ['instrument_settings', 'leverage = 0'],
    ['open_orders', 'buy_size = -1'],
    ['open_orders', 'sequence = -1'],
    ['instruments', 'max_leverage = 0.5'],
    ['alert_rules', 'rearm_below = margin_ratio + 1'],
    ['index_quotes', 'price = 0'],
    ['index_prices', 'price = -1'],
    ['mark_prices', 'price = 0'],
    ['duty', 'id = 2'],
  ])('%s: %s', async (table, change) => {
    await expect(run(`UPDATE ${table} SET ${change}`)).rejects.toThrow(`${table}_check`);
  });

  it.each([
    ['account_versions', { version: 0 }],
    ['position_versions', { version: -3 }],
    ['position_versions', { size: -1 }],
    ['setting_versions', { leverage: 0 }],
    ['switched_off_versions', { version: 1 }],
    ['switched_off_versions', { version: 3, switched_off: [null] }],
    ['open_order_versions', { version: 2, sell_notional: -1 }],
    ['fills', { size: 0 }],
    ['ledger_entries', { quantity: 0 }],
    ['transfers', { quantity: 0 }],
    ['account_transfers', { transfer_id: 'y', quantity: 0 }],
    ['reversals', { reversed_seq: 2, reversal_seq: 1 }],
    ['reported_entries', { quantity: 0 }],
    ['reported_entries', { instrument: null, side: 'LONG' }],
    ['collateral_ratios', { version: 0 }],
    ['collateral_ratios', { user_cap: -1 }],
    ['collateral_tiers', { ratio: '1.1' }],
    ['collateral_tiers', { ratio: '-0.1' }],
    ['collateral_tiers', { floor: 5, cap: 5 }],
    ['collateral_tiers', { floor: -1 }],
    ['maintenance_schedules', { version: 0 }],
    ['maintenance_tiers', { maintenance_rate: 0 }],
    ['maintenance_tiers', { max_leverage: '0.5' }],
    ['margin_policies', { version: -1 }],
    ['margin_policies', { liquidation_fee_rate: '1.5' }],
    ['margin_policies', { warning_ratio: '0.9', margin_call_ratio: '0.8' }],
    ['interest_rules', { hourly_rate: '-0.1' }],
    ['auto_exchange_thresholds', { balance: 1 }],
    ['price_changes', { price: 0 }],
    ['price_rounds', { seq: 0 }],
  ])('%s: %j', async (table, change) => {
    await expect(insertLike(table, change)).rejects.toThrow(`${table}_check`);
  });
});

describe('what a version is of must be there', () => {
  const nobody = '00000000-0000-7000-8000-000000000000';
  it.each([
    ['account_versions', { account_id: nobody }],
    ['position_versions', { account_id: nobody }],
    ['setting_versions', { account_id: nobody }],
    ['switched_off_versions', { account_id: nobody }],
    ['open_order_versions', { account_id: nobody }],
    ['collateral_tiers', { ratio_id: nobody }],
    ['collateral_ratios', { id: nobody, ratio_key: 'x', asset_symbol: 'NONE' }],
    ['maintenance_schedules', { id: nobody, instrument: 'NONE' }],
    ['maintenance_tiers', { instrument: 'NONE' }],
    ['margin_policies', { id: nobody, venue_code: 'NONE' }],
    ['interest_rules', { version: 99 }],
    ['auto_exchange_thresholds', { version: 99 }],
  ])('%s: %j', async (table, change) => {
    await expect(insertLike(table, change)).rejects.toThrow('foreign key');
  });
});

/** All that mutations can change, in one value: equal before and after whatever was refused. */
import { expect } from '@jest/globals';

import type { Database } from '../../../src/platform/database/database.js';
import type { TestApp } from '../services/app.js';

export async function fingerprint(db: Database): Promise<unknown> {
  const [row] = await db.$queryRaw<object[]>`
    SELECT
      (SELECT count(*)::text FROM accounts) AS accounts,
      (SELECT coalesce(string_agg(id::text || ' ' || version, ',' ORDER BY id), '') FROM accounts) AS versions,
      (SELECT coalesce(string_agg(account_id || asset_symbol || quantity, ',' ORDER BY account_id, asset_symbol), '')
        FROM balances) AS balances,
      (SELECT coalesce(string_agg(account_id || instrument || side || size || ' ' || cost, ','
        ORDER BY account_id, instrument, side), '') FROM positions) AS positions,
      (SELECT coalesce(string_agg(account_id || instrument || side || buy_size || ' ' || sell_size || ' ' || sequence, ','
        ORDER BY account_id, instrument, side), '') FROM open_orders) AS orders,
      (SELECT count(*)::text FROM ledger_entries) AS entries,
      (SELECT count(*)::text FROM fills) AS fills,
      (SELECT count(*)::text FROM transfers) AS transfers,
      (SELECT count(*)::text FROM account_transfers) AS "accountTransfers",
      (SELECT count(*)::text FROM collateral_ratios) AS ratios,
      (SELECT count(*)::text FROM collateral_tiers) AS tiers,
      (SELECT count(cancelled_at)::text FROM collateral_ratios) AS cancelled,
      (SELECT count(*)::text FROM margin_policies) AS policies,
      (SELECT count(*)::text FROM maintenance_schedules) AS schedules,
      (SELECT count(*)::text FROM idempotency_keys) AS keys,
      (SELECT coalesce(string_agg(asset_symbol || source || price || at, ',' ORDER BY asset_symbol, source), '')
        FROM index_quotes) AS quotes,
      (SELECT coalesce(string_agg(venue_code || instrument || price || at, ',' ORDER BY venue_code, instrument), '')
        FROM mark_prices) AS marks`;
  return row;
}

/** What the work answers, after making sure that it has changed nothing. */
export async function unchanged<T>({ app }: TestApp, work: () => Promise<T>): Promise<T> {
  const before = await fingerprint(app.services.db);
  const answer = await work();
  expect(await fingerprint(app.services.db)).toEqual(before);
  return answer;
}

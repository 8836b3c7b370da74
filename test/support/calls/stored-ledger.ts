/** Whether what is stored agrees with itself, whatever has happened to the process that stored it. */
import { expect } from '@jest/globals';

import type { Database } from '../../../src/platform/database/database.js';

export interface Ledger {
  readonly fillIds: readonly string[];
  readonly transferIds: readonly string[];
  /** What does not agree, in words; empty: all of it does. */
  readonly faults: readonly string[];
}

/**
 * Balances against their ledger, positions against fills, each fill and transfer against its one entry, versions and
 * alerts against their numbers. Nothing is computed as the server does it: sums and counts, over all rows.
 */
export async function ledgerOf(db: Database): Promise<Ledger> {
  const fills = await db.fill.findMany({ select: { fillId: true } });
  const transfers = await db.transfer.findMany({ select: { transferId: true } });
  const faults = await db.$queryRaw<{ fault: string }[]>`
    WITH entry AS (
      SELECT *, SUM(quantity) OVER own AS total, LAG(at) OVER (PARTITION BY account_id ORDER BY seq) AS before
      FROM ledger_entries WINDOW own AS (PARTITION BY account_id, asset_symbol ORDER BY seq)
    ), paid AS (
      SELECT 'FEE' AS kind, account_id, fee_asset AS asset_symbol, fill_id AS reference, -fee AS quantity
      FROM fills WHERE fee <> 0
      UNION ALL
      SELECT CASE WHEN quantity > 0 THEN 'DEPOSIT' ELSE 'WITHDRAWAL' END, account_id, asset_symbol, transfer_id, quantity
      FROM transfers
    ), booked AS (
      SELECT kind::text, account_id, asset_symbol, reference, SUM(quantity) AS quantity, COUNT(*) AS entries
      FROM ledger_entries WHERE kind IN ('FEE', 'DEPOSIT', 'WITHDRAWAL')
      GROUP BY kind, account_id, asset_symbol, reference
    )
    SELECT format('%s %s holds %s, and its entries sum up to %s', account_id, asset_symbol, quantity, total) AS fault
    FROM balances FULL JOIN (
      SELECT account_id, asset_symbol, SUM(quantity) AS total FROM ledger_entries GROUP BY account_id, asset_symbol
    ) AS sums USING (account_id, asset_symbol)
    WHERE quantity IS DISTINCT FROM total
    UNION ALL
    SELECT format('entry %s says %s after it; the sum is %s', seq, balance_after, total)
    FROM entry WHERE balance_after <> total
    UNION ALL
    SELECT format('entry %s is of %s, and the one before it of %s', seq, at, before) FROM entry WHERE at < before
    UNION ALL
    SELECT format('%s %s has %s, and its fills sum up to %s', account_id, instrument, held, filled)
    FROM (
      SELECT account_id, instrument, SUM(CASE WHEN side = 'LONG' THEN size ELSE -size END) AS held
      FROM positions GROUP BY account_id, instrument
    ) AS position FULL JOIN (
      SELECT account_id, instrument, SUM(CASE WHEN side = 'BUY' THEN size ELSE -size END) AS filled
      FROM fills GROUP BY account_id, instrument
    ) AS fill USING (account_id, instrument)
    WHERE held IS DISTINCT FROM filled
    UNION ALL
    SELECT format('%s %s of %s %s is %s, and was booked as %s by %s entries', kind, reference, account_id, asset_symbol,
      paid.quantity, booked.quantity, COALESCE(entries, 0))
    FROM paid FULL JOIN booked USING (kind, account_id, asset_symbol, reference)
    WHERE paid.quantity IS DISTINCT FROM booked.quantity OR entries IS DISTINCT FROM 1
    UNION ALL
    SELECT format('the %s sides of trade %s at %s add up to %s', count(*), fill_id, venue_code,
      SUM(CASE WHEN side = 'BUY' THEN size ELSE -size END))
    FROM fills WHERE trade_part <> 'NONE' GROUP BY venue_code, fill_id
    HAVING count(*) <> 2 OR count(DISTINCT account_id) <> 2 OR SUM(CASE WHEN side = 'BUY' THEN size ELSE -size END) <> 0
    UNION ALL
    SELECT format('%s is at version %s, of which %s are kept, the last one of %s', id, accounts.version, kept, last)
    FROM accounts LEFT JOIN (
      SELECT account_id, COUNT(*) AS kept, MAX(version) AS newest, MAX(at) AS last FROM account_versions GROUP BY account_id
    ) AS version ON account_id = id
    WHERE (kept, newest, last) IS DISTINCT FROM (accounts.version, accounts.version, changed_at)
    UNION ALL
    SELECT format('alerts are %s, from %s to %s, and the duty has counted %s', alerts, first, last, last_alert)
    FROM duty, (
      SELECT COUNT(*) AS alerts, COALESCE(MIN(seq), 1) AS first, COALESCE(MAX(seq), 0) AS last FROM risk_alerts
    ) AS alert
    WHERE first <> 1 OR last <> alerts OR last_alert <> last`;
  return {
    fillIds: fills.map(({ fillId }) => fillId),
    transferIds: transfers.map(({ transferId }) => transferId),
    faults: faults.map(({ fault }) => fault),
  };
}

/** Everything agrees, and what was acknowledged is there. */
export async function expectLedger(db: Database, acknowledged: readonly string[]): Promise<void> {
  const { fillIds, faults } = await ledgerOf(db);
  expect(faults).toEqual([]);
  expect(acknowledged.filter((id) => !fillIds.includes(id))).toEqual([]);
}

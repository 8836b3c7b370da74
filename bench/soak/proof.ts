/** Shows that the checks can fail: each finds what is wrong in a copy of the database in which one thing was changed. */
import pg from 'pg';

import { openDatabase } from '../../src/platform/database/database.js';
import { runChecks, type CheckName, type Testimony } from './checks.js';
import type { Services } from './services.js';

interface Fault {
  readonly what: string;
  readonly check: CheckName;
  readonly sql: string;
}

const MIDDLE = `(SELECT seq FROM risk_alerts WHERE kind = 'STATUS_CHANGED' ORDER BY seq
  OFFSET (SELECT count(*) / 2 FROM risk_alerts WHERE kind = 'STATUS_CHANGED') LIMIT 1)`;

const FAULTS: readonly Fault[] = [
  { what: 'an alert that is missing', check: 'alerts', sql: `DELETE FROM risk_alerts WHERE seq = ${MIDDLE}` },
  {
    what: 'an alert of a wrong amount',
    check: 'alerts',
    sql: `UPDATE risk_alerts SET margin_balance = margin_balance + 0.01 WHERE seq = ${MIDDLE}`,
  },
  {
    what: 'an alert that is stored twice, in place of the next one',
    check: 'alerts',
    sql: `UPDATE risk_alerts AS next SET account_id = one.account_id, kind = one.kind, status = one.status, round = one.round,
        previous_status = one.previous_status, instrument = one.instrument, side = one.side, rule_id = one.rule_id,
        margin_balance = one.margin_balance, maintenance_margin = one.maintenance_margin
      FROM risk_alerts AS one WHERE one.seq = ${MIDDLE} AND next.seq =
        (SELECT min(seq) FROM risk_alerts WHERE seq > one.seq AND kind IN ('STATUS_CHANGED', 'RULE_FIRED'))`,
  },
  {
    what: 'a machine that has forgotten its alert',
    check: 'alerts',
    sql: `UPDATE soak_marks SET machines = '[]'
      WHERE id = (SELECT max(id) FROM soak_marks WHERE jsonb_array_length(machines) > 0)`,
  },
  {
    what: 'an alert that no client was sent',
    check: 'deliveries',
    sql: `INSERT INTO risk_alerts SELECT (jsonb_populate_record(last, jsonb_build_object('seq', seq + 1))).*
      FROM risk_alerts AS last ORDER BY seq DESC LIMIT 1`,
  },
  {
    what: 'an alert that clients were sent and that is gone',
    check: 'deliveries',
    sql: `DELETE FROM risk_alerts WHERE seq = ${MIDDLE}`,
  },
  {
    what: 'a withdrawal of a million more',
    check: 'withdrawals',
    sql: `UPDATE ledger_entries SET quantity = quantity - 1000000
      WHERE seq = (SELECT max(seq) FROM ledger_entries WHERE kind = 'WITHDRAWAL')`,
  },
  {
    what: 'collateral beyond the cap',
    check: 'caps',
    sql: `INSERT INTO balances SELECT id, 'BTC', 1 FROM accounts WHERE collateral_mode = 'MULTI_ASSET'
      ON CONFLICT (account_id, asset_symbol) DO UPDATE SET quantity = 1`,
  },
  {
    what: 'an entry that is booked twice',
    check: 'ledger',
    sql: `INSERT INTO ledger_entries (account_id, asset_symbol, quantity, balance_after, kind, reference, at)
      SELECT account_id, asset_symbol, quantity, balance_after + quantity, kind, reference || ' again', at
      FROM ledger_entries WHERE kind = 'FUNDING' ORDER BY seq DESC LIMIT 1`,
  },
  {
    what: 'a fill at another price',
    check: 'ledger',
    sql: 'UPDATE fills SET price = price + 0.01 WHERE seq = (SELECT max(seq) FROM fills)',
  },
  {
    what: 'a position of another cost',
    check: 'ledger',
    sql: `UPDATE positions SET cost = cost + 0.01 WHERE (account_id, instrument, side) =
      (SELECT account_id, instrument, side FROM positions WHERE size > 0 LIMIT 1)`,
  },
  {
    what: 'an exchange that makes money',
    check: 'ledger',
    sql: `UPDATE ledger_entries SET quantity = quantity + 0.01
      WHERE seq = (SELECT max(seq) FROM ledger_entries WHERE kind = 'AUTO_EXCHANGE' AND asset_symbol = 'USDT')`,
  },
  {
    what: 'an exchange that costs less',
    check: 'ledger',
    // What is sold stays the same.
    sql: `WITH cost AS (SELECT * FROM ledger_entries WHERE kind = 'EXCHANGE_COST' ORDER BY seq DESC LIMIT 1),
      sale AS (SELECT max(sold.seq) AS seq FROM ledger_entries AS sold JOIN cost USING (account_id, asset_symbol)
        WHERE sold.kind = 'AUTO_EXCHANGE' AND sold.seq < cost.seq)
      UPDATE ledger_entries
      SET quantity = quantity + CASE kind WHEN 'EXCHANGE_COST' THEN 0.000000001 ELSE -0.000000001 END,
        balance_after = balance_after - CASE kind WHEN 'EXCHANGE_COST' THEN 0 ELSE 0.000000001 END
      WHERE seq IN (SELECT seq FROM cost UNION ALL SELECT seq FROM sale)`,
  },
  {
    what: 'a transfer of another quantity',
    check: 'facts',
    sql: `UPDATE transfers SET quantity = quantity + 1 WHERE transfer_id = (SELECT min(transfer_id) FROM transfers)`,
  },
  {
    what: 'a side of a trade that is gone',
    check: 'ledger',
    sql: `DELETE FROM fills WHERE seq = (SELECT max(seq) FROM fills WHERE trade_part = 'SELLER')`,
  },
  {
    what: 'a reversal of one side of a trade',
    check: 'ledger',
    sql: `INSERT INTO reversals SELECT min(seq), max(seq) FROM fills
      WHERE trade_part = 'BUYER' AND seq NOT IN (SELECT reversed_seq FROM reversals)`,
  },
  {
    what: 'a transfer between accounts of another quantity',
    check: 'facts',
    sql: `UPDATE account_transfers SET quantity = quantity + 1
      WHERE transfer_id = (SELECT min(transfer_id) FROM account_transfers)`,
  },
  {
    what: 'a fill that is gone',
    check: 'facts',
    sql: 'DELETE FROM fills WHERE seq = (SELECT min(seq) FROM fills)',
  },
];

/** What each check says of its fault, a line each; and the faults that were not found. The servers must be gone. */
export async function prove(
  services: Services,
  testimony: Testimony,
  dataDir: string,
): Promise<{ readonly found: readonly string[]; readonly missed: readonly string[] }> {
  const found: string[] = [];
  const missed: string[] = [];
  for (const { what, check, sql } of FAULTS) {
    const url = await services.copy();
    const opened = await openDatabase({ url, dataDir, poolSize: 2 });
    const pool = new pg.Pool({ connectionString: url, max: 2 });
    try {
      await pool.query(`SET session_replication_role = replica; ${sql}`);
      const { problems } = await runChecks(opened.db, pool, testimony, [check]);
      if (problems.length === 0) missed.push(`The check of ${check} does not find ${what}.`);
      else found.push(`${what}: ${String(problems[0]).slice(0, 160)}`);
    } finally {
      await pool.end();
      await opened.close();
    }
  }
  return { found, missed };
}

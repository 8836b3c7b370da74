/** What came in and what went out, fact by fact, is what the entries and balances add up to; each fact once. */
import { ZERO, decimal } from '../../src/margin/decimal.js';
import { contentOf, type FactKind, type Facts } from './facts.js';
import type { Stored } from './stored.js';

/** Each yields no row. */
const NONE = {
  'Balances that are not the sum of their entries': `
    SELECT b.account_id, b.asset_symbol, b.quantity, e.sum FROM balances b
    LEFT JOIN (SELECT account_id, asset_symbol, sum(quantity) FROM ledger_entries GROUP BY 1, 2) e
    USING (account_id, asset_symbol) WHERE b.quantity <> COALESCE(e.sum, 0)`,
  'Entries that do not follow from the one before': `
    SELECT seq FROM (
      SELECT seq, quantity, balance_after,
        COALESCE(lag(balance_after) OVER (PARTITION BY account_id, asset_symbol ORDER BY seq), 0) AS before
      FROM ledger_entries) AS e
    WHERE balance_after <> before + quantity`,
  'References that were booked twice': `
    SELECT account_id, kind, reference, count(*) FROM ledger_entries
    WHERE kind IN ('DEPOSIT', 'WITHDRAWAL', 'TRANSFER', 'FUNDING', 'FEE', 'REALIZED_PNL') GROUP BY 1, 2, 3 HAVING count(*) > 1`,
  'Trades of which a side is missing, or whose sizes do not add up to 0': `
    SELECT venue_code, fill_id FROM fills WHERE trade_part <> 'NONE' GROUP BY 1, 2
    HAVING count(*) <> 2 OR sum(CASE side WHEN 'BUY' THEN size ELSE -size END) <> 0`,
  'Trades of which one side alone was reversed': `
    SELECT venue_code, fill_id FROM fills LEFT JOIN reversals ON reversed_seq = seq
    WHERE trade_part <> 'NONE' GROUP BY 1, 2 HAVING count(reversal_seq) = 1`,
  'Interest that was booked twice': `
    SELECT account_id, asset_symbol, reference FROM ledger_entries
    WHERE kind = 'INTEREST' GROUP BY 1, 2, 3 HAVING count(*) > 1`,
  'Costs of exchanges that are not their part of what was sold just before': `
    SELECT seq FROM (
      SELECT seq, kind, asset_symbol, quantity, lag(kind) OVER each AS kind_before, lag(quantity) OVER each AS before
      FROM ledger_entries WINDOW each AS (PARTITION BY account_id, asset_symbol ORDER BY seq)) AS e
    WHERE kind = 'EXCHANGE_COST' AND (kind_before IS DISTINCT FROM 'AUTO_EXCHANGE'
      OR -quantity <> trunc(-(quantity + before) * CASE asset_symbol WHEN 'BTC' THEN 0.03 ELSE 0.08 END, 18))`,
  'Insurance that was taken from a client, or interest that was paid to one': `
    SELECT seq FROM ledger_entries WHERE kind = 'INSURANCE' AND quantity < 0 OR kind = 'INTEREST' AND quantity > 0`,
} as const;

/**
 * By account, asset and kind: what facts, positions and margin set aside say that the entries of that kind add up to.
 * Realised PnL is what was received for all that was sold, less what was paid for all that was bought, and the cost of
 * what is still held.
 */
const DUE = `
  SELECT account_id, asset_symbol AS asset, 'TRANSFERS' AS kind, sum(quantity) AS due FROM transfers GROUP BY 1, 2
  UNION ALL SELECT account_id, asset_symbol, 'TRANSFER', sum(quantity) FROM (
    SELECT from_account_id AS account_id, asset_symbol, -quantity AS quantity FROM account_transfers
    UNION ALL SELECT to_account_id, asset_symbol, quantity FROM account_transfers
  ) AS ends GROUP BY 1, 2
  UNION ALL SELECT account_id, asset_symbol, kind::text, sum(quantity) FROM reported_entries GROUP BY 1, 2, 3
  UNION ALL SELECT account_id, fee_asset, 'FEE', -sum(fee) FROM fills GROUP BY 1, 2
  UNION ALL SELECT account_id, 'USDT', 'MARGIN_ADJUSTMENT', -sum(isolated_margin) FROM positions GROUP BY 1
  UNION ALL SELECT account_id, 'USDT', 'REALIZED_PNL', sum(received) FROM (
    SELECT account_id, CASE side WHEN 'SELL' THEN size * price ELSE -size * price END AS received FROM fills
    UNION ALL SELECT account_id, CASE side WHEN 'LONG' THEN cost ELSE -cost END FROM positions
  ) AS trades GROUP BY 1`;

/** These follow from prices and rules, and are looked at by themselves; withdrawals are facts of their own. */
const BOOKED = `
  SELECT account_id, asset_symbol AS asset, sum(quantity) AS booked,
    CASE WHEN kind IN ('DEPOSIT', 'WITHDRAWAL') THEN 'TRANSFERS' ELSE kind::text END AS kind
  FROM ledger_entries
  WHERE kind NOT IN ('AUTO_EXCHANGE', 'EXCHANGE_COST', 'INTEREST', 'INSURANCE') AND reference NOT LIKE 'withdrawal:%' GROUP BY 1, 2, 4`;

export async function checkLedger(
  stored: Stored,
  facts: Facts,
  counts: { entries: number; exchanges: number },
): Promise<string[]> {
  const problems: string[] = [];
  const expectNone = async (what: string, sql: string): Promise<void> => {
    const rows = await stored.rows(sql);
    if (rows.length > 0) problems.push(`${what}: ${JSON.stringify(rows.slice(0, 3))}`);
  };
  for (const [what, sql] of Object.entries(NONE)) await expectNone(what, sql);
  await expectNone(
    'Entries that are not what came in and went out',
    `SELECT * FROM (${DUE}) AS due FULL JOIN (${BOOKED}) AS booked USING (account_id, asset, kind)
     WHERE COALESCE(due, 0) <> COALESCE(booked, 0)`,
  );
  problems.push(...(await exchanges(stored, facts, counts)));
  const [row] = await stored.rows<{ count: string }>('SELECT count(*) FROM ledger_entries');
  counts.entries += Number(row?.count);
  return problems;
}

type Asset = 'USDT' | 'BTC' | 'ETH';

/** Past this, an exchange has made or lost money: of quantities with 18 digits, at prices of tens of thousands. */
const ROUNDING = decimal('0.000000000001');

/** What an exchange sold, without its cost, is worth what it bought, at prices that the venue sent about then. */
async function exchanges(stored: Stored, facts: Facts, counts: { exchanges: number }): Promise<string[]> {
  const found = await stored.rows<{ id: string; reference: string; at: Date; entries: [Asset, string][] }>(
    `SELECT account_id AS id, reference, max(at) AS at, json_agg(json_build_array(asset_symbol, quantity::text)) AS entries
     FROM ledger_entries WHERE kind = 'AUTO_EXCHANGE' GROUP BY account_id, reference`,
  );
  counts.exchanges += found.length;
  return found.flatMap(({ id, reference, at, entries }) => {
    const isEven = facts.pricesAbout(at).some(({ BTC, ETH }) => {
      const prices = { USDT: '1', BTC, ETH };
      const wealth = entries.reduce((sum, [asset, quantity]) => sum.plus(decimal(quantity).times(prices[asset])), ZERO);
      return wealth.abs().lt(ROUNDING);
    });
    return isEven ? [] : [`The exchange ${reference} of ${id} changes its wealth: ${JSON.stringify(entries)}.`];
  });
}

/** By kind: rows of a fact, whose content is written as the venue's books do. */
const FACTS: Readonly<Record<Exclude<FactKind, 'withdrawal'>, string>> = {
  transfer: `SELECT transfer_id AS id, ARRAY[account_id::text, asset_symbol, quantity::text] AS parts FROM transfers`,
  entry: `SELECT entry_id AS id, ARRAY[account_id::text, asset_symbol, kind::text, quantity::text] AS parts
    FROM reported_entries`,
  accountTransfer: `SELECT transfer_id AS id,
    ARRAY[from_account_id::text, to_account_id::text, asset_symbol, quantity::text] AS parts FROM account_transfers`,
  fill: `SELECT fill_id AS id,
    ARRAY[account_id::text, instrument, side::text, size::text, price::text, fee::text] AS parts
    FROM fills WHERE trade_part = 'NONE' AND kind <> 'REVERSAL'`,
  trade: `SELECT fill_id AS id, ARRAY[buyer.account_id::text, seller.account_id::text, buyer.instrument, buyer.size::text,
      buyer.price::text, buyer.fee::text, seller.fee::text] AS parts
    FROM fills AS buyer JOIN fills AS seller USING (venue_code, fill_id)
    WHERE buyer.trade_part = 'BUYER' AND seller.trade_part = 'SELLER' AND buyer.kind <> 'REVERSAL'`,
  reversal: `SELECT DISTINCT reversal.fill_id AS id,
      ARRAY[CASE reversed.trade_part WHEN 'NONE' THEN 'fill' ELSE 'trade' END, reversed.fill_id] AS parts
    FROM reversals JOIN fills AS reversal ON reversal.seq = reversal_seq JOIN fills AS reversed ON reversed.seq = reversed_seq`,
};
const WITHDRAWALS = `SELECT NULL AS id, ARRAY[account_id::text, asset_symbol, (-quantity)::text] AS parts
  FROM ledger_entries WHERE kind = 'WITHDRAWAL' AND reference LIKE 'withdrawal:%'`;

/** All that is stored was sent so, and once; and all that was acknowledged is stored, but what a failover has lost. */
export async function checkFacts(stored: Stored, facts: Facts, counts: { facts: number }): Promise<string[]> {
  const problems: string[] = [];
  const found = new Set<string>();
  for (const [kind, sql] of Object.entries({ ...FACTS, withdrawal: WITHDRAWALS }) as [FactKind, string][]) {
    for (const { id, parts } of await stored.rows<{ id: string | null; parts: string[] }>(sql)) {
      const content = contentOf(...parts);
      const key = id ?? content;
      if (facts.contentOf(kind, key) !== content) problems.push(`The ${kind} ${key} was not sent so: ${content}.`);
      if (found.has(`${kind} ${key}`)) problems.push(`The ${kind} ${key} is stored twice.`);
      found.add(`${kind} ${key}`);
    }
  }
  const kept = facts.lasting;
  counts.facts += kept.length;
  const missing = kept.filter(({ kind, id }) => !found.has(`${kind} ${id}`));
  if (missing.length > 0) {
    problems.push(
      `${missing.length} facts were acknowledged and are not there, such as ${JSON.stringify(missing[0])}.`,
    );
  }
  return problems;
}

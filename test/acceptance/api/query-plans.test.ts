/**
 * What the API asks of a database with 100,000 accounts is found by indexes. The statements are those that the server
 * sends, explained with their own parameters; PGlite is not asked, since it would be filled for longer than the suite runs.
 */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from '@jest/globals';
import pg from 'pg';

import { globalId } from '../../../src/api/types/global-id.js';
import { auditLog, govern } from '../../support/calls/admin-calls.js';
import { call } from '../../support/calls/trader-calls.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { SERVER_URL } from '../../support/services/database.js';

const ACCOUNTS = 100_000;
const OWNERS = 1_000;
const GUARDED = new Set(['accounts', 'balances', 'positions', 'ledger_entries', 'risk_alerts', 'fills']);

/** What looks at every account by its nature. */
const EXCEPTIONS: readonly { readonly what: string; readonly sql: RegExp }[] = [
  { what: 'the total of accounts', sql: /^\s*SELECT count\(\*\)/i },
  {
    what: "the use of a platform's cap, a sum over all who hold the asset",
    sql: /LEAST\(balances\.quantity, ratio\.cap\)/,
  },
];

const idOf = (number: number): string => `00000000-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;

let app: TestApp;
let client: pg.Client;
let service: Api;
let admin: Api;
let trader: Api;
const uuid = idOf(500);
const account = globalId('Account', uuid);

/** Half of them in single-asset mode at BITGET, half at ASTER; each has two balances, a position, a fill and an alert. */
async function insertAccounts(): Promise<void> {
  const one = `('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid`;
  const all = `FROM generate_series(0, ${ACCOUNTS} - 1) AS n`;
  const venue = `CASE n % 2 WHEN 0 THEN 'BITGET' ELSE 'ASTER' END`;
  // Rows that fit together need no foreign keys to say so: half of the time.
  await client.query(`SET session_replication_role = replica`);
  for (const sql of [
    `INSERT INTO accounts (id, name, owner, venue_code, chain_code, collateral_mode, position_mode, opened_at)
        SELECT ${one}, 'Account ' || n, 't' || n % ${OWNERS}, ${venue}, CASE n % 2 WHEN 1 THEN 'BNB_CHAIN' END,
          'MULTI_ASSET', 'ONE_WAY', now() - interval '1 minute' ${all}`,
    `INSERT INTO account_versions (account_id, version, at, collateral_mode, position_mode)
        SELECT ${one}, 1, now() - interval '1 minute', 'MULTI_ASSET', 'ONE_WAY' ${all}`,
    `INSERT INTO balances SELECT ${one}, asset, 1000 ${all} CROSS JOIN (VALUES ('USDT'), ('BTC')) AS held (asset)`,
    `INSERT INTO positions SELECT ${one}, ${venue}, 'BTCUSDT', 'LONG', 0.01, 500, 0 ${all}`,
    `INSERT INTO position_versions SELECT ${one}, 'BTCUSDT', 'LONG', 1, 0.01, 500, 0 ${all}`,
    `INSERT INTO ledger_entries (account_id, asset_symbol, quantity, balance_after, kind, reference, at)
        SELECT ${one}, asset, 1000, 1000, 'DEPOSIT', 'deposit', now() - interval '1 minute'
        ${all} CROSS JOIN (VALUES ('USDT'), ('BTC')) AS held (asset)`,
    `INSERT INTO fills (venue_code, fill_id, account_id, instrument, side, size, price, fee, realized_pnl, at, recorded_at)
        SELECT ${venue}, 'fill ' || n, ${one}, 'BTCUSDT', 'BUY', 0.01, 50000, 0, 0, now(), now() ${all}`,
    `INSERT INTO risk_alerts (seq, account_id, kind, status, margin_balance, maintenance_margin, at)
        SELECT n + 1, ${one}, 'STATUS_CHANGED', 'WARNING', 1, 1, now() ${all}`,
    `UPDATE duty SET last_alert = ${ACCOUNTS}, term = term + 1`,
    'SET session_replication_role = DEFAULT',
    'ANALYZE',
  ]) {
    await client.query(sql);
  }
}

beforeAll(async () => {
  if (SERVER_URL === null) return;
  app = await startTestApp();
  await app.app.services.loop.idle();
  client = new pg.Client({ connectionString: app.database.env.DATABASE_URL });
  await client.connect();
  await insertAccounts();
  [service, admin, trader] = await Promise.all([
    app.as('venue', 'SERVICE'),
    app.as('admin', 'ADMIN'),
    app.as('t500', 'TRADER'),
  ]);
});

afterAll(async () => {
  if (SERVER_URL === null) return;
  await client.end();
  await app.close();
});

interface Plan {
  readonly 'Node Type': string;
  readonly 'Relation Name'?: string;
  readonly Plans?: readonly Plan[];
}

function scanned(plan: Plan): string[] {
  const name = plan['Relation Name'] ?? '';
  const own = plan['Node Type'] === 'Seq Scan' && GUARDED.has(name) ? [name] : [];
  return [...own, ...(plan.Plans ?? []).flatMap(scanned)];
}

/** The statements that would read one of the tables from end to end. */
async function scansOf(statements: TestApp['executed']): Promise<string[]> {
  const found: string[] = [];
  for (const { sql, parameters } of statements) {
    if (!/\b(SELECT|INSERT|UPDATE|DELETE)\b/.test(sql)) continue;
    if (EXCEPTIONS.some((exception) => exception.sql.test(sql.trim()))) continue;
    const { rows } = await client.query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
      `EXPLAIN (FORMAT JSON) ${sql}`,
      JSON.parse(parameters) as unknown[],
    );
    const tables = rows.flatMap((row) => scanned(row['QUERY PLAN'][0].Plan));
    if (tables.length > 0) found.push(`${[...new Set(tables)].join()}: ${sql.replace(/\s+/g, ' ')}`);
  }
  return found;
}

const ACCOUNT = `id name version venue { code } balances { asset { symbol } quantity } positions { id size }
  margin { marginRatio collateral { collateralRatio { platformUsed } } }
  ledger(first: 5) { nodes { kind } } ofBtc: ledger(first: 5, asset: "BTC") { nodes { kind } }
  fills(first: 5) { nodes { size } } ofEth: fills(first: 5, instrument: "ETHUSDT") { nodes { size } }
  alertRules { marginRatio } alerts(first: 5) { nodes { kind account { name } } }`;

const SET_RULE = `mutation ($id: ID!) { setAlertRule(input: { accountId: $id, marginRatio: "0.5" }) { errors { code } } }`;
const PAST = 'query ($id: ID!, $at: DateTime!) { account(id: $id) { marginAt(at: $at) { reason } } }';

/** What is asked, and of whom. */
const QUESTIONS: readonly [what: string, ask: () => Promise<unknown>][] = [
  ['an account', () => trader.ask(`query ($id: ID!) { account(id: $id) { ${ACCOUNT} } }`, { id: account })],
  ['an account by its external id', () => admin.ask('{ account(externalId: "x", venue: "BITGET") { id } }')],
  ["a trader's accounts", () => trader.ask(`{ viewer { accounts(first: 20) { totalCount nodes { ${ACCOUNT} } } } }`)],
  ...['', 'orderBy: NAME', 'where: { venue: "ASTER" }', 'where: { venue: "ASTER", chain: "BNB_CHAIN" }'].map(page),
  ...['where: { owner: "t7" }', 'where: { name: "Account 77" }', 'where: { asset: "LISTA" }'].map(page),
  ['some nodes', () => admin.ask(`query ($ids: [ID!]!) { nodes(ids: $ids) { id } }`, { ids: [account] })],
  ["a trader's alerts", () => trader.ask('{ riskAlerts(first: 20) { nodes { kind account { name } } } }')],
  ['all alerts', () => admin.ask('{ riskAlerts(first: 20) { nodes { kind } } }')],
  ['alerts of a kind', () => trader.ask('{ riskAlerts(first: 9, kinds: [RULE_FIRED]) { nodes { kind } } }')],
  ['the audit', () => auditLog(admin)],
  ['transfers', () => recordTransfers(service, transfer(account, 'USDT', '5'))],
  ['fills', () => recordFills(service, fill(account, 'BTCUSDT', 'BUY', '0.01', '50000'))],
  ['a withdrawal', () => call(trader, 'withdraw', { accountId: account, asset: 'USDT', quantity: '1' })],
  ['a leverage', () => call(trader, 'setLeverage', { accountId: account, instrument: 'BTCUSDT', leverage: '5' })],
  ['a mode', () => call(trader, 'setCollateralMode', { accountId: account, collateralMode: 'SINGLE_ASSET' })],
  ['its alert rule', () => trader.ask(SET_RULE, { id: account })],
  ['its past', () => trader.ask(PAST, { id: account, at: new Date(Date.now() - 1_000).toISOString() })],
  ['a new account', () => openAccount(service)],
  ['a new account with an external id', () => openAccount(service, { externalId: 'new' })],
  ['the same once more', () => openAccount(service, { externalId: 'new' })],
  [
    'a change of a ratio',
    () =>
      govern(admin, 'changeCollateralRatio', {
        ...{ venue: 'ASTER', chain: 'BNB_CHAIN', asset: 'LISTA', expectedVersion: 2, force: true },
        tiers: [{ floor: '0', cap: null, ratio: '0.09' }],
      }),
  ],
];

function page(choice: string): [what: string, ask: () => Promise<unknown>] {
  const of = choice === '' ? '' : `, ${choice}`;
  return [
    `a page of accounts${of}`,
    async () => {
      const query = `query ($after: String) { accounts(first: 20${of}, after: $after) {
        totalCount nodes { id } pageInfo { endCursor } } }`;
      const found = await admin.ask<{ accounts: { pageInfo: { endCursor: string | null } } }>(query);
      return admin.ask(query, { after: found.accounts.pageInfo.endCursor });
    },
  ];
}

(SERVER_URL === null ? describe.skip : describe)('on PostgreSQL (with TEST_DATABASE_URL)', () => {
  beforeEach(() => publishPrices(service, { BTC: '50000', 'BITGET/BTCUSDT': '50000' }));

  it.each(QUESTIONS)('%s', async (_what, ask) => {
    app.executed.length = 0;
    const answer = await ask();
    // A mutation that was refused would show less than it does.
    if (typeof answer === 'object' && answer !== null && 'errors' in answer) expect(answer.errors).toEqual([]);
    const statements = [...app.executed];
    expect(statements.length).toBeGreaterThan(0);
    expect(await scansOf(statements)).toEqual([]);
  });

  it('finds a statement that reads a table from end to end', async () => {
    const sql = 'SELECT * FROM accounts WHERE owner <> $1';
    expect(await scansOf([{ sql, parameters: '["nobody"]' }])).toEqual([`accounts: ${sql}`]);
  });
});

/** The number of SQL statements of a query does not grow with the number of accounts in it. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { uuidOf } from '../../support/calls/global-ids.js';
import { storeAlerts } from '../../support/calls/stored-alerts.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

const QUERY = `query ($first: Int!) {
  accounts(first: $first, where: { venue: "BITGET" }) {
    totalCount
    nodes {
      id name status version
      venue { code policy { version } }
      balances { asset { symbol indexPrice { price } } quantity value }
      ledger(first: 3) { nodes { kind balanceAfter } pageInfo { hasNextPage } }
      fills(first: 1, instrument: "ETHUSDT") { nodes { size } pageInfo { hasNextPage } }
      alertRules { marginRatio }
      alerts(first: 2) {
        nodes { cursor kind account { name } instrument { symbol } position { size } rule { rearmBelow } ledgerEntries { quantity } }
        pageInfo { hasNextPage }
      }
      positions { id side size notional unrealizedPnl initialMargin marginRatio instrument { symbol markPrice { price } } }
      margin {
        marginRatio healthFactor
        collateral { asset { symbol } collateralValue tiers { ratio value } collateralRatio { version platformUsed } }
      }
    }
  }
}`;

interface Answered {
  readonly margin: { readonly collateral: readonly object[] };
  readonly alerts: { readonly nodes: readonly { rule: object | null; ledgerEntries: readonly object[] }[] };
}

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
  const ids = await Promise.all(
    Array.from({ length: 100 }, (_, index) =>
      openAccount(service, { name: `Account ${index}`, owner: `t${index % 9}` }),
    ),
  );
  await publishPrices(service, { BTC: '20000' });
  await recordTransfers(service, ...ids.flatMap((id) => [transfer(id, 'BTC', '1'), transfer(id, 'USDT', '500')]));
  await recordFills(
    service,
    ...ids.flatMap((id) => [fill(id, 'BTCUSDT', 'BUY', '2', '20000'), fill(id, 'ETHUSDT', 'SELL', '5', '1500')]),
  );
  await publishPrices(service, { BTC: '20000', 'BITGET/BTCUSDT': '20000', 'BITGET/ETHUSDT': '1500' });
  // What is alerted of them meanwhile comes first.
  await app.app.services.loop.idle();
  await storeAlertsOf(ids.map(uuidOf));
  await app.app.services.loop.idle();
});

afterAll(() => app.close());

/** Three alerts an account, each with what it may refer to. */
async function storeAlertsOf(ids: string[]): Promise<void> {
  const { db } = app.app.services;
  await db.$executeRaw`
    INSERT INTO alert_rules (id, account_id, margin_ratio, rearm_below)
    SELECT gen_random_uuid(), id::uuid, 0.6, 0.5 FROM unnest(${ids}::text[]) AS id`;
  const first = (await storeAlerts(db, [...ids, ...ids, ...ids], { instrument: 'BTCUSDT', side: 'LONG' })) - 299n;
  await db.$executeRaw`
    UPDATE risk_alerts SET rule_id = (SELECT id FROM alert_rules WHERE account_id = risk_alerts.account_id),
      entries = ARRAY(SELECT seq FROM ledger_entries WHERE account_id = risk_alerts.account_id ORDER BY seq LIMIT 2)
    WHERE seq >= ${first}`;
}

/** What the server reads by itself beside other processes: the outbox, price batches, rules, the leader's row. */
const BY_ITSELF =
  /^(BEGIN|COMMIT)|\b(outbox|price_rounds|duty|applied_at|histories|pg_current_snapshot|written_by|clock_timestamp|hashtextextended|account_versions)\b/;

/** Of some runs the one with the fewest statements: what it begins by itself may come between, too. */
async function fewest(run: () => Promise<string[]>): Promise<string[]> {
  const runs = [await run(), await run(), await run()];
  return runs.reduce((least, each) => (each.length < least.length ? each : least));
}

async function statementsOf(first: number): Promise<string[]> {
  // None was asked for lately.
  app.app.services.hotAccounts.clear();
  app.statements.length = 0;
  const { accounts } = await service.ask<{ accounts: { nodes: Answered[] } }>(QUERY, {
    first,
  });
  expect(accounts.nodes).toHaveLength(first);
  expect(accounts.nodes.every(({ margin }) => margin.collateral.length === 2)).toBe(true);
  const alerts = accounts.nodes.flatMap((account) => account.alerts.nodes);
  expect(alerts).toHaveLength(2 * first);
  expect(alerts.every(({ rule, ledgerEntries }) => rule !== null && ledgerEntries.length === 2)).toBe(true);
  return app.statements.filter((sql) => !BY_ITSELF.test(sql));
}

it('is the same for 100 accounts as for one', async () => {
  const one = await fewest(() => statementsOf(1));
  const hundred = await fewest(() => statementsOf(100));
  expect(hundred).toHaveLength(one.length);
  // The page, its total, what the accounts hold, what is used of the platform's caps; two each for entries and fills; alerts,
  // their rules and entries, and the rules of the accounts.
  expect(one).toHaveLength(12);
});

it('is the same for 100 nodes as for one', async () => {
  const { accounts } = await service.ask<{ accounts: { nodes: { id: string }[] } }>(
    '{ accounts(first: 100) { nodes { id } } }',
  );
  const read = async (ids: string[]): Promise<string[]> => {
    app.app.services.hotAccounts.clear();
    app.statements.length = 0;
    await service.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Account { margin { marginRatio } } } }', {
      ids,
    });
    return app.statements.filter((sql) => !BY_ITSELF.test(sql));
  };
  const ids = accounts.nodes.map(({ id }) => id);
  const one = await fewest(() => read(ids.slice(0, 1)));
  expect(await fewest(() => read(ids))).toHaveLength(one.length);
});

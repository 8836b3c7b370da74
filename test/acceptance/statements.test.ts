/** The number of SQL statements of a query does not grow with the number of accounts in it. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import type { Api } from '../support/api.js';
import { startTestApp, type TestApp } from '../support/app.js';
import { fill, openAccount, publishPrices, recordFills, recordTransfers, transfer } from '../support/venue-system.js';

const QUERY = `query ($first: Int!) {
  accounts(first: $first, where: { venue: "BITGET" }) {
    totalCount
    nodes {
      id name status version
      venue { code policy { version } }
      balances { asset { symbol indexPrice { price } } quantity value }
      ledger(first: 3) { nodes { kind balanceAfter } pageInfo { hasNextPage } }
      fills(first: 1, instrument: "ETHUSDT") { nodes { size } pageInfo { hasNextPage } }
      positions { id side size notional unrealizedPnl initialMargin marginRatio instrument { symbol markPrice { price } } }
      margin {
        marginRatio healthFactor
        collateral { asset { symbol } collateralValue tiers { ratio value } collateralRatio { version platformUsed } }
      }
    }
  }
}`;

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
  await recordTransfers(service, ...ids.flatMap((id) => [transfer(id, 'BTC', '1'), transfer(id, 'USDT', '500')]));
  await recordFills(
    service,
    ...ids.flatMap((id) => [fill(id, 'BTCUSDT', 'BUY', '2', '20000'), fill(id, 'ETHUSDT', 'SELL', '5', '1500')]),
  );
  await publishPrices(service, { BTC: '20000', 'BITGET/BTCUSDT': '20000', 'BITGET/ETHUSDT': '1500' });
});

afterAll(() => app.close());

async function statementsOf(first: number): Promise<string[]> {
  app.statements.length = 0;
  const { accounts } = await service.ask<{ accounts: { nodes: { margin: { collateral: object[] } }[] } }>(QUERY, {
    first,
  });
  expect(accounts.nodes).toHaveLength(first);
  expect(accounts.nodes.every(({ margin }) => margin.collateral.length === 2)).toBe(true);
  return app.statements.filter((sql) => !/^(BEGIN|COMMIT)/.test(sql));
}

it('is the same for 100 accounts as for one', async () => {
  const one = await statementsOf(1);
  const hundred = await statementsOf(100);
  expect(hundred).toHaveLength(one.length);
  // The page, its total, what the accounts hold, what is used of the platform's caps; two each for entries and fills.
  expect(one).toHaveLength(8);
});

it('is the same for 100 nodes as for one', async () => {
  const { accounts } = await service.ask<{ accounts: { nodes: { id: string }[] } }>(
    '{ accounts(first: 100) { nodes { id } } }',
  );
  const read = async (ids: string[]): Promise<number> => {
    app.statements.length = 0;
    await service.ask('query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Account { margin { marginRatio } } } }', {
      ids,
    });
    return app.statements.length;
  };
  const ids = accounts.nodes.map(({ id }) => id);
  expect(await read(ids)).toBe(await read(ids.slice(0, 1)));
});

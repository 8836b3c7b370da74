/**
 * Fills and transfers that arrive many times and at once: each is taken once, and every balance is the sum of its
 * entries.
 */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

let app: TestApp;
let service: Api;

beforeAll(async () => {
  app = await startTestApp();
  service = await app.as('venue', 'SERVICE');
});

afterAll(() => app.close());

interface Ledger {
  readonly differences: number;
  readonly entries: number;
}

/** How many balances differ from the sum of their ledger entries. */
async function books(): Promise<Ledger> {
  const [row] = await app.app.services.db.$queryRaw<Ledger[]>`
    SELECT COUNT(*) FILTER (WHERE balances.quantity IS DISTINCT FROM sums.total)::int AS differences,
      SUM(sums.entries)::int AS entries
    FROM balances FULL JOIN (
      SELECT account_id, asset_symbol, SUM(quantity) AS total, COUNT(*) AS entries
      FROM ledger_entries GROUP BY account_id, asset_symbol
    ) AS sums USING (account_id, asset_symbol)`;
  return row ?? { differences: -1, entries: -1 };
}

it('takes 400 fills once that eight clients send twice, at the same moment', async () => {
  const accounts = await Promise.all(Array.from({ length: 10 }, () => openAccount(service)));
  // Of each account 40 fills of the same small size, two buys to one sell, each with a fee of 0.01.
  const fills = Array.from({ length: 400 }, (_, index) => {
    const side = Math.floor(index / 10) % 3 === 2 ? 'SELL' : 'BUY';
    const price = String(20_000 + (index % 7));
    return fill(accounts[index % 10] ?? '', 'BTCUSDT', side, '0.001', price, { fillId: `storm-${index}`, fee: '0.01' });
  });
  const batches = Array.from({ length: 8 }, (_, index) => fills.slice(index * 50, index * 50 + 50));
  // Each client sends its batches, and then all of them again; every batch is sent by four clients.
  const clients = Array.from({ length: 8 }, async (_, client) => {
    const mine = batches.filter((_batch, index) => index % 2 === client % 2);
    let recorded = 0;
    for (const batch of [...mine, ...mine]) {
      const answer = await recordFills(service, ...batch);
      expect(answer.errors).toEqual([]);
      expect(answer.recorded + answer.alreadyKnown).toBe(50);
      recorded += answer.recorded;
    }
    return recorded;
  });
  const recorded = await Promise.all(clients);

  expect(recorded.reduce((sum, each) => sum + each, 0)).toBe(400);
  const { db } = app.app.services;
  expect(await db.fill.count({ where: { fillId: { startsWith: 'storm-' } } })).toBe(400);
  expect((await books()).differences).toBe(0);
  // 40 fills: 27 buys and 13 sells of 0.001 leave a long of 0.014.
  const positions = await db.position.findMany();
  expect(positions.filter(({ side }) => side === 'LONG').map(({ size }) => size.toFixed())).toEqual(
    accounts.map(() => '0.014'),
  );
  // Every fill paid a fee; the fees alone are 40 x 0.01 of each account.
  const fees = await db.ledgerEntry.groupBy({ by: ['accountId'], where: { kind: 'FEE' }, _sum: { quantity: true } });
  expect(fees.map(({ _sum }) => _sum.quantity?.toFixed())).toEqual(accounts.map(() => '-0.4'));
});

it('takes a batch once that arrives twice at the same moment', async () => {
  const id = await openAccount(service);
  await publishPrices(service, { BTC: '20000' });
  const deposits = [transfer(id, 'USDT', '100'), transfer(id, 'BTC', '0.5')];
  const answers = await Promise.all([recordTransfers(service, ...deposits), recordTransfers(service, ...deposits)]);
  expect(answers.map(({ recorded, alreadyKnown }) => recorded + alreadyKnown)).toEqual([2, 2]);
  expect(answers.reduce((sum, { recorded }) => sum + recorded, 0)).toBe(2);
  const trades = [fill(id, 'BTCUSDT', 'BUY', '1', '20000'), fill(id, 'BTCUSDT', 'SELL', '1', '20010')];
  const filled = await Promise.all([recordFills(service, ...trades), recordFills(service, ...trades)]);
  expect(filled.reduce((sum, { recorded }) => sum + recorded, 0)).toBe(2);
  const { account } = await service.ask<{ account: { balances: object[]; version: number } }>(
    'query ($id: ID!) { account(id: $id) { version balances { asset { symbol } quantity } } }',
    { id },
  );
  expect(account).toEqual({
    // Opened, two deposits in one change, two fills in one change.
    version: 3,
    balances: [
      { asset: { symbol: 'BTC' }, quantity: '0.5' },
      { asset: { symbol: 'USDT' }, quantity: '110' },
    ],
  });
  expect((await books()).differences).toBe(0);
});

it('keeps what it acknowledged in the order of the ledger', async () => {
  const id = await openAccount(service);
  // Buy 1@1, 1@2, 1@2; sell 1@3, then 2@2: realised PnL is exactly 2 (rules: 1).
  await recordFills(
    service,
    ...(['1', '2', '2'] as const).map((price) => fill(id, 'BTCUSDT', 'BUY', '1', price)),
    fill(id, 'BTCUSDT', 'SELL', '1', '3'),
    fill(id, 'BTCUSDT', 'SELL', '2', '2'),
  );
  const { account } = await service.ask<{ account: { ledger: { nodes: object[] }; fills: { nodes: object[] } } }>(
    `query ($id: ID!) { account(id: $id) {
      ledger { nodes { kind quantity balanceAfter } }
      fills(first: 2) { nodes { side size realizedPnl } pageInfo { hasNextPage } }
    } }`,
    { id },
  );
  expect(account.ledger.nodes).toEqual([
    { kind: 'REALIZED_PNL', quantity: '0.666666666666666667', balanceAfter: '2' },
    { kind: 'REALIZED_PNL', quantity: '1.333333333333333333', balanceAfter: '1.333333333333333333' },
  ]);
  expect(account.fills).toEqual({
    nodes: [
      { side: 'SELL', size: '2', realizedPnl: '0.666666666666666667' },
      { side: 'SELL', size: '1', realizedPnl: '1.333333333333333333' },
    ],
    pageInfo: { hasNextPage: true },
  });
});

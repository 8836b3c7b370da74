/** The hourly job of a running server: it charges due interest by itself, and after a restart the missed hours. */
import { afterAll, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { createTestDatabase } from '../../support/services/database.js';
import { readAccount } from '../../support/calls/account-reader.js';
import { call, ledgerOf } from '../../support/calls/trader-calls.js';
import { openAccount } from '../../support/calls/venue-system.js';

const database = await createTestDatabase();
let app: TestApp | null = null;
let now = Date.parse('2030-01-01T09:40:00Z');

afterAll(async () => {
  await app?.close();
  await database.drop();
});

const start = async (): Promise<Api> => {
  app = await startTestApp({ database, clock: () => now });
  return app.as('venue', 'SERVICE');
};

/** The ledger, newest first, as soon as it has so many entries. */
async function ledgerWith(api: Api, id: string, entries: number): Promise<string[]> {
  for (const end = Date.now() + 20_000; ; await new Promise((resolve) => setTimeout(resolve, 50))) {
    const ledger = await ledgerOf(api, id);
    if (ledger.length >= entries || Date.now() > end) return ledger;
  }
}

it('charges every full hour once, those of a pause too', async () => {
  let service = await start();
  const id = await openAccount(service, { venue: 'ASTER', chain: 'BNB_CHAIN' });
  const owed = {
    entryId: 'owed',
    accountId: id,
    asset: 'USDT',
    quantity: '-2000',
    kind: 'ADJUSTMENT',
    at: new Date(0),
  };
  await call(service, 'recordLedgerEntries', { entries: [owed] });
  const estimate = (): Promise<object> =>
    readAccount(service, id, 'interestEstimate { asset { symbol } quantity chargedAt }');
  const due = (quantity: string, chargedAt: string): object => ({
    interestEstimate: [{ asset: { symbol: 'USDT' }, quantity, chargedAt }],
  });
  expect(await estimate()).toEqual(due('0.00457', '2030-01-01T10:00:00.000Z'));

  now = Date.parse('2030-01-01T10:00:00Z');
  const first = 'INTEREST USDT -0.00457 -2000.00457 interest:2030-01-01T10:00:00.000Z';
  expect(await ledgerWith(service, id, 2)).toEqual([first, 'ADJUSTMENT USDT -2000 -2000 owed']);
  expect(await estimate()).toEqual(due('0.0045700208849', '2030-01-01T11:00:00.000Z'));

  await app?.close();
  now = Date.parse('2030-01-01T12:10:00Z');
  service = await start();
  expect((await ledgerWith(service, id, 4)).slice(0, 3)).toEqual([
    // 0.00000457 x 1,000.0091400208849 and, before it, x 1,000.00457; rounded up at 18 digits.
    'INTEREST USDT -0.004570041769895444 -2000.013710062654795444 interest:2030-01-01T12:00:00.000Z',
    'INTEREST USDT -0.0045700208849 -2000.0091400208849 interest:2030-01-01T11:00:00.000Z',
    first,
  ]);

  // Another start within the hour finds nothing to do.
  await app?.close();
  service = await start();
  now += 5 * 60_000;
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await ledgerOf(service, id)).toHaveLength(4);
});

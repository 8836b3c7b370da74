/** Two servers on one PostgreSQL, one of them restarted with an instrument more: the other one learns of it, and goes on. */
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

import { referenceFolder, type OwnVenue } from '../../support/calls/own-venue.js';
import { apiFor, type Api } from '../../support/services/api.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { startServerProcess, type ServerProcess } from '../../support/services/process.js';
import { until } from '../../support/until.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';

const PERP = { baseAsset: 'BTC', tiers: [['0', '0.1']] } as const;
const VENUE: OwnVenue = { code: 'OWN', instruments: { BTCUSDT: PERP as unknown as OwnVenue['instruments'][string] } };
const WITH_NEW: OwnVenue = {
  ...VENUE,
  instruments: { ...VENUE.instruments, NEWCUSDT: VENUE.instruments['BTCUSDT'] as never },
};

const onPostgres = SERVER_URL === null ? describe.skip : describe;

onPostgres('an instrument that another server has stored', () => {
  let database: TestDatabase;
  let old: ServerProcess;
  let newer: ServerProcess;
  let folders: Awaited<ReturnType<typeof referenceFolder>>[];

  const start = (folder: string): Promise<ServerProcess> =>
    startServerProcess({ ...database.env, REFERENCE_DATA: folder, LOG_LEVEL: 'info' });

  beforeAll(async () => {
    database = await createTestDatabase();
    folders = [await referenceFolder(VENUE), await referenceFolder(WITH_NEW)];
    old = await start((folders[0] as { path: string }).path);
  });

  afterAll(async () => {
    await Promise.all([old, newer].map((server) => server.kill()));
    await Promise.all(folders.map((folder) => folder.remove()));
    await database.drop();
  });

  const alertedIds = async (api: Api): Promise<string[]> => {
    const { riskAlerts } = await api.ask<{ riskAlerts: { nodes: { account: { id: string } }[] } }>(
      '{ riskAlerts(kinds: [STATUS_CHANGED]) { nodes { account { id } } } }',
    );
    return riskAlerts.nodes.map(({ account }) => account.id);
  };

  it('is known to the old one soon, and alerts go on meanwhile', async () => {
    const onOld = await apiFor(old.url, 'venue', 'SERVICE');
    await publishPrices(onOld, { 'OWN/BTCUSDT': '20000' });
    const [calm, trading] = [await openAccount(onOld, { venue: 'OWN' }), await openAccount(onOld, { venue: 'OWN' })];
    for (const id of [calm, trading]) await recordTransfers(onOld, transfer(id, 'USDT', '1000'));
    await recordFills(onOld, fill(calm, 'BTCUSDT', 'BUY', '0.1', '20000'));

    newer = await start((folders[1] as { path: string }).path);
    const onNew = await apiFor(newer.url, 'venue', 'SERVICE');
    expect(old.output()).toContain('This server is the leader');
    await publishPrices(onNew, { 'OWN/NEWCUSDT': '100' });
    expect(await recordFills(onNew, fill(trading, 'NEWCUSDT', 'BUY', '10', '100'))).toMatchObject({ recorded: 1 });
    // 1,000 - 0.1 x 9,000 = 100; a tenth of 1,100 is required.
    await publishPrices(onNew, { 'OWN/BTCUSDT': '11000' });
    await until(async () => (await alertedIds(onNew)).includes(calm));

    const query = 'query ($id: ID!) { account(id: $id) { margin { maintenanceMargin } } }';
    await until(async () => (await onOld.send(query, { id: trading })).errors === undefined);
    expect(await onOld.ask(query, { id: trading })).toEqual({ account: { margin: { maintenanceMargin: '100' } } });
    // 1,000 - 10 x 90 = 100; a tenth of 100 is required: calm. At 1: 1,000 - 990 = 10 and 1 required. It alerts at -1.
    await publishPrices(onOld, { 'OWN/NEWCUSDT': '0.01' });
    await recordTransfers(onNew, transfer(trading, 'USDT', '-0.05'));
    await recordFills(onOld, fill(trading, 'NEWCUSDT', 'BUY', '1', '90'));
    await until(async () => (await alertedIds(onOld)).includes(trading));
    const ready = (await (await fetch(`${old.url}/readyz`)).json()) as object;
    expect(ready).toEqual({ status: 'ok', problems: [] });
  });
});

/**
 * A backup is restored under two running servers. They notice within seconds, read everything anew, push and alert by
 * what is true now, and say again what they said in the history that is lost.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { startTestApp, type TestApp } from '../../support/services/app.js';
import { SERVER_URL, createTestDatabase, onServer, urlOf, type TestDatabase } from '../../support/services/database.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import { until } from '../../support/until.js';

// Skipped without TEST_DATABASE_URL.
const shared = SERVER_URL !== null ? it : it.skip;
const run = promisify(execFile);

let database: TestDatabase;
let apps: [TestApp, TestApp];
let service: Api;
let name: string;

beforeAll(async () => {
  if (SERVER_URL === null) return;
  database = await createTestDatabase();
  name = new URL(database.env.DATABASE_URL ?? '').pathname.slice(1);
  apps = [await startTestApp({ database }), await startTestApp({ database })];
  service = await apps[1].as('venue', 'SERVICE');
});

afterAll(async () => {
  if (SERVER_URL === null) return;
  await Promise.all(apps.map((app) => app.close()));
  await database.drop();
  for (const each of [`${name}_backup`, `${name}_lost`]) await onServer(`DROP DATABASE IF EXISTS ${each} WITH (FORCE)`);
});

async function backUp(): Promise<void> {
  await onServer(`CREATE DATABASE ${name}_backup`);
  await run('sh', ['-c', 'pg_dump "$0" | psql -q -v ON_ERROR_STOP=1 "$1"', urlOf(name), urlOf(`${name}_backup`)]);
}

/** The backup takes the place of the database. */
async function restore(): Promise<void> {
  await onServer(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
  await onServer(`SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '${name}'`);
  await until(async () => {
    return onServer(`ALTER DATABASE ${name} RENAME TO ${name}_lost`).then(
      () => true,
      () => false,
    );
  });
  await onServer(`ALTER DATABASE ${name}_backup RENAME TO ${name}`);
}

interface Told {
  readonly account: { readonly id: string };
  readonly cursor: string;
  readonly status: string;
  readonly previousStatus: string | null;
}

/** What the watchers and the stream of alerts of a server are sent. */
async function follow(
  app: TestApp,
  ids: readonly string[],
  after: string | null,
): Promise<{
  alerts: Told[];
  states: Map<string, [cause: string, status: string, wallet: number][]>;
  end: () => Promise<void>;
}> {
  const socket = (await app.as('alice', 'TRADER')).socket();
  const alerts: Told[] = [];
  const states = new Map(ids.map((id): [string, [string, string, number][]] => [id, []]));
  const alertQuery = `subscription ($after: String) {
    riskAlerts(after: $after) { account { id } cursor status previousStatus }
  }`;
  const stateQuery = `subscription ($ids: [ID!]!) {
    marginRatioChanged(accountIds: $ids, minChange: "0") { account { id } cause margin { status walletValue } }
  }`;
  const reading = Promise.allSettled([
    (async () => {
      const stream = socket.iterate<{ riskAlerts: Told }>({ query: alertQuery, variables: { after } });
      for await (const { data } of stream) if (data != null) alerts.push(data.riskAlerts);
    })(),
    (async () => {
      const stream = socket.iterate<{ marginRatioChanged: Pushed }>({ query: stateQuery, variables: { ids } });
      for await (const { data } of stream) {
        if (data == null) continue;
        const { account, cause, margin } = data.marginRatioChanged;
        states.get(account.id)?.push([cause, margin.status, Number(margin.walletValue)]);
      }
    })(),
  ]);
  await until(() => [...states.values()].every((each) => each.length > 0));
  return {
    alerts,
    states,
    end: async () => {
      await socket.dispose();
      await reading;
    },
  };
}

interface Pushed {
  readonly account: { readonly id: string };
  readonly cause: string;
  readonly margin: { readonly status: string; readonly walletValue: string };
}

const mark = (price: string): Promise<unknown> => publishPrices(service, { 'BITGET/BTCUSDT': price });

shared('all servers read the restored database, and what they said and is no longer true is said again', async () => {
  await mark('20000');
  const opened = await Promise.all([openAccount(service), openAccount(service)]);
  const [healthy, poor] = opened;
  await recordTransfers(service, transfer(healthy, 'USDT', '10000'), transfer(poor, 'USDT', '300'));
  await recordFills(service, fill(healthy, 'BTCUSDT', 'BUY', '1', '20000'), fill(poor, 'BTCUSDT', 'BUY', '1', '20000'));
  const followed = [await follow(apps[0], opened, null), await follow(apps[1], opened, null)] as const;
  await backUp();

  // Of all this the database will know nothing.
  await recordFills(service, fill(healthy, 'BTCUSDT', 'BUY', '0.001', '20000', { fee: '9700' }));
  await recordTransfers(service, transfer(poor, 'USDT', '9700'));
  await mark('19760');
  const lastOf = (index: 0 | 1, id: string): unknown => followed[index].states.get(id)?.at(-1);
  await until(() => followed.every(({ alerts }) => alerts.at(-1)?.status === 'LIQUIDATION'));
  const lost = followed[0].alerts.at(-1);
  expect(lost?.account.id).toBe(healthy);

  await restore();
  const restored = performance.now();
  await until(() => [0, 1].every((index) => String(lastOf(index as 0 | 1, healthy)).startsWith('RESYNC')));
  expect(performance.now() - restored).toBeLessThan(30_000);
  for (const index of [0, 1] as const) {
    // Nothing was said of accounts of the one history at prices of the other.
    expect(followed[index].states.get(healthy)?.slice(-2)).toEqual([
      [expect.any(String), 'LIQUIDATION', 300],
      ['RESYNC', 'HEALTHY', 10_000],
    ]);
    expect(lastOf(index, poor)).toEqual(['RESYNC', expect.any(String), 300]);
  }
  const corrected = { account: { id: healthy }, status: 'HEALTHY', previousStatus: 'LIQUIDATION' };
  await until(() => followed.every(({ alerts }) => alerts.at(-1)?.status === 'HEALTHY'));
  for (const { alerts } of followed) expect(alerts.at(-1)).toMatchObject(corrected);

  // The same price again: who is healthy stays so, and who is not is alerted.
  await mark('19760');
  await until(() => followed.every(({ alerts }) => alerts.at(-1)?.account.id === poor));
  for (const { alerts } of followed) expect(alerts.at(-1)).toMatchObject({ status: 'LIQUIDATION' });
  await until(() => String(lastOf(0, healthy)).startsWith('PRICE'));
  expect(lastOf(0, healthy)).toEqual(['PRICE', 'HEALTHY', 10_000]);

  // A cursor of the lost history hides nothing of the new one, and nothing comes twice.
  const resumed = await follow(apps[0], opened, lost?.cursor ?? null);
  await until(() => resumed.alerts.length >= 2);
  expect(resumed.alerts).toMatchObject([corrected, { account: { id: poor }, status: 'LIQUIDATION' }]);
  await Promise.all([...followed, resumed].map(({ end }) => end()));
  for (const { url } of apps) {
    expect(await (await fetch(`${url}/readyz`)).json()).toEqual({ status: 'ok', problems: [] });
  }
});

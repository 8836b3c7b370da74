/**
 * A primary dies whose asynchronous standby lacks the last commits, and the standby is promoted under two running
 * servers. They notice within seconds, read everything anew, and alert and push by what is true now.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import type { Api } from '../../support/services/api.js';
import { apiFor } from '../../support/services/api.js';
import { PostgresPair, hasPostgres } from '../../support/services/own-postgres.js';
import { startServerProcess, type ServerProcess } from '../../support/services/process.js';
import {
  fill,
  openAccount,
  publishPrices,
  recordFills,
  recordTransfers,
  transfer,
} from '../../support/calls/venue-system.js';
import { until } from '../../support/until.js';

// Two PostgreSQL of its own take long: LONG=1, and Debian's PostgreSQL 15.
const long = process.env['LONG'] !== undefined && hasPostgres();
const walk = long ? it : it.skip;

let folder: string;
let postgres: PostgresPair;
const servers: ServerProcess[] = [];
let services: Api[];

beforeAll(async () => {
  if (!long) return;
  folder = mkdtempSync(join(tmpdir(), 'plimsoll-failover-'));
  postgres = await PostgresPair.start();
  for (let index = 0; index < 2; index++) {
    servers.push(await startServerProcess({ DATABASE_URL: postgres.url, DATA_DIR: join(folder, `server${index}`) }));
  }
  services = await Promise.all(servers.map(({ url }) => apiFor(url, 'venue', 'SERVICE')));
  await postgres.addStandby(false);
});

afterAll(async () => {
  if (!long) return;
  await Promise.all(servers.map((server) => server.kill()));
  await postgres.drop();
  rmSync(folder, { recursive: true, force: true });
});

interface State {
  readonly margin: { readonly status: string; readonly walletValue: string };
}

/** The newest state that each server has pushed, and the alerts that it has sent. */
async function follow(
  server: ServerProcess,
  ids: readonly string[],
): Promise<{ state: (id: string) => string; alerts: string[]; end: () => Promise<void> }> {
  const socket = (await apiFor(server.url, 'alice', 'TRADER')).socket();
  const states = new Map<string, string>();
  const alerts: string[] = [];
  const query = `subscription ($ids: [ID!]!) {
    marginRatioChanged(accountIds: $ids, minChange: "0") { account { id } margin { status walletValue } } }`;
  const watching = (async () => {
    const stream = socket.iterate<{ marginRatioChanged: State & { account: { id: string } } }>({
      query,
      variables: { ids },
    });
    for await (const { data } of stream) {
      const pushed = data?.marginRatioChanged;
      if (pushed !== undefined)
        states.set(pushed.account.id, `${pushed.margin.status} ${Number(pushed.margin.walletValue)}`);
    }
  })();
  const listening = (async () => {
    const stream = socket.iterate<{ riskAlerts: { account: { id: string }; status: string; previousStatus: string } }>({
      query: 'subscription { riskAlerts { account { id } status previousStatus } }',
    });
    for await (const { data } of stream) {
      const alert = data?.riskAlerts;
      if (alert !== undefined) alerts.push(`${ids.indexOf(alert.account.id)} ${alert.previousStatus} ${alert.status}`);
    }
  })();
  await until(() => states.size === ids.length);
  const end = async (): Promise<void> => {
    await socket.dispose();
    await Promise.allSettled([watching, listening]);
  };
  return { state: (id) => states.get(id) ?? '', alerts, end };
}

walk(
  'what the standby lacks is forgotten by all servers within seconds, and what is true then is pushed and alerted',
  async () => {
    const [service] = services as [Api];
    const mark = (price: string): Promise<unknown> => publishPrices(service, { 'BITGET/BTCUSDT': price });
    await mark('20000');
    const ids = await Promise.all([openAccount(service), openAccount(service)]);
    const [healthy, poor] = ids;
    await recordTransfers(service, transfer(healthy, 'USDT', '10000'), transfer(poor, 'USDT', '300'));
    await recordFills(
      service,
      fill(healthy, 'BTCUSDT', 'BUY', '1', '20000'),
      fill(poor, 'BTCUSDT', 'BUY', '1', '20000'),
    );
    const followed = await Promise.all(servers.map((server) => follow(server, ids)));
    await postgres.part();
    await recordFills(service, fill(healthy, 'BTCUSDT', 'BUY', '0.001', '20000', { fee: '9700' }));
    await recordTransfers(service, transfer(poor, 'USDT', '9700'));
    await mark('19760');
    await until(() =>
      followed.every(
        ({ alerts }) => alerts.at(-1)?.startsWith('0') === true && alerts.at(-1)?.endsWith('LIQUIDATION') === true,
      ),
    );

    await postgres.failOver();
    const promoted = performance.now();
    await until(() => followed.every(({ state }) => state(healthy) === 'HEALTHY 10000'));
    expect(performance.now() - promoted).toBeLessThan(40_000);
    await until(() => followed.every(({ alerts }) => alerts.at(-1) === '0 LIQUIDATION HEALTHY'));

    await until(
      async () =>
        await mark('19760').then(
          () => true,
          () => false,
        ),
    );
    await until(() => followed.every(({ state }) => state(poor).startsWith('LIQUIDATION')));
    await until(() => followed.every(({ alerts }) => alerts.at(-1)?.startsWith('1') === true));
    for (const { state } of followed) expect(state(healthy)).toBe('HEALTHY 10000');
    for (const { url } of servers) {
      await until(async () => ((await (await fetch(`${url}/readyz`)).json()) as { status: string }).status === 'ok');
    }
    await Promise.all(followed.map(({ end }) => end()));
  },
  240_000,
);

/** Metrics on a port of their own, and nowhere else. */
import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { startTestApp, type TestApp } from '../../support/services/app.js';
import { freePort } from '../../support/services/own-program.js';
import { connectSocket, post } from '../../support/services/raw.js';
import { openAccount, publishPrices } from '../../support/calls/venue-system.js';
import { until } from '../../support/until.js';

let app: TestApp;
let port: number;

beforeAll(async () => {
  port = await freePort();
  app = await startTestApp({ env: { METRICS_PORT: String(port) } });
});
afterAll(() => app.close());

async function scrape(): Promise<Map<string, number>> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain; version=0.0.4');
  const lines = (await response.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
  return new Map(lines.map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.split(' ').at(-1))]));
}

it('are not served to clients, and nothing else is served beside them', async () => {
  expect((await fetch(`${app.url}/metrics`)).status).toBe(404);
  for (const path of ['/', '/graphql', '/readyz']) {
    expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(404);
  }
  expect((await fetch(`http://127.0.0.1:${port}/metrics`, { method: 'POST' })).status).toBe(404);
});

it('tell what the server holds, does and lacks', async () => {
  const service = await app.as('venue', 'SERVICE');
  await openAccount(service);
  await publishPrices(service, { BTC: '60000' });
  await publishPrices(service, { ETH: '2500' }, { at: new Date(Date.now() - 3_600_000).toISOString() });
  await post(await app.as('alice', 'TRADER'), '{ accounts(first: 1000) { nodes { id } } }');
  const socket = await connectSocket(service);
  await until(async () => (await scrape()).get('plimsoll_accounts') === 1);
  const metrics = await scrape();
  expect(Object.fromEntries(metrics)).toMatchObject({
    plimsoll_accounts_set_aside: 0,
    plimsoll_leader: 1,
    plimsoll_term: 1,
    plimsoll_connections: 1,
    plimsoll_last_alert: 0,
    'plimsoll_stale_prices{reason="AGED"}': 1,
    'plimsoll_stale_prices{reason="SOURCES_DISAGREE"}': 0,
    'plimsoll_price_stale{symbol="index/ETH",reason="AGED"}': 1,
    'plimsoll_problem{name="ALERTS_LATE"}': 0,
    'plimsoll_problem{name="STOPPING"}': 0,
    'plimsoll_operations_total{transport="http",outcome="OK"}': 3,
    'plimsoll_operations_total{transport="http",outcome="BAD_USER_INPUT"}': 1,
  });
  expect(metrics.get('plimsoll_cycle_seconds_count')).toBeGreaterThan(0);
  expect(metrics.get('process_resident_memory_bytes')).toBeGreaterThan(0);
  expect(metrics.has('plimsoll_price_stale{symbol="index/BTC",reason="AGED"}')).toBe(false);
  socket.close();
});

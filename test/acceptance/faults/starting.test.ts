/** A server that still reads its accounts: one account is served, and what looks at all of them says how far it is. */
import { setTimeout as wait } from 'node:timers/promises';

import { afterAll, beforeAll, expect, it } from '@jest/globals';

import { openAccount, recordTransfers, transfer } from '../../support/calls/venue-system.js';
import { apiFor } from '../../support/services/api.js';
import { startTestApp } from '../../support/services/app.js';
import { SERVER_URL, createTestDatabase, type TestDatabase } from '../../support/services/database.js';
import { freePort } from '../../support/services/own-program.js';
import { startServerProcess, type ServerProcess } from '../../support/services/process.js';

// Skipped without TEST_DATABASE_URL: PGlite would take long to fill.
const shared = SERVER_URL !== null ? it : it.skip;
const ACCOUNTS = 60_000;

let database: TestDatabase;
let id: string;
let server: Promise<ServerProcess> | null = null;

beforeAll(async () => {
  if (SERVER_URL === null) return;
  database = await createTestDatabase();
  const app = await startTestApp({ database });
  const service = await app.as('venue', 'SERVICE');
  id = await openAccount(service);
  await recordTransfers(service, transfer(id, 'USDT', '1000'));
  await app.app.services.db.$executeRaw`
    WITH opened AS (
      INSERT INTO accounts (id, name, owner, venue_code, collateral_mode, position_mode, opened_at)
      SELECT gen_random_uuid(), 'Test', 'bob', 'BITGET', 'MULTI_ASSET', 'ONE_WAY', now() FROM generate_series(1, ${ACCOUNTS})
      RETURNING id)
    INSERT INTO account_versions (account_id, version, at, collateral_mode, position_mode)
    SELECT id, 1, now(), 'MULTI_ASSET', 'ONE_WAY' FROM opened`;
  await app.close();
});

afterAll(async () => {
  if (SERVER_URL === null) return;
  await (await server)?.kill();
  await database.drop();
});

async function problemsOf(url: string): Promise<string[]> {
  const answer = (await (await fetch(`${url}/readyz`)).json()) as { problems: { name: string }[] };
  return answer.problems.map(({ name }) => name);
}

shared(
  'an account, a deposit and a stream are served while all accounts are read; an overview waits',
  async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}`;
    server = startServerProcess({ ...database.env, PORT: String(port), LOG_LEVEL: 'warn' });
    server.catch(() => undefined);
    while (
      !(await fetch(`${url}/livez`).then(
        ({ ok }) => ok,
        () => false,
      ))
    )
      await wait(10);
    const service = await apiFor(url, 'venue', 'SERVICE');
    const admin = await apiFor(url, 'root', 'ADMIN');
    const ask = { query: `{ account(id: "${id}") { version margin { marginBalance } } }` };
    expect(await service.ask(ask.query)).toEqual({ account: { version: 2, margin: { marginBalance: '1000' } } });
    const { errors } = await admin.send('{ riskOverview(venue: "BITGET") { setAside } }');
    expect(errors).toMatchObject([{ extensions: { code: 'SERVICE_UNAVAILABLE' } }]);
    expect(errors?.[0]?.message).toMatch(/^This server is starting: \d+ accounts are read/);
    await recordTransfers(service, transfer(id, 'USDT', '1'));
    expect(await service.ask(ask.query)).toEqual({ account: { version: 3, margin: { marginBalance: '1001' } } });
    // All of this came before.
    expect(await problemsOf(url)).toContain('STARTING');

    const stream = service.socket().iterate<{ marginRatioChanged: { margin: { walletValue: string } } }>({
      query: `subscription { marginRatioChanged(accountIds: ["${id}"]) { margin { walletValue } } }`,
    });
    expect((await stream.next()).value).toMatchObject({
      data: { marginRatioChanged: { margin: { walletValue: '1001' } } },
    });
    await stream.return?.();
    await server;
    expect(await problemsOf(url)).toEqual([]);
    const { riskOverview } = await admin.ask<{ riskOverview: { accounts: { accounts: number }[] } }>(
      '{ riskOverview(venue: "BITGET") { accounts { accounts } } }',
    );
    expect(riskOverview.accounts.reduce((sum, { accounts }) => sum + accounts, 0)).toBe(ACCOUNTS + 1);
  },
  240_000,
);
